//! What is done to the traffic of a replica, as data: the plan, the journal and the program that
//! does it in the replica's network namespace share it.

use std::fmt;
use std::mem::discriminant;

use serde::{Deserialize, Serialize};

use crate::quantity::Span;

/// Which packets of a replica are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Those that reach it.
    In,
    /// Those that leave it.
    Out,
    /// All.
    #[default]
    Both,
}

impl Direction {
    /// Every direction by its word in files.
    pub const ALL: [(&str, Self); 3] = [("in", Self::In), ("out", Self::Out), ("both", Self::Both)];

    /// Whether packets that reach the replica are meant.
    pub fn inward(self) -> bool {
        self != Self::Out
    }

    /// Whether packets that leave the replica are meant.
    pub fn outward(self) -> bool {
        self != Self::In
    }
}

/// How the delays of packets are spread around their middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Every delay from the middle less the jitter to the middle plus the jitter alike.
    #[default]
    Uniform,
    /// The jitter is the standard deviation; cut at three of them.
    Normal,
    /// A long tail above the middle: its mean is the jitter; cut at ten of it.
    Pareto,
}

impl Distribution {
    /// Every distribution by its word in files.
    pub const ALL: [(&str, Self); 3] =
        [("uniform", Self::Uniform), ("normal", Self::Normal), ("pareto", Self::Pareto)];
}

/// A share of the packets, in millionths: above 0 and up to one million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share(pub u32);

impl Share {
    /// The share as a number from 0 to 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 1e6
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}%", f64::from(self.0) / 1e4)
    }
}

/// What a sender sees of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// Nothing: packets vanish.
    #[default]
    Drop,
    /// An answer that says so: connections are refused or reset.
    Reject,
}

/// What becomes of packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Each is held. With jitter, later ones may overtake earlier ones.
    Delay {
        /// The middle.
        delay: Span,
        /// How far around it.
        jitter: Span,
        /// In which way.
        distribution: Distribution,
    },
    /// A share is dropped.
    Loss(Share),
    /// A share arrives twice.
    Duplicate(Share),
    /// A share has one bit flipped behind its IP header, so that its checksum is wrong.
    Corrupt(Share),
    /// A share is held, so that later ones overtake it.
    Reorder {
        /// How many.
        share: Share,
        /// For how long.
        delay: Span,
    },
    /// No more than so many bits per second, each direction for itself.
    Rate {
        /// Bits per second, IP headers included.
        bits: u64,
    },
    /// None gets through.
    Partition(Behaviour),
}

impl fmt::Display for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delay { delay, jitter: Span::ZERO, .. } => write!(formatter, "delay by {delay}"),
            Self::Delay { delay, jitter, distribution } => {
                let name = Distribution::ALL.iter().find(|(_, it)| it == distribution);
                let name = name.map_or("", |(name, _)| name);
                write!(formatter, "delay by {delay} ± {jitter} ({name})")
            }
            Self::Loss(share) => write!(formatter, "loss of {share}"),
            Self::Duplicate(share) => write!(formatter, "duplicates of {share}"),
            Self::Corrupt(share) => write!(formatter, "damage to {share}"),
            Self::Reorder { share, delay } => {
                write!(formatter, "reordering of {share} by {delay}")
            }
            Self::Rate { bits } => write!(formatter, "a limit of {} kbit/s", *bits as f64 / 1e3),
            Self::Partition(Behaviour::Drop) => formatter.write_str("a black hole"),
            Self::Partition(Behaviour::Reject) => formatter.write_str("rejection"),
        }
    }
}

/// What is done to the traffic of one replica. Loopback, name resolution and the admin port are
/// always left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impairment {
    /// What becomes of packets.
    pub effect: Effect,
    /// Which of them, by where they go.
    pub direction: Direction,
    /// Which of them, by who is at the other end: components, or replicas such as `app-2`. Empty for
    /// all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<String>,
    /// All chance derives from it.
    pub seed: u64,
}

impl Impairment {
    /// Whether this and another one cannot act on one replica at a time: on packets that both mean,
    /// they are of one kind, or one of them lets nothing through for the other to act on.
    pub fn contradicts(&self, other: &Self) -> bool {
        let one_kind = discriminant(&self.effect) == discriminant(&other.effect);
        let nothing = |it: &Self| matches!(it.effect, Effect::Partition(_));
        (one_kind || nothing(self) || nothing(other)) && self.meets(other)
    }

    /// Whether some packets are meant by both.
    fn meets(&self, other: &Self) -> bool {
        let inward = self.direction.inward() && other.direction.inward();
        let outward = self.direction.outward() && other.direction.outward();
        let all = self.peers.is_empty() || other.peers.is_empty();
        let shared = |peer: &String| other.peers.iter().any(|it| overlap(peer, it));
        (inward || outward) && (all || self.peers.iter().any(shared))
    }
}

/// Whether two names mean the same, or one a replica of the other.
fn overlap(one: &str, other: &str) -> bool {
    let is_replica = |replica: &str, of: &str| {
        let number = replica.strip_prefix(of).and_then(|rest| rest.strip_prefix('-'));
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    one == other || is_replica(one, other) || is_replica(other, one)
}

impl fmt::Display for Impairment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let everybody = || "everybody".to_owned();
        let peers = if self.peers.is_empty() { everybody() } else { self.peers.join(", ") };
        let ways = match self.direction {
            Direction::In => "from",
            Direction::Out => "to",
            Direction::Both => "from and to",
        };
        write!(formatter, "{} {ways} {peers}", self.effect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_had_together_is_told_from_what_can() {
        let loss = |direction, peers: &[&str]| Impairment {
            effect: Effect::Loss(Share(1)),
            direction,
            peers: peers.iter().map(|&peer| peer.to_owned()).collect(),
            seed: 1,
        };
        let delay = Effect::Delay {
            delay: Span::seconds(1),
            jitter: Span::ZERO,
            distribution: Distribution::Uniform,
        };
        let both = loss(Direction::Both, &[]);
        let with = |effect| Impairment { effect, ..both.clone() };
        assert!(both.contradicts(&loss(Direction::In, &["app"])), "twice the same");
        assert!(!both.contradicts(&with(delay)), "lost or late");
        assert!(both.contradicts(&with(Effect::Partition(Behaviour::Drop))), "nothing to lose");
        let app = loss(Direction::Out, &["app", "orders"]);
        assert!(app.contradicts(&loss(Direction::Out, &["app-2"])), "one of its replicas");
        assert!(!app.contradicts(&loss(Direction::Out, &["app-db"])), "another component");
        assert!(!app.contradicts(&loss(Direction::In, &["app"])), "the other way");
        assert!(!loss(Direction::Out, &["app-1"]).contradicts(&loss(Direction::Out, &["app-2"])));
    }
}
