//! The two ends of a measurement of load generators: a server that costs little and counts what
//! reaches it, and our own generator, driven for some seconds. `ci/benchmark-generator` starts both
//! on cores of their own, and other generators against the same server.
//!
//! ```text
//! generator serve                               prints its address and serves until killed
//! generator load ENGINE RATE SECONDS TIMEOUT_MS WORKLOAD URL [USERS]
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a tool of the benchmarks")]

mod load;
mod server;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        // As `cargo bench` calls it: the measurement needs two processes on two cores.
        [] => {
            println!("generator: measured by ci/benchmark-generator");
            Ok(())
        }
        ["serve"] => server::serve(),
        ["load", asked @ ..] => load::run(asked),
        other => Err(format!("`{}` is not known here: `serve` or `load`", other.join(" "))),
    };
    done.map_or_else(
        |error| {
            eprintln!("generator: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
