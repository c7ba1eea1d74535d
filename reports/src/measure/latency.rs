//! Response times of the class that headlines compare: percentiles of merged histograms.

use crate::judge::Value;
use crate::record::Moment;
use crate::record::run_record::RunRecord;
use crate::record::window::Window;
use crate::statistics::Histogram;

use super::tally::{
    bad_within, brief, flying, good_within, shares, usual, windows, windows_within,
};
use super::times::{self, Stretch};
use super::{absent, headline};

/// A percentile over a stretch, seconds. Of windows at its edges, what was due outside is taken out
/// as far as it can be told.
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
            whole(brief(before, felt, felt).into_iter(), |micros| histogram.add(micros, 1));
            trim_start(&mut histogram, before, within, felt);
            trim_end(&mut histogram, within, stretch.until);
        }
        Some(felt) if felt >= stretch.until => {
            flying(within, felt).for_each(|late| histogram.remove_nearest(late.end.0 - late.due.0));
        }
        _ => {}
    }
    histogram
}

/// Takes out the good requests of the window in which a fault struck that had ended by then.
fn trim_start(histogram: &mut Histogram, before: &[Window], within: &[Window], felt: Moment) {
    let Some(first) = within.first().filter(|window| window.start() < felt) else { return };
    let usual = usual(before, felt).sparse();
    let over = shares(&usual).map(|(micros, share)| {
        let ended = Stretch::new(first.start(), felt.minus(micros).plus(1));
        (micros, share * good_within(first, ended) as f64)
    });
    whole(over, |micros| histogram.remove_nearest(micros));
}

/// Takes out the requests of the last window that were due after the end.
fn trim_end(histogram: &mut Histogram, within: &[Window], end: Moment) {
    let Some(last) = within.last().filter(|window| window.end() > end) else { return };
    let after = Stretch::new(end, last.end());
    let count = good_within(last, after) + bad_within(last, after);
    let over = shares(&last.latencies).map(|(micros, share)| (micros, share * count as f64));
    whole(over, |micros| histogram.remove_nearest(micros));
}

/// Calls `take` for whole requests where only parts of requests are known to be.
fn whole(parts: impl Iterator<Item = (u64, f64)>, mut take: impl FnMut(u64)) {
    let mut rest = 0.5;
    for (micros, part) in parts {
        rest += part;
        while rest >= 1.0 {
            take(micros);
            rest -= 1.0;
        }
    }
}

/// The 95th percentile over the baseline, microseconds.
pub(super) fn baseline_p95(record: &RunRecord, class: &str) -> Option<u64> {
    let stretch = times::baseline(record)?;
    let stretch = times::felt(record).map_or(stretch, |felt| stretch.until(felt));
    merged(record, class, stretch).quantile(0.95)
}
