//! What is told between the harness and our program in a broker's container, one JSON object a line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What became of messages that nobody can read, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Poisoned {
    /// Sent, and confirmed by the broker.
    pub sent: u32,
    /// Messages of any kind that wait in the queue.
    pub ready: u32,
    /// Messages of any kind that were given up since the first one was sent.
    pub dead: u32,
    /// Whether there were fewer waiting than sent at any time, so that some of them were taken.
    pub taken: bool,
    /// Whether it was told to end, and has sent no more since.
    #[serde(default)]
    pub ended: bool,
}

impl Poisoned {
    /// In words.
    pub fn evidence(&self) -> String {
        let Self { sent, ready, dead, .. } = self;
        format!("{sent} were sent, {ready} messages wait there, the dead letters grew by {dead}")
    }
}

/// What was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Swept {
    /// Of the dead letters.
    pub dead: u32,
    /// Of the queue itself.
    pub queue: u32,
}

/// Messages that wait, by queue.
pub type Depths = BTreeMap<String, u32>;
