//! The load generator itself: if it fell short, nothing else can be trusted.

use crate::judge::Value;
use crate::record::run_record::RunRecord;
use crate::statistics::Histogram;

use super::absent;

/// Schedule lag, 99th percentile, seconds.
pub(super) fn lag(record: &RunRecord) -> Value {
    let mut lag = Histogram::default();
    record.generator.lag.iter().for_each(|(value, count)| lag.add(*value, *count));
    match lag.quantile(0.99) {
        Some(micros) => Value::Exact(micros as f64 / 1e6),
        None => absent("the load generator sent nothing"),
    }
}

/// Arrivals not sent / due.
pub(super) fn not_sent(record: &RunRecord) -> Value {
    match record.generator.due {
        0 => absent("nothing was due"),
        due => Value::Exact(record.generator.not_sent as f64 / due as f64),
    }
}
