//! Requests of one class, counted over a stretch of a run. Windows are 100 ms long and a stretch may
//! begin anywhere, so windows at its edges are split: bad requests by their due times, the others
//! evenly.

use crate::record::Moment;
use crate::record::run_record::RunRecord;
use crate::record::window::{WINDOW_MICROS, Window};

use super::times::{self, Stretch};

/// Requests counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Arrivals due.
    pub due: u64,
    /// Expected answers within the bound of their class.
    pub good: u64,
    /// Orders that were taken.
    pub acknowledged: u64,
}

impl Tally {
    /// Good requests / due; none if nothing was due.
    pub fn good_share(self) -> Option<f64> {
        (self.due > 0).then(|| self.good as f64 / self.due as f64)
    }

    /// Acknowledged orders / due; none if nothing was due.
    pub fn acknowledged_share(self) -> Option<f64> {
        (self.due > 0).then(|| self.acknowledged as f64 / self.due as f64)
    }

    fn add(&mut self, other: Self) {
        self.due += other.due;
        self.good += other.good;
        self.acknowledged += other.acknowledged;
    }

    fn remove(&mut self, other: Self) {
        self.due = self.due.saturating_sub(other.due);
        self.good = self.good.saturating_sub(other.good);
        self.acknowledged = self.acknowledged.saturating_sub(other.acknowledged);
    }
}

/// The windows of a class, ascending; empty if it never came.
pub(super) fn windows<'a>(record: &'a RunRecord, class: &str) -> &'a [Window] {
    record.windows.get(class).map_or(&[], Vec::as_slice)
}

/// The windows that have a part in a stretch.
pub(super) fn windows_within(windows: &[Window], stretch: Stretch) -> &[Window] {
    let first = windows.partition_point(|window| window.end() <= stretch.from);
    let last = windows.partition_point(|window| window.start() < stretch.until);
    &windows[first..last.max(first)]
}

/// Requests of a class in a stretch: where it begins with the fault, also those in flight then.
pub fn within(record: &RunRecord, class: &str, stretch: Stretch) -> Tally {
    let windows = windows(record, class);
    if times::felt(record) == Some(stretch.from) {
        struck_within(windows, stretch)
    } else {
        due_within(windows, stretch)
    }
}

/// Requests that were due in a stretch.
pub(super) fn due_within(windows: &[Window], stretch: Stretch) -> Tally {
    sum(windows, stretch, stretch.from)
}

/// Requests of a stretch that begins where a fault struck: also those that were due before it and
/// ended after it.
pub(super) fn struck_within(windows: &[Window], stretch: Stretch) -> Tally {
    let mut tally = sum(windows, stretch, doubtful(stretch.from));
    tally.add(in_flight(windows, stretch.from));
    tally
}

/// Requests that were due in a stretch before a fault, without those that were in flight when it
/// struck.
fn before_fault(windows: &[Window], stretch: Stretch, struck: Option<Moment>) -> Tally {
    let mut tally = due_within(windows, stretch);
    if let Some(struck) = struck {
        let cut = stretch.until(doubtful(struck));
        let late = windows_within(windows, cut).iter().flat_map(|window| &window.late);
        let late = late.filter(|late| cut.contains(late.due) && late.end > struck);
        late.for_each(|late| tally.remove(one(late.good)));
    }
    tally
}

/// The class that headlines compare, over the baseline.
pub fn baseline(record: &RunRecord, class: &str) -> Option<Tally> {
    let stretch = times::baseline(record)?;
    Some(before_fault(windows(record, class), stretch, times::felt(record)))
}

/// A bad request that was due less than a window before the fault ended at an unknown moment of
/// that window: it is the fault's.
fn doubtful(struck: Moment) -> Moment {
    struck.minus(WINDOW_MICROS)
}

fn sum(windows: &[Window], stretch: Stretch, bad_from: Moment) -> Tally {
    let mut tally = Tally::default();
    let bad = Stretch::new(bad_from, stretch.until);
    for window in windows_within(windows, bad) {
        tally.add(part(window, stretch, bad));
    }
    tally
}

/// What of a window lies in a stretch; its bad requests may have a stretch of their own.
fn part(window: &Window, stretch: Stretch, bad: Stretch) -> Tally {
    let bad = bad_within(window, bad);
    let good = split(window.good, share_within(window, stretch));
    let acknowledged = split(window.acknowledged, share_within(window, stretch));
    let due = good + bad;
    Tally { due, good, acknowledged: acknowledged.min(due) }
}

/// How many bad requests of a window were due in a stretch.
pub(super) fn bad_within(window: &Window, stretch: Stretch) -> u64 {
    let (Some(first), Some(last)) = (window.first_bad, window.last_bad) else { return 0 };
    match (stretch.contains(first), stretch.contains(last)) {
        (true, true) => u64::from(window.bad()),
        _ if last < stretch.from || first >= stretch.until => 0,
        (first_in, last_in) => {
            let known = u64::from(first_in) + u64::from(last_in);
            split(window.bad(), share_within(window, stretch)).clamp(known, u64::from(window.bad()))
        }
    }
}

/// Good requests that were due before the fault and ended after it, and bad ones from windows
/// before the doubtful ones.
pub(super) fn in_flight(windows: &[Window], struck: Moment) -> Tally {
    let before = windows.partition_point(|window| window.start() < struck);
    let late = windows[..before].iter().flat_map(|window| &window.late);
    let mut tally = Tally::default();
    late.filter(|late| late.due < struck && late.end > struck)
        .filter(|late| late.good || late.due < doubtful(struck))
        .for_each(|late| tally.add(one(late.good)));
    tally
}

fn one(good: bool) -> Tally {
    Tally { due: 1, good: u64::from(good), acknowledged: u64::from(good) }
}

fn share_within(window: &Window, stretch: Stretch) -> f64 {
    let from = window.start().max(stretch.from);
    let until = window.end().min(stretch.until);
    until.seconds_since(from).max(0.0) * 1e6 / WINDOW_MICROS as f64
}

fn split(count: u32, share: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a u32")]
    let part = (f64::from(count) * share).round() as u64;
    part
}
