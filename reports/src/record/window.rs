//! Load, aggregated as it comes: 100 ms × request class. A journal's size depends on the length of
//! a run, never on its rate, and everything can be judged again from it.

use serde::{Deserialize, Serialize};

use super::Moment;

/// Length of a window in microseconds.
pub const WINDOW_MICROS: u64 = 100_000;

/// Most late requests that one window lists (see [`Window::late`]).
pub const LATE_PER_WINDOW: usize = 64;

/// Values and how often each came, ascending: a sparse histogram, microseconds.
pub type Sparse = Vec<(u64, u64)>;

/// A request that ended more than one window after it was due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Late {
    /// When it was due.
    pub due: Moment,
    /// When it ended.
    pub end: Moment,
    /// Whether it was good.
    pub good: bool,
}

/// The requests of one class that were due in the same 100 ms, however long they took.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// Covers `[index × 100 ms, (index + 1) × 100 ms)` since the run started.
    pub index: u64,
    /// Request class.
    pub class: String,
    /// Arrivals due: the sum of the outcomes below.
    pub due: u32,
    /// Expected answer within the latency bound of its class.
    pub good: u32,
    /// Expected answer, but later than the bound.
    pub slow: u32,
    /// An answer that the plan does not expect.
    pub wrong: u32,
    /// Failed, and certainly without effect.
    pub fail: u32,
    /// Failed, effect unknown.
    pub unknown: u32,
    /// Due but never sent.
    pub not_sent: u32,
    /// Acknowledged: an order that was taken, whatever became of it.
    #[serde(default)]
    pub acknowledged: u32,
    /// Due time of the first request that was not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<Moment>,
    /// Due time of the last request that was not good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_bad: Option<Moment>,
    /// Due time of the first good request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_good: Option<Moment>,
    /// Due time of the last good request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<Moment>,
    /// Response times (end − due) of all requests that were sent, microseconds, three significant
    /// digits; a timeout stands at the timeout.
    pub latencies: Sparse,
    /// The first [`LATE_PER_WINDOW`] requests that ended more than a window after they were due:
    /// those that were in flight when a fault struck can be told from the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<Late>,
}

impl Window {
    /// When it begins.
    pub const fn start(&self) -> Moment {
        Moment(self.index * WINDOW_MICROS)
    }

    /// When it ends.
    pub const fn end(&self) -> Moment {
        Moment((self.index + 1) * WINDOW_MICROS)
    }

    /// Requests that were not good.
    pub const fn bad(&self) -> u32 {
        self.due - self.good
    }
}
