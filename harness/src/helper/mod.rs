//! What our program does inside the containers of a target (`chaos helper`): the part of a fault
//! that cannot be done from outside. It says on its standard output what it did, or why it could not.

mod crash;
mod hog;
pub mod network;

use std::process::ExitCode;

use crate::cli::Task;
use crate::terminal;

/// Exit code of a task that only another user may do; it says which, as `uid:gid`.
pub const FOREIGN: u8 = 13;

/// Why a task was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Failure {
    exit_code: u8,
    said: String,
}

/// Does a task.
pub fn main(task: Task) -> ExitCode {
    let done = match task {
        Task::Crash => crash::crash(),
        Task::HogCpu { threads } => Ok(hog::cpu(threads)),
        Task::HogMemory { until } => hog::memory(until),
        Task::Network => network::main(),
    };
    match done {
        Ok(said) => {
            terminal::result(&said);
            ExitCode::SUCCESS
        }
        Err(Failure { exit_code, said }) => {
            terminal::result(&said);
            ExitCode::from(exit_code)
        }
    }
}
