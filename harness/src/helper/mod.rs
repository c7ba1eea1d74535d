//! What our program does inside the containers of a target (`chaos helper`): the part of a fault
//! that cannot be done from outside; and what it does before them, as a proxy. It says on its
//! standard output what it did, or why it could not.

pub mod broker;
mod crash;
pub mod fill;
mod hog;
pub mod network;
mod proxy;

use std::io::Read;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::cli::Task;
use crate::terminal;

/// Exit code of a task that only another user may do; it says which, as `uid:gid`.
pub const FOREIGN: u8 = 13;

/// No fault lasts longer.
const LIMIT: Duration = Duration::from_secs(600);

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
        Task::Hold => fill::hold(),
        Task::Fill { folder, percent } => fill::fill(&folder, percent),
        Task::ProbeVolume { folder } => fill::probe(&folder),
        Task::Poison { queue, count, every, dead } => {
            broker::run(broker::poison::put(&queue, dead.as_deref(), count, every))
        }
        Task::PoisonSweep { queue, sent, dead } => {
            broker::run(broker::sweep::take_out(&queue, dead.as_deref(), sent))
        }
        Task::QueueDepths { queues } => broker::run(broker::depths::tell(&queues)),
        Task::Proxy(arguments) => proxy::main(&arguments),
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

/// Tells when the standard input ends, which Docker closes when the harness dies.
fn watch_input() -> mpsc::Receiver<()> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        let _ = tell.send(());
    });
    told
}
