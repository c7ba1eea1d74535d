//! What a runtime can verify about a replica: the proof that a fault acts, and that it is undone.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::network::Impairment;
use super::{Cores, Fill, Hog, Poison, QueueLimit, Replica};
use crate::quantity::Bytes;

/// The closed list of what can be verified about a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Its main process has ended (evidence: the `die` event).
    Ended {
        /// Whom.
        replica: Replica,
    },
    /// Its main process has ended since the fault began, whether or not it runs again.
    Died {
        /// Whom.
        replica: Replica,
    },
    /// Its main process was started since the fault began (evidence: the `start` event).
    Restarted {
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
    /// Its processes are frozen.
    Frozen {
        /// Whom.
        replica: Replica,
    },
    /// One can connect to it, and gets no answer.
    Silent {
        /// Whom.
        replica: Replica,
    },
    /// It is on no network of the target, so that its name is not known there.
    Detached {
        /// Whom.
        replica: Replica,
    },
    /// It is on all its networks of the target.
    Attached {
        /// Whom.
        replica: Replica,
    },
    /// It wants more CPU than it may use (evidence: throttled time).
    Throttled {
        /// Whom.
        replica: Replica,
    },
    /// It wants more memory than it may use (evidence: failed requests for memory, use close to
    /// the limit, or an `oom` event).
    ShortOfMemory {
        /// Whom.
        replica: Replica,
    },
    /// Its limit of CPU is this.
    CpuLimit {
        /// Whom.
        replica: Replica,
        /// Thousandths of a core; none for no limit.
        millicores: Option<u32>,
    },
    /// Its limit of memory is this.
    MemoryLimit {
        /// Whom.
        replica: Replica,
        /// The limit; none for no limit.
        limit: Option<Bytes>,
    },
    /// Something is used up inside it, and Docker's figures show it.
    Hogged {
        /// Whom.
        replica: Replica,
        /// What.
        hog: Hog,
    },
    /// Nothing of this kind is used up inside it any more.
    Unhogged {
        /// Whom.
        replica: Replica,
        /// What.
        hog: Hog,
    },
    /// Something becomes of its packets (evidence: counters of the program that does it).
    Impaired {
        /// Whom.
        replica: Replica,
        /// What.
        impairment: Impairment,
    },
    /// That does not become of its packets any more.
    Unimpaired {
        /// Whom.
        replica: Replica,
        /// What.
        impairment: Impairment,
    },
    /// Consumers took messages that nobody can read from its queue (evidence: how many wait there,
    /// and how many are among the dead letters).
    Poisoned {
        /// Whom.
        replica: Replica,
        /// What.
        poison: Poison,
    },
    /// None of them is left in its queues.
    Unpoisoned {
        /// Whom.
        replica: Replica,
        /// What.
        poison: Poison,
    },
    /// One of its queues holds as many messages as it may.
    QueueFull {
        /// Whom.
        replica: Replica,
        /// What.
        limit: QueueLimit,
    },
    /// No limit of ours is on its queues.
    QueuesUnlimited {
        /// Whom.
        replica: Replica,
        /// What.
        limit: QueueLimit,
    },
    /// It, or another replica of its component, has sent dead letters again (evidence: how many).
    Redriven {
        /// Whom.
        replica: Replica,
    },
    /// A volume of it is as full as asked (evidence: a write that failed for want of space, or the
    /// share that is in use).
    VolumeFull {
        /// Whom.
        replica: Replica,
        /// What.
        fill: Fill,
    },
    /// Nothing of ours is in it, and a write works (evidence: one that did).
    VolumeWritable {
        /// Whom.
        replica: Replica,
        /// What.
        fill: Fill,
    },
    /// It was removed.
    Gone {
        /// Whom.
        replica: Replica,
    },
    /// Its container is of this image.
    RunsImage {
        /// Whom.
        replica: Replica,
        /// The image; none for that of the target file.
        image: Option<String>,
    },
    /// A counter that it tells over HTTP, as a field of a JSON object.
    Counter {
        /// Whom.
        replica: Replica,
        /// The port of the replica before which our proxy is asked; none for the application.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proxied: Option<u16>,
        /// Port inside the container.
        port: u16,
        /// Path that is asked.
        path: String,
        /// Name of the field.
        field: String,
        /// Whether it must be above zero, or zero.
        counts: bool,
    },
    /// It can do its work again, by the component's own readiness rule.
    Ready {
        /// Whom.
        replica: Replica,
    },
}

