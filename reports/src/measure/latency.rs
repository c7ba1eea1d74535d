//! Response times of the class that headlines compare: percentiles of merged histograms.

use crate::judge::Value;
use crate::record::run_record::RunRecord;
use crate::statistics::Histogram;

use super::tally::{flying, windows, windows_within};
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

/// Response times of a class over a stretch, microseconds. Requests that were in flight when the
/// fault struck belong to a stretch that begins with the fault, and not to one that ends before it.
fn merged(record: &RunRecord, class: &str, stretch: Stretch) -> Histogram {
    let all = windows(record, class);
    let within = windows_within(all, stretch);
    let mut histogram = Histogram::default();
    for window in within {
        histogram.merge(&window.latencies);
    }
    match times::felt(record) {
        Some(felt) if felt == stretch.from => {
            let before = &all[..all.partition_point(|window| window.end() <= felt)];
            flying(before, felt).for_each(|late| histogram.add(late.end.0 - late.due.0, 1));
        }
        Some(felt) if felt >= stretch.until => {
            flying(within, felt).for_each(|late| histogram.remove_nearest(late.end.0 - late.due.0));
        }
        _ => {}
    }
    histogram
}

/// The 95th percentile over the baseline, microseconds.
pub(super) fn baseline_p95(record: &RunRecord, class: &str) -> Option<u64> {
    let stretch = times::baseline(record)?;
    let stretch = times::felt(record).map_or(stretch, |felt| stretch.until(felt));
    merged(record, class, stretch).quantile(0.95)
}
