//! What goose takes of the process unless somebody is faster: the interrupt signal, which it would
//! answer the second time by ending the process with all containers left running, and the logger,
//! which it would point at standard output.

use std::sync::OnceLock;

use crate::port::PortError;

/// Takes the interrupt signal before goose does, so that every other handler keeps working.
///
/// Call it at the start of the process, **before** the first `tokio::signal`: handlers that are
/// registered later are called as if this one did not exist, earlier ones never. Every further
/// call does nothing.
pub fn claim_signals() -> Result<(), PortError> {
    static CLAIMED: OnceLock<Result<(), PortError>> = OnceLock::new();
    CLAIMED.get_or_init(|| ctrlc::set_handler(|| {}).map_err(|error| refused(&error))).clone()
}

fn refused(error: &ctrlc::Error) -> PortError {
    PortError(format!(
        "the interrupt signal is already taken ({error}): claim_signals must be called first"
    ))
}

/// Takes the process-wide logger before goose does, and drops what libraries log: what they say
/// about every failed request is in the windows. A logger that is already there is left alone.
pub fn claim_log() {
    // An error means that there is a logger, which goose cannot replace either.
    let _ = log::set_logger(&Silence);
}

struct Silence;

impl log::Log for Silence {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &log::Record<'_>) {}

    fn flush(&self) {}
}
