//! Pending work: messages, outbox rows and retries that wait. A system whose users are served again
//! may still have hours of work before it.

use std::collections::BTreeSet;

use crate::record::Moment;
use crate::record::event::Phase;
use crate::record::run_record::{PendingSample, RunRecord};

use super::times;

/// So much pending work is always quiet, whatever the baseline had.
const ALWAYS_QUIET: u64 = 5;
/// Pending work must be quiet for so long, microseconds.
const CONFIRMATION: u64 = 2_000_000;
/// A drain needs so many empty samples in a row: endpoints are asked one after the other, and a
/// message may be on its way between two of them.
const EMPTY_SAMPLES: usize = 3;

/// What is usual for pending work.
struct Usual<'a> {
    most: u64,
    silent: BTreeSet<&'a str>,
}

impl<'a> Usual<'a> {
    fn of(record: &'a RunRecord) -> Self {
        let baseline = times::baseline(record);
        let samples = record.pending.iter();
        let within: Vec<&PendingSample> = samples
            .filter(|sample| baseline.is_some_and(|stretch| stretch.contains(sample.at)))
            .collect();
        let most = within.iter().map(|sample| sample.total()).max().unwrap_or(0);
        let silent = within.iter().flat_map(|sample| sample.silent.iter().map(String::as_str));
        Self { most: most.max(ALWAYS_QUIET), silent: silent.collect() }
    }

    /// An endpoint that fell silent may hide any amount of work.
    fn exceeded_by(&self, sample: &PendingSample) -> bool {
        sample.total() > self.most || self.hides(sample)
    }

    fn hides(&self, sample: &PendingSample) -> bool {
        sample.silent.iter().any(|endpoint| !self.silent.contains(endpoint.as_str()))
    }
}

/// When pending work was last out of its band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LastExceeded {
    /// Never since the fault.
    Never,
    /// Then; afterwards it stayed quiet.
    At(Moment),
    /// It was still, or again, at the end of the watch.
    Until(Moment),
}

/// When pending work was last out of its band since `felt`; none if it was never sampled.
pub(super) fn last_exceeded(record: &RunRecord, felt: Moment) -> Option<LastExceeded> {
    let usual = Usual::of(record);
    let since: Vec<&PendingSample> =
        record.pending.iter().filter(|sample| sample.at >= felt).collect();
    let end = since.last()?.at;
    let drain = record.phase(Phase::Drain);
    let drained = drain.is_some_and(|drain| empty_since(record, drain.start));
    let last = since.iter().rev().find(|sample| usual.exceeded_by(sample));
    Some(match last {
        None => LastExceeded::Never,
        Some(sample) if end.0 - sample.at.0 >= CONFIRMATION => LastExceeded::At(sample.at),
        // The watch ends as soon as the drain has nothing left to wait for.
        Some(sample) if drained => LastExceeded::At(sample.at),
        Some(_) => LastExceeded::Until(end),
    })
}

/// When pending work first grew beyond what is usual since `felt`.
pub(super) fn first_growth(record: &RunRecord, felt: Moment) -> Option<Moment> {
    let usual = Usual::of(record);
    let mut since = record.pending.iter().filter(|sample| sample.at >= felt);
    since.find(|sample| sample.total() > usual.most).map(|sample| sample.at)
}

/// Whether no work is left since the load ended.
pub(super) fn drained(record: &RunRecord, since: Moment) -> bool {
    let asked = record.plan().is_some_and(|plan| !plan.target.pending.is_empty());
    !asked || empty_since(record, since)
}

/// Whether the last samples, all taken since a moment, were empty and complete: an endpoint that
/// does not answer may hide any amount of work, even if it never answered.
fn empty_since(record: &RunRecord, since: Moment) -> bool {
    let last = record.pending.iter().rev().take(EMPTY_SAMPLES);
    let empty =
        last.filter(|sample| sample.at >= since && sample.total() == 0 && sample.silent.is_empty());
    empty.count() == EMPTY_SAMPLES
}
