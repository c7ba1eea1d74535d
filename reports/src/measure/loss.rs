//! What a fault cost its users over the test interval: requests, service, and error budget.

use crate::judge::Value;
use crate::record::run_record::RunRecord;

use super::tally::{self, Tally};
use super::times::{self, Stretch};
use super::{absent, headline};

/// The curve of good requests is integrated in steps of this length, microseconds.
const STEP: u64 = 1_000_000;
/// What may be bad in 30 days at 99.9 %, seconds.
const BUDGET: f64 = 30.0 * 86_400.0 * 0.001;

/// Good requests missed: what the baseline's share of the due ones would have been, less the good
/// ones. Negative where service was better than in the baseline.
pub(super) fn requests(record: &RunRecord) -> Value {
    let class = headline(record);
    let Some(before) = tally::baseline(record, class).and_then(Tally::good_share) else {
        return absent("the baseline had no requests");
    };
    over_test(record, |_, tally| Value::Exact(before * tally.due as f64 - tally.good as f64))
}

/// Bad share × length of the interval, as a share of the error budget.
pub(super) fn error_budget(record: &RunRecord) -> Value {
    over_test(record, |stretch, tally| match tally.good_share() {
        Some(good) => Value::Exact((1.0 - good) * stretch.seconds() / BUDGET),
        None => absent("no request was due"),
    })
}

/// Area between 100 % and the curve of good requests (Bruneau et al. 2003), percent-seconds.
pub(super) fn resilience(record: &RunRecord) -> Value {
    let class = headline(record);
    over_test(record, |stretch, tally| match tally.due {
        0 => absent("no request was due"),
        _ => Value::Exact(area(record, class, stretch)),
    })
}

fn area(record: &RunRecord, class: &str, stretch: Stretch) -> f64 {
    let mut share = 1.0;
    let mut area = 0.0;
    let mut from = stretch.from;
    while from < stretch.until {
        let step = Stretch::new(from, from.plus(STEP)).until(stretch.until);
        let tally = tally::within(record, class, step);
        // Where nothing is due, service is taken to be what it was.
        share = tally.good_share().unwrap_or(share);
        area += (1.0 - share) * 100.0 * step.seconds();
        from = step.until;
    }
    area
}

fn over_test(record: &RunRecord, of: impl Fn(Stretch, Tally) -> Value) -> Value {
    let Some(stretch) = times::test_interval(record) else {
        return super::availability::not_felt(record);
    };
    of(stretch, tally::within(record, headline(record), stretch))
}
