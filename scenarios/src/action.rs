//! What is done to a system under test, as data. A fault yields an [`Injection`]: actions, their
//! inverse, and the checks that prove both. Only the runtime of the harness acts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::{Bytes, Span};

mod aspect;
mod broker;
mod check;
pub mod network;
mod volume;
mod words;

pub use aspect::Aspect;
pub use broker::{Poison, QueueLimit};
pub use check::Check;
use network::Impairment;
pub use volume::Fill;

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
    /// Sets how much of a CPU a replica may use.
    LimitCpu {
        /// Whom.
        replica: Replica,
        /// Thousandths of a core; none for no limit.
        millicores: Option<u32>,
    },
    /// Sets how much memory a replica may use, without any swap.
    LimitMemory {
        /// Whom.
        replica: Replica,
        /// The limit; none for no limit.
        limit: Option<Bytes>,
    },
    /// Uses up something from inside a replica, until it is told to end.
    Hog {
        /// Whom.
        replica: Replica,
        /// What.
        hog: Hog,
    },
    /// Ends that; one that has ended is left alone.
    EndHog {
        /// Whom.
        replica: Replica,
        /// What.
        hog: Hog,
    },
    /// Does something to the traffic of a replica, until it is told to end.
    Impair {
        /// Whom.
        replica: Replica,
        /// What.
        impairment: Impairment,
    },
    /// Ends that; where nothing is done, nothing happens.
    EndImpair {
        /// Whom.
        replica: Replica,
        /// What.
        impairment: Impairment,
    },
    /// Removes a replica; one that is gone is left alone.
    Remove {
        /// Whom.
        replica: Replica,
    },
    /// Puts a container of another image in the place of a replica, under its names and ports.
    Swap {
        /// Whom.
        replica: Replica,
        /// The other image; none for that of the target file.
        image: Option<String>,
    },
    /// Puts messages that nobody can read into a queue of a broker, one after the other.
    Poison {
        /// Whom.
        replica: Replica,
        /// What.
        poison: Poison,
    },
    /// Ends that, and takes out what is left of them.
    EndPoison {
        /// Whom.
        replica: Replica,
        /// What.
        poison: Poison,
    },
    /// Lets queues of a broker hold fewer messages.
    LimitQueues {
        /// Whom.
        replica: Replica,
        /// What.
        limit: QueueLimit,
    },
    /// Lets them hold as many as without any fault.
    UnlimitQueues {
        /// Whom.
        replica: Replica,
        /// What.
        limit: QueueLimit,
    },
    /// Has a replica send its dead letters again.
    Redrive {
        /// Whom.
        replica: Replica,
        /// Port inside the container.
        port: u16,
        /// Path that is posted to.
        path: String,
    },
    /// Fills a volume of a replica, until it is told to end.
    FillVolume {
        /// Whom.
        replica: Replica,
        /// What.
        fill: Fill,
    },
    /// Ends that; where nothing is filled, nothing happens.
    EmptyVolume {
        /// Whom.
        replica: Replica,
        /// What.
        fill: Fill,
    },
    /// Asks something of a replica over one of its published ports, or of our proxy before it.
    Http {
        /// Whom.
        replica: Replica,
        /// The port of the replica before which our proxy is asked; none for the application.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proxied: Option<u16>,
        /// Port inside the container.
        port: u16,
        /// What.
        request: HttpRequest,
    },
}

/// A request to an application's own controls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// Such as `POST`.
    pub method: String,
    /// With its leading slash.
    pub path: String,
    /// JSON; none for an empty body.
    pub body: Option<String>,
}

/// Something that is used up from inside a container, at its expense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hog {
    /// Processors.
    Cpu {
        /// Threads that are always busy.
        threads: u32,
    },
    /// Memory.
    Memory {
        /// Until the whole container uses so much.
        until: Bytes,
    },
}

impl fmt::Display for Hog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu { threads } => write!(formatter, "{threads} busy threads"),
            Self::Memory { until } => write!(formatter, "memory up to {until}"),
        }
    }
}

/// Thousandths of a core as cores.
pub(crate) struct Cores(pub(crate) u32);

impl fmt::Display for Cores {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:03}", self.0 / 1000, self.0 % 1000)
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
            | Self::Connect { replica }
            | Self::LimitCpu { replica, .. }
            | Self::LimitMemory { replica, .. }
            | Self::Hog { replica, .. }
            | Self::EndHog { replica, .. }
            | Self::Impair { replica, .. }
            | Self::EndImpair { replica, .. }
            | Self::Poison { replica, .. }
            | Self::EndPoison { replica, .. }
            | Self::LimitQueues { replica, .. }
            | Self::UnlimitQueues { replica, .. }
            | Self::Redrive { replica, .. }
            | Self::FillVolume { replica, .. }
            | Self::EmptyVolume { replica, .. }
            | Self::Remove { replica }
            | Self::Swap { replica, .. }
            | Self::Http { replica, .. } => replica,
        }
    }

    /// What of a replica this and another action both take hold of, or each of what excludes the
    /// other's, if they do.
    pub fn contradicts(&self, other: &Self) -> Option<(Aspect, Aspect)> {
        let (ours, theirs) = (self.aspect(), other.aspect());
        let excludes = match (self, other) {
            (Self::Impair { impairment, .. }, Self::Impair { impairment: other, .. }) => {
                impairment.contradicts(other)
            }
            _ => ours.excludes(theirs),
        };
        (excludes && self.replica() == other.replica()).then_some((ours, theirs))
    }

    /// Whether it is done by a program of ours inside the replica.
    pub fn acts_inside(&self) -> bool {
        use Action::{Crash, Hog, LimitQueues, Poison};
        matches!(self, Crash { .. } | Hog { .. } | Poison { .. } | LimitQueues { .. })
            || self.impairs()
    }

    /// Whether it is done by a program of ours in the replica's network namespace.
    pub fn impairs(&self) -> bool {
        matches!(self, Self::Impair { .. })
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
