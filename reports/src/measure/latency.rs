//! Response times of the class that headlines compare: percentiles of merged histograms.

use crate::judge::Value;
use crate::record::run_record::RunRecord;
use crate::statistics::Histogram;

use super::tally::{windows, windows_within};
use super::times::{self, Stretch};
use super::{absent, headline};

/// A percentile over a stretch, seconds. Windows at its edges count whole.
pub(super) fn percentile(record: &RunRecord, stretch: Option<Stretch>, q: f64) -> Value {
    let Some(stretch) = stretch else { return super::availability::not_felt(record) };
    let class = headline(record);
    match merged(record, class, stretch).quantile(q) {
        Some(micros) => Value::Exact(micros as f64 / 1e6),
        None => absent(&format!("no request of class `{class}` was answered")),
    }
}

/// Response times of a class over a stretch, microseconds.
pub(super) fn merged(record: &RunRecord, class: &str, stretch: Stretch) -> Histogram {
    let mut histogram = Histogram::default();
    for window in windows_within(windows(record, class), stretch) {
        histogram.merge(&window.latencies);
    }
    histogram
}

/// The 95th percentile over the baseline without the requests that were in flight when the fault
/// struck, microseconds.
pub(super) fn baseline_p95(record: &RunRecord, class: &str) -> Option<u64> {
    let stretch = times::baseline(record)?;
    let mut histogram = merged(record, class, stretch);
    if let Some(struck) = times::felt(record) {
        let within = windows_within(windows(record, class), stretch);
        let late = within.iter().flat_map(|window| &window.late);
        late.filter(|late| late.due < struck && late.end > struck)
            .for_each(|late| histogram.remove_nearest(late.end.0 - late.due.0));
    }
    histogram.quantile(0.95)
}
