//! What of a replica an action takes hold of, so that faults which would undo each other are found
//! before anything is started.

use std::fmt;

use super::{Action, Hog};

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
    /// What is put into its queues.
    Messages,
    /// What it has given up.
    DeadLetters,
    /// How much its queues hold.
    QueueLimits,
    /// How full its volumes are.
    Disk,
    /// The trouble that the application makes for itself.
    Switch,
    /// The trouble that a proxy of ours makes before it.
    Proxy,
}

impl Aspect {
    /// Whether one fault on this and another on `other` would undo each other: both act on the
    /// same, or one lives in the processes that the other one ends or freezes, or has to start
    /// those that ended for it, or that somebody else ended.
    pub fn excludes(self, other: Self) -> bool {
        use Aspect::{CpuHog, DeadLetters, Disk, MemoryHog, Messages, Proxy, QueueLimits, Switch};
        // Done at once, and nothing of it is undone.
        if self == DeadLetters || other == DeadLetters {
            return false;
        }
        let inside = |aspect| {
            matches!(aspect, CpuHog | Disk | MemoryHog | Messages | Proxy | QueueLimits | Switch)
        };
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
            Self::Messages => "what is put into its queues",
            Self::DeadLetters => "its dead letters",
            Self::QueueLimits => "how much its queues hold",
            Self::Disk => "how full its volumes are",
            Self::Switch => "its chaos switch",
            Self::Proxy => "the proxy before it",
        })
    }
}

impl Action {
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
            Self::Http { proxied: None, .. } => Aspect::Switch,
            Self::Http { proxied: Some(_), .. } => Aspect::Proxy,
            Self::Impair { .. } | Self::EndImpair { .. } => Aspect::Traffic,
            Self::Poison { .. } | Self::EndPoison { .. } => Aspect::Messages,
            Self::Redrive { .. } => Aspect::DeadLetters,
            Self::LimitQueues { .. } | Self::UnlimitQueues { .. } => Aspect::QueueLimits,
            Self::FillVolume { .. } | Self::EmptyVolume { .. } => Aspect::Disk,
            Self::Disconnect { .. } | Self::Connect { .. } => Aspect::Network,
            Self::LimitCpu { .. } => Aspect::CpuLimit,
            Self::LimitMemory { .. } => Aspect::MemoryLimit,
            Self::Hog { hog, .. } | Self::EndHog { hog, .. } => match hog {
                Hog::Cpu { .. } => Aspect::CpuHog,
                Hog::Memory { .. } => Aspect::MemoryHog,
            },
        }
    }
}
