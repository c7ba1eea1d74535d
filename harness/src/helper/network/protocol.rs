//! What the harness and the program in a network namespace tell each other, one JSON text a line.

use std::net::Ipv4Addr;

use chaos_scenarios::action::network::Impairment;
use serde::{Deserialize, Serialize};

/// The first line to the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What is done.
    pub impairment: Impairment,
    /// Addresses of the peer; none where all packets are meant.
    pub peers: Option<Vec<Ipv4Addr>>,
}

/// Every other line to the program. Each is a sign of life; with no more of them, it ends.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sign {
    /// The peer has other addresses now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers: Option<Vec<Ipv4Addr>>,
}

/// Every line from the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// The rules are set.
    Acting,
    /// What was done so far.
    Did(Counters),
    /// It cannot go on.
    Failed(String),
    /// The rules are removed: the last line.
    Undone,
}

/// What was done to packets so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Packets that were looked at.
    pub matched: u64,
    /// Packets that were held and then let go.
    pub delayed: u64,
    /// For how long, all together, microseconds.
    pub held_micros: u64,
    /// Packets that were dropped on purpose.
    pub dropped: u64,
    /// Packets that were rejected.
    pub rejected: u64,
    /// Packets that were sent twice.
    pub doubled: u64,
    /// Packets that were damaged.
    pub damaged: u64,
    /// Packets that the effect could not be had on: the kernel's queue was full, or the narrow
    /// link's.
    pub overruns: u64,
}

impl Counters {
    /// Packets on which there was an effect.
    pub fn acted(&self) -> u64 {
        self.delayed + self.dropped + self.rejected + self.doubled + self.damaged
    }

    /// In words.
    pub fn evidence(&self) -> String {
        let mut parts = vec![format!("{} packets seen", self.matched)];
        let mean = self.held_micros as f64 / 1e3 / self.delayed.max(1) as f64;
        if self.delayed > 0 {
            parts.push(format!("{} held for {mean:.1} ms on average", self.delayed));
        }
        let counted = [
            (self.dropped, "dropped"),
            (self.rejected, "rejected"),
            (self.doubled, "sent twice"),
            (self.damaged, "damaged"),
            (self.overruns, "overruns"),
        ];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        parts.extend(counted.map(|(count, what)| format!("{count} {what}")));
        parts.join(", ")
    }
}
