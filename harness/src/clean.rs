//! Removes what runs left, by labels alone: whoever made it may be dead, and its files gone. What
//! does not carry a run's label is never touched, and nothing is ever pruned.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use tokio::time::sleep;

use crate::docker::label::{self, Labels};
use crate::docker::{Daemon, DockerError, Object, list_objects, remove_objects};
use crate::owner::{Liveness, Owner};
use crate::recorder::wall_clock;

/// What the daemon was still busy with for a process that died appears within this time.
pub const LATE: Duration = Duration::from_secs(1);
/// How often is looked until none is found.
const ROUNDS: u32 = 5;

/// What is to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// What no living process owns, and what expired.
    Dead,
    /// That, what `chaos up` and `--keep` left, and what belongs to another machine: everything
    /// that is not at work on this one.
    All,
    /// One run, whoever left it, unless it is at work.
    Run(&'a str),
}

/// Why a run was left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spared {
    /// It was meant to stay.
    Kept,
    /// The process that made it is at work.
    Alive {
        /// Its number.
        pid: u32,
    },
    /// Another machine or container made it, and may be at work.
    Elsewhere {
        /// Name of the machine.
        host: String,
    },
}

impl fmt::Display for Spared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => write!(
                formatter,
                "left running on purpose: end it with `chaos down` or `chaos clean --all`"
            ),
            Self::Alive { pid } => write!(
                formatter,
                "process {pid} is at work on it: wait, or stop it with `chaos halt`"
            ),
            Self::Elsewhere { host } => write!(
                formatter,
                "made by {host}, which may be at work on it: `chaos clean --all` removes it anyway"
            ),
        }
    }
}

/// What became of the objects of runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cleaned {
    /// What was removed.
    pub removed: Vec<Object>,
    /// What could not be removed, and why.
    pub left: Vec<(Object, DockerError)>,
    /// Runs that were left alone, by their labels, and why.
    pub spared: BTreeMap<String, Spared>,
}

/// Removes the objects of runs, as far as `scope` goes, until a look finds none.
pub async fn clean(daemon: &Daemon, scope: Scope<'_>) -> Result<Cleaned, DockerError> {
    let mut all = Cleaned::default();
    for _ in 0..ROUNDS {
        let round = clean_once(daemon, scope).await?;
        let found_none = round.removed.is_empty() && round.left.is_empty();
        all.removed.extend(round.removed);
        (all.left, all.spared) = (round.left, round.spared);
        if found_none {
            break;
        }
        sleep(LATE).await;
    }
    Ok(all)
}

/// Looks once.
async fn clean_once(daemon: &Daemon, scope: Scope<'_>) -> Result<Cleaned, DockerError> {
    let run = match scope {
        Scope::Run(run) => Some(run),
        Scope::Dead | Scope::All => None,
    };
    let now = wall_clock() / 1_000_000;
    let mut cleaned = Cleaned::default();
    let mut doomed = Vec::new();
    for object in list_objects(daemon, run).await? {
        match spared(&object.labels, scope, now) {
            None => doomed.push(object),
            Some(why) => {
                let run = object.labels.get(label::RUN).cloned().unwrap_or_default();
                cleaned.spared.insert(run, why);
            }
        }
    }
    cleaned.left = remove_objects(daemon, &doomed).await;
    doomed.retain(|object| !cleaned.left.iter().any(|(left, _)| left == object));
    cleaned.removed = doomed;
    Ok(cleaned)
}

/// Why an object with these labels is left alone; none if it is not. `now` is in seconds since
/// 1970.
fn spared(labels: &Labels, scope: Scope<'_>, now: i64) -> Option<Spared> {
    let owner: Option<Owner> = labels.get(label::OWNER).and_then(|owner| owner.parse().ok());
    let liveness = owner.as_ref().map_or(Liveness::Elsewhere, Owner::liveness);
    let (host, pid) =
        owner.map_or_else(|| ("an unknown machine".to_owned(), 0), |owner| (owner.host, owner.pid));
    if liveness == Liveness::Alive {
        return Some(Spared::Alive { pid });
    }
    let expires_at = labels.get(label::EXPIRES_AT).and_then(|at| at.parse::<i64>().ok());
    let is_expired = expires_at.is_some_and(|at| at < now);
    if scope != Scope::Dead || is_expired {
        return None;
    }
    if labels.get(label::KEPT).is_some_and(|kept| kept == "true") {
        return Some(Spared::Kept);
    }
    (liveness == Liveness::Elsewhere).then_some(Spared::Elsewhere { host })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::Identity;

    const NOW: i64 = 1_000;

    fn labels(owner: &Owner, kept: bool, expires_at: i64) -> Labels {
        let identity =
            Identity { experiment: "e".to_owned(), run: "r".to_owned(), expires_at, kept };
        label::of_run(&identity, "tiny", &owner.to_string())
    }

    fn dead() -> Owner {
        Owner { boot: "an earlier one".to_owned(), ..Owner::this_process() }
    }

    fn elsewhere() -> Owner {
        Owner { host: "build-7".to_owned(), ..Owner::this_process() }
    }

    #[test]
    fn what_is_at_work_is_never_removed() {
        let this = Owner::this_process();
        let alive = Some(Spared::Alive { pid: this.pid });
        for scope in [Scope::Dead, Scope::All, Scope::Run("r")] {
            assert_eq!(spared(&labels(&this, false, NOW + 1), scope, NOW), alive);
            assert_eq!(spared(&labels(&this, true, NOW - 1), scope, NOW), alive);
        }
    }

    #[test]
    fn what_a_dead_process_left_is_removed_unless_it_was_meant_to_stay() {
        let left = labels(&dead(), false, NOW + 1);
        assert_eq!(spared(&left, Scope::Dead, NOW), None);
        let kept = labels(&dead(), true, NOW + 1);
        assert_eq!(spared(&kept, Scope::Dead, NOW), Some(Spared::Kept));
        assert_eq!(spared(&kept, Scope::All, NOW), None);
        assert_eq!(spared(&kept, Scope::Run("r"), NOW), None);
        assert_eq!(spared(&labels(&dead(), true, NOW - 1), Scope::Dead, NOW), None);
    }

    #[test]
    fn another_machine_is_waited_for_until_its_run_expires() {
        let host = "build-7".to_owned();
        let foreign = labels(&elsewhere(), false, NOW + 1);
        assert_eq!(spared(&foreign, Scope::Dead, NOW), Some(Spared::Elsewhere { host }));
        assert_eq!(spared(&foreign, Scope::All, NOW), None);
        assert_eq!(spared(&labels(&elsewhere(), false, NOW - 1), Scope::Dead, NOW), None);
        let nameless = Labels::from([(label::RUN.to_owned(), "r".to_owned())]);
        let spared_nameless = spared(&nameless, Scope::Dead, NOW);
        assert!(matches!(spared_nameless, Some(Spared::Elsewhere { .. })), "{spared_nameless:?}");
    }
}
