//! What is done to a system under test, as data. A fault yields an [`Injection`]: actions, their
//! inverse, and the checks that prove both. Only the runtime of the harness acts.

use std::fmt;

use serde::{Deserialize, Serialize};

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
    /// Starts a stopped replica; one that runs is left alone.
    Start {
        /// Whom.
        replica: Replica,
    },
}

impl Action {
    /// The replica it acts on.
    pub fn replica(&self) -> &Replica {
        match self {
            Self::Kill { replica, .. } | Self::Start { replica } => replica,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill { replica, signal } => write!(formatter, "kill {replica} with SIG{signal}"),
            Self::Start { replica } => write!(formatter, "start {replica}"),
        }
    }
}

/// The closed list of what a runtime can verify about a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Its main process has ended (evidence: the `die` event).
    Ended {
        /// Whom.
        replica: Replica,
    },
    /// Nobody can connect to it any more.
    Unreachable {
        /// Whom.
        replica: Replica,
    },
    /// Its main process runs (evidence: the `start` event).
    Running {
        /// Whom.
        replica: Replica,
    },
    /// It can do its work again, by the component's own readiness rule.
    Ready {
        /// Whom.
        replica: Replica,
    },
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended { replica } => write!(formatter, "{replica} has ended"),
            Self::Unreachable { replica } => write!(formatter, "{replica} cannot be reached"),
            Self::Running { replica } => write!(formatter, "{replica} runs"),
            Self::Ready { replica } => write!(formatter, "{replica} is ready"),
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
    /// Done at its end; empty for a fault that stays.
    pub heal: Vec<Action>,
    /// True once the heal is effective; all of them.
    pub healed: Vec<Check>,
}
