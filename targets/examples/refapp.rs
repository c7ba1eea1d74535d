//! Runs one role of the reference application on its own, for trials without the harness:
//! `DATABASE_URL=... cargo run --release -p chaos-targets --example refapp -- app`

use std::process::ExitCode;

fn main() -> ExitCode {
    chaos_targets::main(&std::env::args().nth(1).unwrap_or_default())
}
