//! Names the process that made an object, so that a later one can tell whether it still lives. A
//! process number alone is given again; with its start time, its boot and its namespace it is not.

use std::fmt;
use std::fs;
use std::str::FromStr;

/// A process, named so that it can be found again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// Name of its host.
    pub host: String,
    /// Which boot of it.
    pub boot: String,
    /// Its namespace of process numbers.
    pub namespace: String,
    /// Its number there.
    pub pid: u32,
    /// When it started, in the kernel's ticks since the boot.
    pub started: u64,
}

/// What is known of an owner from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Alive,
    /// It has ended, or its machine was started anew.
    Dead,
    /// It belongs to another machine or container, of which nothing can be known from here.
    Elsewhere,
}

/// A text that names no owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no process: write host/boot/namespace/pid/started")]
pub struct OwnerError(String);

impl Owner {
    /// This process.
    pub fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            host: host_name(),
            boot: boot(),
            namespace: namespace(),
            pid,
            started: started(pid).unwrap_or(0),
        }
    }

    /// Whether it still runs.
    pub fn liveness(&self) -> Liveness {
        if self.host != host_name() {
            return Liveness::Elsewhere;
        }
        if self.boot != boot() {
            return Liveness::Dead;
        }
        if self.namespace != namespace() {
            return Liveness::Elsewhere;
        }
        if started(self.pid) == Some(self.started) { Liveness::Alive } else { Liveness::Dead }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, boot, namespace, pid, started } = self;
        write!(formatter, "{host}/{boot}/{namespace}/{pid}/{started}")
    }
}

impl FromStr for Owner {
    type Err = OwnerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || OwnerError(text.to_owned());
        let parts: Vec<&str> = text.split('/').collect();
        let [host, boot, namespace, pid, started] = parts.as_slice() else { return Err(wrong()) };
        Ok(Self {
            host: (*host).to_owned(),
            boot: (*boot).to_owned(),
            namespace: (*namespace).to_owned(),
            pid: pid.parse().map_err(|_| wrong())?,
            started: started.parse().map_err(|_| wrong())?,
        })
    }
}

fn host_name() -> String {
    first_line("/proc/sys/kernel/hostname")
}

fn boot() -> String {
    first_line("/proc/sys/kernel/random/boot_id")
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().replace('/', "-")
}

/// The number in `pid:[4026531836]`.
fn namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy().chars().filter(char::is_ascii_digit).collect()
}

/// Start time of a process, in ticks since the boot; none if it does not run.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; the 20th field after it is the start time.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let is_zombie = fields.first() == Some(&"Z");
    if is_zombie { None } else { fields.get(19)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_found_again() {
        let owner = Owner::this_process();
        assert_eq!(owner.liveness(), Liveness::Alive);
        assert_eq!(owner.to_string().parse(), Ok(owner));
    }

    #[test]
    fn others_are_told_apart() {
        let this = Owner::this_process();
        // The same number, given again to a later process.
        let reused = Owner { started: this.started + 1, ..this.clone() };
        assert_eq!(reused.liveness(), Liveness::Dead);
        let before_the_boot = Owner { boot: "another".to_owned(), ..this.clone() };
        assert_eq!(before_the_boot.liveness(), Liveness::Dead);
        let other_machine = Owner { host: "another".to_owned(), ..this.clone() };
        assert_eq!(other_machine.liveness(), Liveness::Elsewhere);
        let other_container = Owner { namespace: "1".to_owned(), ..this };
        assert_eq!(other_container.liveness(), Liveness::Elsewhere);
        assert!("vm/1/2".parse::<Owner>().is_err());
    }

    #[test]
    fn a_process_that_ended_is_dead() {
        let mut child = std::process::Command::new("true").spawn().expect("`true` starts");
        let pid = child.id();
        let owner = Owner { pid, started: started(pid).unwrap_or(1), ..Owner::this_process() };
        child.wait().expect("it ends");
        assert_eq!(owner.liveness(), Liveness::Dead);
    }
}
