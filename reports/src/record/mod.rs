//! What a run leaves behind: the journal's events, the windows of load, the ledger of orders, the
//! final state, and the fold that turns a journal into one [`RunRecord`].
//!
//! [`RunRecord`]: run_record::RunRecord

pub mod audit_row;
pub mod event;
pub mod final_state;
pub mod journal;
pub mod lines;
pub mod order;
pub mod plausible;
pub mod run_record;
pub mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

/// A point of time of a run, in microseconds since the run started, on one monotonic clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// Seconds since the run started.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Seconds from `earlier` to here; negative if it was later.
    pub fn seconds_since(self, earlier: Self) -> f64 {
        (self.0 as f64 - earlier.0 as f64) / 1e6
    }

    /// This moment, later by a number of microseconds.
    #[must_use]
    pub const fn plus(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// This moment, earlier by a number of microseconds, but never before the start.
    #[must_use]
    pub const fn minus(self, micros: u64) -> Self {
        Self(self.0.saturating_sub(micros))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3} s", self.seconds())
    }
}
