//! What the stub remembers: when every order came, when it was answered, and what became of it.

use serde::{Deserialize, Serialize};

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Answered as expected.
    Answered,
    /// Answered with a state that was not expected, and rightly without effect.
    Wrong,
    /// Answered with an error, without effect.
    Error,
    /// Its connection was closed before it was answered.
    Broken,
    /// Never answered.
    Hung,
}

impl Fate {
    /// The state in which an audit finds the order; none if it is not there.
    pub fn state(self) -> Option<&'static str> {
        match self {
            Self::Answered => Some("COMPLETED"),
            Self::Wrong | Self::Error | Self::Broken | Self::Hung => None,
        }
    }
}

/// One order; times of the shared clock, microseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handled {
    /// Its id.
    pub order: String,
    /// When all of it had been read.
    pub arrived: u64,
    /// Just before it was answered, or its connection closed; none if it hung.
    pub ended: Option<u64>,
    /// What became of it.
    pub fate: Fate,
}

/// Everything that the stub knows of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Log {
    /// When its listener was closed and when it listened again, in turn; times of the shared clock.
    pub switches: Vec<u64>,
    /// Orders in the sequence in which they ended.
    pub orders: Vec<Handled>,
}
