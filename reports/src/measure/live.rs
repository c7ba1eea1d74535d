//! What the engine asks while a run goes on.

use chaos_scenarios::expectation::Expectation;

use crate::judge::{ExpectationResult, Value};
use crate::record::run_record::RunRecord;

use super::{times, value, value_within};

/// The hypothesis over the baseline. The run may go on to its faults only if all of it held.
pub fn steady(record: &RunRecord, hypothesis: &[Expectation]) -> Vec<ExpectationResult> {
    let stretch = times::baseline(record)
        .map(|stretch| times::felt(record).map_or(stretch, |felt| stretch.until(felt)));
    let evaluate = |expectation: &Expectation| {
        let observed = match stretch {
            Some(_) => value_within(&expectation.measure, record, None, stretch),
            None => Value::Absent("the baseline never began".to_owned()),
        };
        ExpectationResult::of(expectation.clone(), observed)
    };
    hypothesis.iter().map(evaluate).collect()
}

/// The first stop condition that is met, with what was seen, in words; a value that is not known
/// meets none.
pub fn stop_condition(record: &RunRecord, conditions: &[Expectation]) -> Option<String> {
    let mut results = conditions.iter().map(|condition| {
        ExpectationResult::of(condition.clone(), value(&condition.measure, record, None))
    });
    let met = results.find(|result| result.held == Some(true))?;
    let seen = met.observed.show(met.expectation.measure.unit());
    Some(format!("the stop condition `{}` was met: {seen}", met.expectation))
}
