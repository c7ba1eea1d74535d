//! The moments that measures count from: faults, phases, and the intervals between them.

use chaos_scenarios::plan::PlannedFault;
use chaos_scenarios::quantity::Span;

use crate::record::Moment;
use crate::record::event::Phase;
use crate::record::run_record::RunRecord;

/// A stretch of a run: from its first moment up to, but without, its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// First moment.
    pub from: Moment,
    /// First moment after it.
    pub until: Moment,
}

impl Stretch {
    /// From one moment to another; empty if they are in the wrong order.
    pub fn new(from: Moment, until: Moment) -> Self {
        Self { from, until: until.max(from) }
    }

    /// Its length in seconds.
    pub fn seconds(self) -> f64 {
        self.until.seconds_since(self.from)
    }

    /// Whether a moment lies in it.
    pub fn contains(self, moment: Moment) -> bool {
        self.from <= moment && moment < self.until
    }

    /// The part of it that ends at `limit`.
    #[must_use]
    pub fn until(self, limit: Moment) -> Self {
        Self::new(self.from, self.until.min(limit))
    }
}

/// Whether faults were planned at all: a control and a baseline have none.
pub fn has_faults(record: &RunRecord) -> bool {
    record.plan().is_some_and(|plan| !plan.timeline.is_empty())
}

/// The earliest evidence that any fault acts.
pub fn felt(record: &RunRecord) -> Option<Moment> {
    record.faults.values().filter_map(|fault| fault.felt).min()
}

/// When the heal of the last fault was effective; none if a fault is not healed yet, or if all of
/// them stay.
pub fn healed(record: &RunRecord) -> Option<Moment> {
    let healing: Vec<&PlannedFault> =
        record.plan()?.timeline.iter().filter(|fault| fault.until.is_some()).collect();
    let healed = healing.iter().map(|fault| record.faults.get(&fault.id)?.healed);
    healed.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// When every component that was healed could work again.
pub fn ready(record: &RunRecord) -> Option<Moment> {
    let healed = record.faults.values().filter(|fault| fault.healed.is_some());
    let ready = healed.map(|fault| fault.ready).collect::<Option<Vec<_>>>()?;
    ready.into_iter().max()
}

/// The phase in which the system must be healthy; up to now while it lasts.
pub fn baseline(record: &RunRecord) -> Option<Stretch> {
    let span = record.phase(Phase::Baseline)?;
    Some(Stretch::new(span.start, span.end.unwrap_or(record.last)))
}

/// Where the consequences of the faults begin: when they are felt, or, in a run without faults,
/// where its test phase begins.
pub fn origin(record: &RunRecord) -> Option<Moment> {
    if has_faults(record) { felt(record) } else { record.phase(Phase::Test).map(|span| span.start) }
}

/// Fault length plus horizon from the origin: the same for every target, however fast it recovers.
/// A run without faults has it where the faults would have been.
pub fn test_interval(record: &RunRecord) -> Option<Stretch> {
    let phases = record.plan()?.phases;
    let from = origin(record)?;
    Some(Stretch::new(from, from.plus(fault_length(record)).plus(phases.horizon.micros())))
}

/// From the origin to the heal, or as long as the faults were planned.
pub fn during_fault(record: &RunRecord) -> Option<Stretch> {
    let from = origin(record)?;
    let planned = from.plus(fault_length(record));
    Some(Stretch::new(from, healed(record).unwrap_or(planned)))
}

/// From the beginning of the baseline to the end of the load.
pub fn whole(record: &RunRecord) -> Option<Stretch> {
    let from = record.phase(Phase::Baseline)?.start;
    let keep = record.phase(Phase::Keep).and_then(|span| span.end);
    Some(Stretch::new(from, keep.or(record.load_ended).unwrap_or(record.last)))
}

/// How long the timeline is from its first fault on, microseconds.
fn fault_length(record: &RunRecord) -> u64 {
    record.plan().map_or(0, |plan| {
        let first = plan.timeline.iter().map(|fault| fault.at).min().unwrap_or(Span::ZERO);
        plan.phases.test.micros().saturating_sub(first.micros())
    })
}
