//! The ledger of a run: one line per order that was due, with what its client saw.

use std::collections::HashMap;

use chaos_scenarios::workload::Expected;
use serde::{Deserialize, Serialize};

use super::Moment;

/// What a client observed of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An answer that the plan expects.
    Ok,
    /// An answer that the plan does not expect.
    Wrong,
    /// A failure that certainly had no effect.
    Fail,
    /// A failure that may have had its effect.
    Unknown,
    /// Due, but never sent.
    NotSent,
}

/// What an answer promised about an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acknowledgement {
    /// It is done (201 completed).
    Completed,
    /// It is refused (201 rejected, 409 or 422).
    Rejected,
    /// It is taken and will be done (202).
    Accepted,
}

/// One ledgered operation, as its client saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRecord {
    /// Number of the arrival, from 0.
    pub n: u64,
    /// The order's id.
    pub id: String,
    /// Kind of order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What should become of it.
    pub expect: Expected,
    /// When it was due.
    pub due: Moment,
    /// When it was sent; none if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Moment>,
    /// When its answer was read or given up; none if it was never sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Moment>,
    /// What was observed.
    pub outcome: Outcome,
    /// What the answer promised, if it promised anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    /// HTTP status, if an answer came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong, in words, if something did; at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How it stood whenever a client asked later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub polls: Vec<Poll>,
}

/// What a client was told about an order when it asked for its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// When it asked.
    pub start: Moment,
    /// When it had its answer.
    pub end: Moment,
    /// The state, such as `CHARGED`.
    pub state: String,
    /// The version, if it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
}

/// A poll and the order that it asks for; one line of `polls.jsonl.zst`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolledOrder {
    /// The order's id.
    pub order: String,
    /// What was told.
    #[serde(flatten)]
    pub poll: Poll,
}

/// Gives each order what clients were told about it.
pub fn attach(orders: &mut [OrderRecord], polls: Vec<PolledOrder>) {
    let places: HashMap<String, usize> =
        orders.iter().enumerate().map(|(place, order)| (order.id.clone(), place)).collect();
    for PolledOrder { order, poll } in polls {
        if let Some(place) = places.get(&order) {
            orders[*place].polls.push(poll);
        }
    }
}
