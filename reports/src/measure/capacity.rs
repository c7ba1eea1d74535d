//! How much a target can take: the stages of a ramp, one by one, until one is not served well.

use chaos_scenarios::quantity::Span;

use crate::judge::Value;
use crate::reconcile::Reconciled;
use crate::record::run_record::RunRecord;
use crate::statistics::Histogram;

use super::completion;
use super::tally::{due_within, windows, windows_within};
use super::times::Stretch;
use super::{absent, headline};

/// 95 % of orders are answered within this, microseconds.
const BOUND: u64 = 250_000;
const BOUND_SHARE: f64 = 0.95;
/// Share of orders that go well.
const GOOD: f64 = 0.99;
/// Share of orders that are completed on time.
const COMPLETED: f64 = 0.99;
/// The start of a stage, in which queues fill and pools grow, is not judged.
const SETTLING: Span = Span::seconds(1);

/// A stage of the ramp: its rate per second, and the stretch that is judged.
struct Step {
    rate: f64,
    stretch: Stretch,
}

/// The highest rate of the ramp that is answered in time.
pub(super) fn answered(record: &RunRecord) -> Value {
    highest(record, |step| in_time(record, step.stretch))
}

/// The highest rate of the ramp that is answered and completed in time.
pub(super) fn completed(record: &RunRecord, reconciled: Option<&Reconciled>) -> Value {
    highest(record, |step| {
        let done = completion::completed_within(reconciled, step.stretch);
        let done = matches!(done, Value::Exact(share) if share >= COMPLETED);
        done && in_time(record, step.stretch)
    })
}

/// The rate of the last step before the first that is not served well.
fn highest(record: &RunRecord, well: impl Fn(&Step) -> bool) -> Value {
    let steps = ramp(record);
    let Some(last) = steps.last() else { return absent("the load is no ramp") };
    match steps.iter().position(|step| !well(step)) {
        None => Value::AtLeast(last.rate),
        Some(0) => Value::Exact(0.0),
        Some(first) => Value::Exact(steps[first - 1].rate),
    }
}

/// The stages that rise, beginning with the one that is there at the start.
fn ramp(record: &RunRecord) -> Vec<Step> {
    let (Some(plan), Some(started)) = (record.plan(), record.load_started) else {
        return Vec::new();
    };
    let at = |from: Span| started.plus(from.micros());
    let mut steps: Vec<Step> = Vec::new();
    for pair in plan.load.stages.windows(2) {
        let (rate, next) = (pair[0].rate.value(), pair[1].rate.value());
        let stretch = Stretch::new(at(pair[0].from + SETTLING), at(pair[1].from));
        if steps.last().is_some_and(|step| rate <= step.rate) {
            break;
        }
        steps.push(Step { rate, stretch });
        if next <= rate {
            break;
        }
    }
    if steps.len() < 2 { Vec::new() } else { steps }
}

fn in_time(record: &RunRecord, stretch: Stretch) -> bool {
    let windows = windows(record, headline(record));
    let mut latencies = Histogram::default();
    windows_within(windows, stretch).iter().for_each(|it| latencies.merge(&it.latencies));
    let bound = latencies.quantile(BOUND_SHARE).is_some_and(|micros| micros <= BOUND);
    bound && due_within(windows, stretch).good_share().is_some_and(|share| share >= GOOD)
}

#[cfg(test)]
mod tests {
    use chaos_scenarios::quantity::{Rate, Span};
    use chaos_scenarios::workload::Stage;

    use crate::fabricated::{Fabricated, MS, S};
    use crate::judge::Value;
    use crate::reconcile::reconcile;

    /// A ramp of 50, 100, 150 and 200 a second from 12 s on in steps of four seconds, and back.
    fn ramp(mut run: Fabricated) -> (Value, Value) {
        let stage = |(second, rate): (u64, f64)| Stage {
            from: Span::seconds(second),
            rate: Rate::per_second(rate).unwrap(),
        };
        let stages = [(0, 50.0), (12, 100.0), (16, 150.0), (20, 200.0), (24, 50.0)];
        run.plan.load.stages = stages.map(stage).to_vec();
        let record = run.record();
        let reconciled = reconcile(&record, &run.orders(), &run.final_state());
        (super::answered(&record), super::completed(&record, reconciled.as_ref()))
    }

    /// Moments count from the start of the run, stages from the start of the load.
    const LOAD: u64 = crate::fabricated::WARM_UP;

    #[test]
    fn capacity_is_the_last_rate_before_the_first_that_is_too_slow() {
        let slow = Fabricated::control().slow(LOAD + 20 * S..LOAD + 24 * S, 300 * MS);
        assert_eq!(ramp(slow), (Value::Exact(150.0), Value::Exact(150.0)));
        let at_once = Fabricated::control().slow(LOAD + 2 * S..LOAD + 24 * S, 300 * MS);
        assert_eq!(ramp(at_once), (Value::Exact(0.0), Value::Exact(0.0)));
    }

    #[test]
    fn what_is_served_to_the_end_of_the_ramp_is_at_least_its_highest_rate() {
        assert_eq!(ramp(Fabricated::control()), (Value::AtLeast(200.0), Value::AtLeast(200.0)));
    }

    #[test]
    fn accepting_is_not_completing() {
        let late = LOAD + 30 * S;
        let run = Fabricated::control().completed_at(LOAD + 16 * S..LOAD + 20 * S, late);
        assert_eq!(ramp(run), (Value::AtLeast(200.0), Value::Exact(100.0)));
    }

    #[test]
    fn a_load_without_steps_has_no_capacity() {
        let run = Fabricated::control();
        assert!(matches!(super::answered(&run.record()), Value::Absent(_)));
    }
}
