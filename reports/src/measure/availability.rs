//! The availability family: shares of requests, and of request classes.

use std::collections::BTreeSet;

use chaos_scenarios::plan::Plan;

use crate::judge::Value;
use crate::record::run_record::RunRecord;

use super::absent;
use super::tally::{self, Tally};
use super::times::{self, Stretch};

/// A class whose availability falls below this share of its baseline is hit by the fault.
const HIT: f64 = 0.9;

/// Good requests / due of a class, in flight at the fault included.
pub(super) fn good(record: &RunRecord, class: &str, stretch: Option<Stretch>) -> Value {
    share(record, class, stretch, Tally::good_share)
}

/// Orders acknowledged / due of the headline's class over the test interval.
pub(super) fn accepted(record: &RunRecord, class: &str, stretch: Option<Stretch>) -> Value {
    share(record, class, stretch, Tally::acknowledged_share)
}

/// Good requests / due of a class from baseline to keep.
pub(super) fn whole(record: &RunRecord, class: &str) -> Value {
    let Some(stretch) = times::whole(record) else { return absent("the baseline never began") };
    tally::within(record, class, stretch)
        .good_share()
        .map_or_else(|| nothing_due(class), Value::Exact)
}

/// Share of the workload's classes that the fault takes below nine tenths of their baseline.
pub(super) fn blast_radius(record: &RunRecord) -> Value {
    let Some(stretch) = times::during_fault(record) else { return not_felt(record) };
    let classes = record.plan().map(classes).unwrap_or_default();
    let shares: Vec<(f64, f64)> = classes
        .iter()
        .filter_map(|class| {
            let before = tally::baseline(record, class)?.good_share()?;
            Some((before, tally::within(record, class, stretch).good_share()?))
        })
        .collect();
    if shares.is_empty() {
        return absent("no request class has both a baseline and requests during the fault");
    }
    let hit = shares.iter().filter(|(before, during)| *during < HIT * before).count();
    Value::Exact(hit as f64 / shares.len() as f64)
}

/// The request classes of a plan's workload, each once.
pub(super) fn classes(plan: &Plan) -> Vec<String> {
    let classes = plan.load.workload.requests.iter().map(|request| request.class.clone());
    classes.collect::<BTreeSet<_>>().into_iter().collect()
}

fn share(
    record: &RunRecord,
    class: &str,
    stretch: Option<Stretch>,
    of: impl Fn(Tally) -> Option<f64>,
) -> Value {
    let Some(stretch) = stretch else { return not_felt(record) };
    of(tally::within(record, class, stretch)).map_or_else(|| nothing_due(class), Value::Exact)
}

fn nothing_due(class: &str) -> Value {
    absent(&format!("no request of class `{class}` was due"))
}

/// Why there is no test interval.
pub(super) fn not_felt(record: &RunRecord) -> Value {
    if times::has_faults(record) {
        absent("no fault was felt")
    } else {
        absent("the test phase never began")
    }
}
