//! What happened in a run, and what it means: the journal and its fold, measures, reconciliation,
//! verdicts, and the reports that show them.
//!
//! This crate is pure: bytes in, bytes out. It knows neither Docker nor a clock, so an old run can
//! be judged and rendered again, anywhere, to the same bytes.

pub mod chart;
#[cfg(test)]
mod fabricated;
pub mod judge;
pub mod measure;
pub mod reconcile;
pub mod record;
pub mod render;
pub mod statistics;
