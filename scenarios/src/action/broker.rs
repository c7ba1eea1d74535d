//! What is done to the queues of a message broker.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::quantity::Span;

/// Messages that no handler can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poison {
    /// The queue that they are put into.
    pub queue: String,
    /// The queue in which the application keeps what it gave up, if it has one.
    pub dead: Option<String>,
    /// How many.
    pub count: u32,
    /// Time between two of them.
    pub every: Span,
}

impl fmt::Display for Poison {
    /// Such as `20 messages that nobody can read into q.payments`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { queue, count, every, .. } = self;
        let messages = if *count == 1 { "message" } else { "messages" };
        write!(formatter, "{count} unreadable {messages} into {queue}")?;
        if *every > Span::ZERO && *count > 1 {
            write!(formatter, ", one every {every},")?;
        }
        Ok(())
    }
}

/// How many messages queues may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueLimit {
    /// Their names.
    pub queues: Vec<String>,
    /// Messages that wait in each, at least 1.
    pub length: u32,
}

impl fmt::Display for QueueLimit {
    /// Such as `q.payments, q.shipping hold at most 50 messages`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = if self.queues.len() > 1 { " each" } else { "" };
        let messages = if self.length == 1 { "message" } else { "messages" };
        let queues = self.queues.join(", ");
        write!(formatter, "{queues} hold at most {} {messages}{each}", self.length)
    }
}
