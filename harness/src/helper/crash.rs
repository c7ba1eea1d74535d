//! Kills the main process of the container that this runs in. The kernel protects process 1, so it
//! is Docker's init that stays, sees its child die, and ends with its exit code: then the restart
//! policy decides.

use std::fs;
use std::os::unix::fs::MetadataExt;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{FOREIGN, Failure};

/// Process 1, which is Docker's init.
const INIT: i32 = 1;

/// A process, as `/proc/<pid>/stat` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    pid: i32,
    name: String,
    parent: i32,
    /// In ticks since the machine was started.
    started: u64,
}

/// Kills it; says which it was. Containers drop the right to kill the processes of other users, so
/// whose it is is said for another attempt as that user.
pub(super) fn crash() -> Result<String, Failure> {
    let processes = processes().map_err(|error| told(format!("/proc cannot be read: {error}")))?;
    let main = main_process(processes);
    let main = main.ok_or_else(|| told("there is no process below an init".to_owned()))?;
    match kill(Pid::from_raw(main.pid), Signal::SIGKILL) {
        Ok(()) => Ok(format!("killed {} ({})", main.pid, main.name)),
        Err(Errno::EPERM) => {
            let folder = fs::metadata(format!("/proc/{}", main.pid));
            let owner = folder.map(|it| format!("{}:{}", it.uid(), it.gid()));
            let owner = owner.map_err(|error| told(error.to_string()))?;
            Err(Failure { exit_code: FOREIGN, said: owner })
        }
        Err(error) => Err(told(format!("{} ({}) cannot be killed: {error}", main.pid, main.name))),
    }
}

fn told(said: String) -> Failure {
    Failure { exit_code: 1, said }
}

fn processes() -> std::io::Result<Vec<Process>> {
    let entries = fs::read_dir("/proc")?.flatten();
    // A process that ends meanwhile is none.
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    Ok(stats.filter_map(|stat| parse(&stat)).collect())
}

/// The first child of init. Orphans, which it adopts, and tasks like this one came later.
fn main_process(processes: Vec<Process>) -> Option<Process> {
    let children = processes.into_iter().filter(|process| process.parent == INIT);
    children.min_by_key(|process| (process.started, process.pid))
}

/// Reads `7 (name) S 1 …`; a name may hold anything, brackets included.
fn parse(stat: &str) -> Option<Process> {
    /// Fields after the name: state, parent, and 20th the start.
    const STARTED: usize = 19;
    let (head, rest) = stat.rsplit_once(')')?;
    let (pid, name) = head.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    Some(Process {
        pid: pid.trim().parse().ok()?,
        name: name.to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        started: fields.get(STARTED)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(pid: i32, name: &str, parent: i32, started: u64) -> String {
        let between = "0 ".repeat(17);
        format!("{pid} ({name}) S {parent} {between}{started} 0 0\n")
    }

    #[test]
    fn the_first_child_of_init_is_the_main_process() {
        let stats = [
            stat(1, "docker-init", 0, 100),
            stat(31, "orphan", 1, 300),
            stat(7, "post) (gres", 1, 101),
            stat(8, "writer", 7, 101),
            stat(40, "chaos", 0, 400),
        ];
        let processes = stats.iter().filter_map(|stat| parse(stat)).collect();
        let main = main_process(processes).expect("a child of init");
        assert_eq!((main.pid, main.name.as_str()), (7, "post) (gres"));
        assert_eq!(main_process(vec![]), None);
    }

    #[test]
    fn processes_of_this_machine_are_read() {
        let own = i32::try_from(std::process::id()).expect("a number of a process");
        let found = processes().expect("/proc is there");
        assert!(found.iter().any(|process| process.pid == own && process.parent > 0));
        assert_eq!(parse("garbage"), None);
    }
}
