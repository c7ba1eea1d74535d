//! What is done to a system under test, as data. A fault yields an [`Injection`]: actions, their
//! inverse, and the checks that prove both. Only the runtime of the harness acts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::Span;

mod check;

pub use check::Check;

/// One running copy of a component, as the target file numbers them from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Replica {
    /// Name of the component.
    pub component: String,
    /// Number of the replica, from 1.
    pub number: u32,
}

impl fmt::Display for Replica {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.component, self.number)
    }
}

/// The closed list of what a runtime can do or undo. Every action is idempotent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Sends a signal to the main process of a replica; `KILL` does not fire a restart policy.
    Kill {
        /// Whom.
        replica: Replica,
        /// Signal without its `SIG`, such as `KILL`.
        signal: String,
    },
    /// Starts a stopped replica; one that runs is left alone, one that was removed is made again.
    Start {
        /// Whom.
        replica: Replica,
    },
    /// Kills the main process of a replica from inside, which fires its restart policy.
    Crash {
        /// Whom.
        replica: Replica,
    },
    /// Asks the main process of a replica to end, and kills it after the grace period.
    Stop {
        /// Whom.
        replica: Replica,
        /// How long it may take.
        grace: Span,
    },
    /// Stops a replica likewise, and starts it.
    Restart {
        /// Whom.
        replica: Replica,
        /// How long its end may take.
        grace: Span,
    },
    /// Freezes all processes of a replica.
    Pause {
        /// Whom.
        replica: Replica,
    },
    /// Lets the processes of a replica go on; one that is not frozen is left alone.
    Unpause {
        /// Whom.
        replica: Replica,
    },
    /// Takes a replica off all networks of the target.
    Disconnect {
        /// Whom.
        replica: Replica,
    },
    /// Puts a replica on the networks of the target that it is missing from, under all its names.
    Connect {
        /// Whom.
        replica: Replica,
    },
}

/// What of a replica an action takes hold of. Two faults that hold the same of one replica at a
/// time would undo each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Whether its processes run.
    Process,
    /// Whether others reach it.
    Network,
}

impl fmt::Display for Aspect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Process => "whether it runs",
            Self::Network => "its networks",
        })
    }
}

impl Action {
    /// The replica it acts on.
    pub fn replica(&self) -> &Replica {
        match self {
            Self::Kill { replica, .. }
            | Self::Start { replica }
            | Self::Crash { replica }
            | Self::Stop { replica, .. }
            | Self::Restart { replica, .. }
            | Self::Pause { replica }
            | Self::Unpause { replica }
            | Self::Disconnect { replica }
            | Self::Connect { replica } => replica,
        }
    }

    /// What of the replica it takes hold of.
    pub fn aspect(&self) -> Aspect {
        match self {
            Self::Kill { .. }
            | Self::Start { .. }
            | Self::Crash { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Pause { .. }
            | Self::Unpause { .. } => Aspect::Process,
            Self::Disconnect { .. } | Self::Connect { .. } => Aspect::Network,
        }
    }

    /// Whether it is done by a program of ours inside the replica.
    pub fn acts_inside(&self) -> bool {
        matches!(self, Self::Crash { .. })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { replica, signal } => write!(formatter, "kill {replica} with SIG{signal}"),
            Self::Start { replica } => write!(formatter, "start {replica}"),
            Self::Crash { replica } => write!(formatter, "crash {replica} from inside"),
            Self::Stop { replica, grace } => write!(formatter, "stop {replica} within {grace}"),
            Self::Restart { replica, grace } => {
                write!(formatter, "restart {replica}, stopping it within {grace}")
            }
            Self::Pause { replica } => write!(formatter, "pause {replica}"),
            Self::Unpause { replica } => write!(formatter, "unpause {replica}"),
            Self::Disconnect { replica } => write!(formatter, "take {replica} off its networks"),
            Self::Connect { replica } => write!(formatter, "put {replica} on its networks"),
        }
    }
}

/// A fault on its resolved components: what is done, how it is proved, and how both are undone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Injection {
    /// Done at the start of the fault.
    pub inject: Vec<Action>,
    /// True once the fault is felt; all of them.
    pub felt: Vec<Check>,
    /// Done at its end, for each replica in this order; empty for a fault that stays.
    pub heal: Vec<Action>,
    /// True once the heal is effective; all of them.
    pub healed: Vec<Check>,
}
