//! Requests of one class, counted over a stretch of a run. Windows are 100 ms long and a stretch may
//! begin anywhere, so windows at its edges are split: their good and bad requests are taken as evenly
//! spaced between the first and the last of their kind, whose due times are stored.

use crate::record::Moment;
use crate::record::run_record::RunRecord;
use crate::record::window::{LATE_PER_WINDOW, Late, WINDOW_MICROS, Window};
use crate::statistics::Histogram;

use super::times::{self, Stretch};

/// So many windows before a fault tell how long requests usually take.
const REFERENCE: usize = 20;

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

/// Requests of a class in a stretch. Those that were in flight when the fault struck belong to a
/// stretch that begins with the fault, and not to one that ends before it.
pub fn within(record: &RunRecord, class: &str, stretch: Stretch) -> Tally {
    let windows = windows(record, class);
    match times::felt(record) {
        Some(felt) if felt == stretch.from => struck_within(windows, stretch),
        Some(felt) if felt >= stretch.until => before_fault(windows, stretch, felt),
        _ => due_within(windows, stretch),
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
fn before_fault(windows: &[Window], stretch: Stretch, struck: Moment) -> Tally {
    let certain = stretch.until(doubtful(struck));
    let mut tally = due_within(windows, stretch);
    let late = flying(windows_within(windows, stretch), struck);
    late.filter(
        |late| if late.good { stretch.contains(late.due) } else { certain.contains(late.due) },
    )
    .for_each(|late| tally.remove(one(late.good)));
    let doubtful = Stretch::new(certain.until, stretch.until);
    let bad = windows_within(windows, doubtful).iter().map(|window| bad_within(window, doubtful));
    tally.remove(Tally { due: bad.sum(), ..Tally::default() });
    tally.remove(all_good(brief(windows, struck, stretch.until)));
    tally
}

/// Late requests that were in flight when the fault struck; good ones only of windows that list all
/// of theirs.
pub(super) fn flying(windows: &[Window], struck: Moment) -> impl Iterator<Item = &Late> {
    let listed = |window: &'_ Window| window.late.len() < LATE_PER_WINDOW;
    let late = windows.iter().flat_map(move |window| {
        let all = listed(window);
        window.late.iter().filter(move |late| all || !late.good)
    });
    late.filter(move |late| late.due < struck && late.end > struck)
}

/// Good requests that were due before `until`, in flight when the fault struck, and are in no list,
/// because they ended within a window or the list was full: response times and how often each.
/// Due times are taken as evenly spaced, response times as the same at all of them.
pub(super) fn brief(windows: &[Window], struck: Moment, until: Moment) -> Vec<(u64, f64)> {
    // The window of the fault also has the times of those that failed.
    let usual = usual(windows, struck).sparse();
    let mut found = Vec::new();
    for window in windows.iter().take_while(|window| window.start() < struck) {
        let full = window.late.len() == LATE_PER_WINDOW;
        let times = if window.end() > struck { &usual } else { &window.latencies };
        let longest = times.last().map_or(0, |(micros, _)| *micros);
        if window.end().plus(longest) <= struck {
            continue;
        }
        for (micros, share) in shares(times).filter(|(micros, _)| full || *micros <= WINDOW_MICROS)
        {
            let flying = Stretch::new(struck.minus(micros).plus(1), until.min(struck));
            let count = good_within(window, flying);
            found.extend((count > 0).then_some((micros, share * count as f64)));
        }
    }
    found
}

/// How long requests took in the windows just before a fault.
pub(super) fn usual(windows: &[Window], struck: Moment) -> Histogram {
    let before = &windows[..windows.partition_point(|window| window.end() <= struck)];
    let mut usual = Histogram::default();
    let reference = &before[before.len().saturating_sub(REFERENCE)..];
    reference.iter().for_each(|window| usual.merge(&window.latencies));
    usual
}

/// When the first of the requests was due that trouble broke while they were under way, or the trouble
/// itself began. Only those that ended at once are its own: others may have waited for long in vain.
pub(super) fn first_broken(windows: &[Window], onset: Moment) -> Moment {
    let at_once = onset.plus(2 * WINDOW_MICROS);
    let broken = flying(windows, onset).filter(|late| !late.good && late.end < at_once);
    broken.map(|late| late.due).min().unwrap_or(onset)
}

/// Response times and the share of each.
pub(super) fn shares(latencies: &[(u64, u64)]) -> impl Iterator<Item = (u64, f64)> {
    let all: u64 = latencies.iter().map(|(_, count)| count).sum();
    latencies.iter().map(move |(micros, count)| (*micros, *count as f64 / all.max(1) as f64))
}

/// How many good requests of a window were due in a stretch.
pub(super) fn good_within(window: &Window, stretch: Stretch) -> u64 {
    spaced(window.good, window.first_good, window.last_good, stretch)
}

fn all_good(counts: Vec<(u64, f64)>) -> Tally {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    let count = counts.into_iter().map(|(_, count)| count).sum::<f64>().round() as u64;
    Tally { due: count, good: count, acknowledged: count }
}

/// Requests of a class over the baseline.
pub fn baseline(record: &RunRecord, class: &str) -> Option<Tally> {
    let stretch = times::baseline(record)?;
    let stretch = times::felt(record).map_or(stretch, |felt| stretch.until(felt));
    Some(within(record, class, stretch))
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
fn part(window: &Window, stretch: Stretch, bad_stretch: Stretch) -> Tally {
    let good = good_within(window, stretch);
    let bad = bad_within(window, bad_stretch);
    // Whoever is served well is acknowledged first.
    let of_good = window.acknowledged.min(window.good);
    let of_bad = window.acknowledged - of_good;
    let acknowledged = scaled(of_good, good, window.good) + scaled(of_bad, bad, window.bad());
    Tally { due: good + bad, good, acknowledged }
}

/// How many bad requests of a window were due in a stretch.
pub(super) fn bad_within(window: &Window, stretch: Stretch) -> u64 {
    spaced(window.bad(), window.first_bad, window.last_bad, stretch)
}

/// How many of `count` requests, evenly spaced from the first to the last, were due in a stretch.
fn spaced(count: u32, first: Option<Moment>, last: Option<Moment>, stretch: Stretch) -> u64 {
    let (Some(first), Some(last)) = (first, last) else { return 0 };
    if stretch.contains(first) && stretch.contains(last) {
        return u64::from(count);
    }
    let gaps = u64::from(count.saturating_sub(1)).max(1);
    let due = |n: u64| first.plus((last.0.saturating_sub(first.0) * n).div_ceil(gaps));
    (0..u64::from(count)).filter(|n| stretch.contains(due(*n))).count() as u64
}

/// `count × part / whole`, rounded.
fn scaled(count: u32, part: u64, whole: u32) -> u64 {
    let whole = u64::from(whole).max(1);
    (u64::from(count) * part + whole / 2) / whole
}

/// Good requests that were due before the fault and ended after it, and bad ones from windows
/// before the doubtful ones.
pub(super) fn in_flight(windows: &[Window], struck: Moment) -> Tally {
    let before = windows.partition_point(|window| window.start() < struck);
    let mut tally = Tally::default();
    flying(&windows[..before], struck)
        .filter(|late| late.good || late.due < doubtful(struck))
        .for_each(|late| tally.add(one(late.good)));
    tally.add(all_good(brief(windows, struck, struck)));
    tally
}

fn one(good: bool) -> Tally {
    Tally { due: 1, good: u64::from(good), acknowledged: u64::from(good) }
}
