//! What is done to a system under test, as data. A fault yields an [`Injection`]: actions, their
//! inverse, and the checks that prove both. Only the runtime of the harness acts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::{Bytes, Span};

mod check;
pub mod network;

pub use check::Check;
use network::Impairment;

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
    /// Asks something of a replica over one of its published ports.
    Http {
        /// Whom.
        replica: Replica,
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

/// What of a replica an action takes hold of. Two faults that hold the same of one replica at a
/// time would undo each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aspect {
    /// Whether its processes run.
    Process,
    /// Whether others reach it.
    Network,
    /// How much CPU it may use.
    CpuLimit,
    /// How much memory it may use.
    MemoryLimit,
    /// How much CPU is used up inside it.
    CpuHog,
    /// How much memory is used up inside it.
    MemoryHog,
    /// What becomes of its packets.
    Traffic,
    /// The trouble that the application makes for itself.
    Switch,
}

impl Aspect {
    /// Whether one fault on this and another on `other` would undo each other: both act on the
    /// same, or one lives in the processes that the other one ends or freezes.
    pub fn excludes(self, other: Self) -> bool {
        let inside = |aspect| matches!(aspect, Self::CpuHog | Self::MemoryHog | Self::Switch);
        self == other
            || (self == Self::Process && inside(other))
            || (other == Self::Process && inside(self))
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Process => "whether it runs",
            Self::Network => "its networks",
            Self::CpuLimit => "its CPU limit",
            Self::MemoryLimit => "its memory limit",
            Self::CpuHog => "the CPU used up inside it",
            Self::MemoryHog => "the memory used up inside it",
            Self::Traffic => "what becomes of its packets",
            Self::Switch => "its chaos switch",
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
            | Self::Connect { replica }
            | Self::LimitCpu { replica, .. }
            | Self::LimitMemory { replica, .. }
            | Self::Hog { replica, .. }
            | Self::EndHog { replica, .. }
            | Self::Impair { replica, .. }
            | Self::EndImpair { replica, .. }
            | Self::Remove { replica }
            | Self::Swap { replica, .. }
            | Self::Http { replica, .. } => replica,
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
            | Self::Unpause { .. }
            | Self::Remove { .. }
            | Self::Swap { .. } => Aspect::Process,
            Self::Http { .. } => Aspect::Switch,
            Self::Impair { .. } | Self::EndImpair { .. } => Aspect::Traffic,
            Self::Disconnect { .. } | Self::Connect { .. } => Aspect::Network,
            Self::LimitCpu { .. } => Aspect::CpuLimit,
            Self::LimitMemory { .. } => Aspect::MemoryLimit,
            Self::Hog { hog, .. } | Self::EndHog { hog, .. } => match hog {
                Hog::Cpu { .. } => Aspect::CpuHog,
                Hog::Memory { .. } => Aspect::MemoryHog,
            },
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
        matches!(self, Self::Crash { .. } | Self::Hog { .. }) || self.impairs()
    }

    /// Whether it is done by a program of ours in the replica's network namespace.
    pub fn impairs(&self) -> bool {
        matches!(self, Self::Impair { .. })
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
            Self::LimitCpu { replica, millicores: Some(limit) } => {
                write!(formatter, "limit {replica} to {} cores", Cores(*limit))
            }
            Self::LimitCpu { replica, millicores: None } => {
                write!(formatter, "lift the CPU limit of {replica}")
            }
            Self::LimitMemory { replica, limit: Some(limit) } => {
                write!(formatter, "limit {replica} to {limit} of memory")
            }
            Self::LimitMemory { replica, limit: None } => {
                write!(formatter, "lift the memory limit of {replica}")
            }
            Self::Hog { replica, hog } => write!(formatter, "use up {hog} in {replica}"),
            Self::EndHog { replica, hog } => write!(formatter, "end using up {hog} in {replica}"),
            Self::Impair { replica, impairment } => {
                write!(formatter, "make {impairment} at {replica}")
            }
            Self::EndImpair { replica, impairment } => {
                write!(formatter, "end {impairment} at {replica}")
            }
            Self::Remove { replica } => write!(formatter, "remove {replica}"),
            Self::Swap { replica, image: Some(image) } => {
                write!(formatter, "put {image} in the place of {replica}")
            }
            Self::Swap { replica, image: None } => {
                write!(formatter, "put {replica} in its place again")
            }
            Self::Http { replica, port, request: HttpRequest { method, path, body } } => {
                let body = body.as_ref().map(|body| format!(" {body}")).unwrap_or_default();
                write!(formatter, "{method} {path} of {replica}:{port}{body}")
            }
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