impl Check {
    /// The replica that is looked at.
    pub fn replica(&self) -> &Replica {
        match self {
            Self::Ended { replica }
            | Self::Died { replica }
            | Self::Restarted { replica }
            | Self::Unreachable { replica }
            | Self::Running { replica }
            | Self::Frozen { replica }
            | Self::Silent { replica }
            | Self::Detached { replica }
            | Self::Attached { replica }
            | Self::Throttled { replica }
            | Self::ShortOfMemory { replica }
            | Self::CpuLimit { replica, .. }
            | Self::MemoryLimit { replica, .. }
            | Self::Hogged { replica, .. }
            | Self::Unhogged { replica, .. }
            | Self::Impaired { replica, .. }
            | Self::Unimpaired { replica, .. }
            | Self::Poisoned { replica, .. }
            | Self::Unpoisoned { replica, .. }
            | Self::QueueFull { replica, .. }
            | Self::QueuesUnlimited { replica, .. }
            | Self::Redriven { replica }
            | Self::VolumeFull { replica, .. }
            | Self::VolumeWritable { replica, .. }
            | Self::Gone { replica }
            | Self::RunsImage { replica, .. }
            | Self::Counter { replica, .. }
            | Self::Ready { replica } => replica,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let replica = self.replica();
        let says = match self {
            Self::Ended { .. } => "has ended",
            Self::Died { .. } => "has died",
            Self::Restarted { .. } => "was started again",
            Self::Unreachable { .. } => "cannot be reached",
            Self::Running { .. } => "runs",
            Self::Frozen { .. } => "is frozen",
            Self::Silent { .. } => "does not answer",
            Self::Detached { .. } => "is on no network",
            Self::Attached { .. } => "is on its networks",
            Self::Throttled { .. } => "is throttled",
            Self::ShortOfMemory { .. } => "is short of memory",
            Self::CpuLimit { millicores: None, .. } => "has no CPU limit",
            Self::MemoryLimit { limit: None, .. } => "has no memory limit",
            Self::CpuLimit { millicores: Some(limit), .. } => {
                return write!(formatter, "{replica} may use {} cores", Cores(*limit));
            }
            Self::MemoryLimit { limit: Some(limit), .. } => {
                return write!(formatter, "{replica} may use {limit}");
            }
            Self::Hogged { hog, .. } => return write!(formatter, "{replica} bears {hog}"),
            Self::Unhogged { hog, .. } => {
                return write!(formatter, "{replica} no longer bears {hog}");
            }
            Self::Impaired { impairment, .. } => {
                return write!(formatter, "{replica} meets {impairment}");
            }
            Self::Unimpaired { impairment, .. } => {
                return write!(formatter, "{replica} no longer meets {impairment}");
            }
            Self::Poisoned { poison, .. } => {
                let queue = &poison.queue;
                return write!(formatter, "consumers took such messages of {queue} in {replica}");
            }
            Self::Unpoisoned { .. } => "has no such messages left",
            Self::QueueFull { limit, .. } => {
                let queues = limit.queues.join(", ");
                let one = if limit.queues.len() > 1 { "one of " } else { "" };
                return write!(formatter, "{one}{queues} is full in {replica}");
            }
            Self::QueuesUnlimited { .. } => "has no limit of ours on its queues",
            Self::Redriven { .. } => {
                return write!(formatter, "{} has sent dead letters again", replica.component);
            }
            Self::VolumeFull { fill, .. } => {
                return write!(formatter, "{replica} has {fill} in use");
            }
            Self::VolumeWritable { fill, .. } => {
                return write!(formatter, "{replica} can write to {}", fill.volume);
            }
            Self::Gone { .. } => "is gone",
            Self::RunsImage { image: None, .. } => "runs its own image",
            Self::RunsImage { image: Some(image), .. } => {
                return write!(formatter, "{replica} runs {image}");
            }
            Self::Counter { proxied, field, counts, .. } => {
                let how = if *counts { "above zero" } else { "zero" };
                let before = if proxied.is_some() { "the proxy before " } else { "" };
                return write!(formatter, "{before}{replica} says that `{field}` is {how}");
            }
            Self::Ready { .. } => "is ready",
        };
        write!(formatter, "{replica} {says}")
    }
}
