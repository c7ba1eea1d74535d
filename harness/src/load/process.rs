//! What a load needs of the process, files for its connections, and what goose takes of it unless
//! somebody is faster: the interrupt signal, which it would
//! answer the second time by ending the process with all containers left running, and the logger,
//! which it would point at standard output.

use std::sync::OnceLock;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::port::PortError;

/// Files that everything but the connections of a load may need.
const OTHER_FILES: u64 = 256;

/// Lets this process open a connection for each user. What a process may open unless it asks for
/// more is usually 1024 files: a hang at a few hundred requests a second needs more, and those
/// that could not be opened would be taken for refused by the target.
pub(super) fn allow_connections(users: usize) -> Result<(), PortError> {
    let needed = (users as u64).saturating_add(OTHER_FILES);
    let limits = getrlimit(Resource::RLIMIT_NOFILE);
    let (soft, hard) = limits.map_err(|error| cannot_open(needed, &error.to_string()))?;
    if soft >= needed {
        return Ok(());
    }
    if hard < needed {
        return Err(cannot_open(needed, &format!("at most {hard} are allowed")));
    }
    setrlimit(Resource::RLIMIT_NOFILE, needed, hard)
        .map_err(|error| cannot_open(needed, &error.to_string()))
}

fn cannot_open(needed: u64, reason: &str) -> PortError {
    PortError(format!(
        "the load needs {needed} open files ({reason}): raise `ulimit -Hn`, or try a lower --rate or \
         a shorter --timeout"
    ))
}

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
