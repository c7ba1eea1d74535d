//! What a machine must be able to do for a fault to be injected. A lack is said in the plan, before
//! anything is started, and makes the result unknown rather than green.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Hog, Injection};

/// Something that a machine may or may not be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Containers can be signalled, stopped, started, paused and taken off networks.
    ContainerControl,
    /// The use of CPU can be limited.
    CpuLimit,
    /// The use of memory can be limited.
    MemoryLimit,
    /// Packets can be handed to a program.
    PacketQueue,
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ContainerControl => "control of containers",
            Self::CpuLimit => "a limit on the use of CPU",
            Self::MemoryLimit => "a limit on the use of memory",
            Self::PacketQueue => "NFQUEUE, which hands packets to a program",
        })
    }
}

/// What an action needs of the machine.
pub fn needed_by(action: &Action) -> Capability {
    match action {
        Action::Kill { .. }
        | Action::Start { .. }
        | Action::Crash { .. }
        | Action::Stop { .. }
        | Action::Restart { .. }
        | Action::Pause { .. }
        | Action::Unpause { .. }
        | Action::Disconnect { .. }
        | Action::Connect { .. }
        | Action::EndHog { .. }
        | Action::EndImpair { .. }
        | Action::Poison { .. }
        | Action::EndPoison { .. }
        | Action::LimitQueues { .. }
        | Action::UnlimitQueues { .. }
        | Action::Redrive { .. }
        | Action::FillVolume { .. }
        | Action::EmptyVolume { .. }
        | Action::Remove { .. }
        | Action::Swap { .. }
        | Action::Http { .. }
        | Action::Hog { hog: Hog::Cpu { .. }, .. } => Capability::ContainerControl,
        Action::Impair { .. } => Capability::PacketQueue,
        Action::LimitCpu { .. } => Capability::CpuLimit,
        // It takes memory until a limit is reached.
        Action::LimitMemory { .. } | Action::Hog { hog: Hog::Memory { .. }, .. } => {
            Capability::MemoryLimit
        }
    }
}

/// What the machine cannot do, and why. The default lacks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// What is lacking, each with its reason.
    pub lacking: BTreeMap<Capability, String>,
}

impl Capabilities {
    /// Why an injection cannot be made here, if it cannot.
    pub fn refuse(&self, injection: &Injection) -> Option<String> {
        let actions = injection.inject.iter().chain(&injection.heal);
        actions.map(needed_by).find_map(|capability| {
            let reason = self.lacking.get(&capability)?;
            Some(format!("{capability} is lacking: {reason}"))
        })
    }
}
