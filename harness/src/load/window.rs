//! Aggregates requests by class and by the 100 ms in which they were due. A window is handed out
//! once all its requests are settled, in ascending order per class, so memory is bounded by the
//! timeout and never grows with the length of a run.

use std::collections::BTreeMap;

use chaos_reports::record::Moment;
use chaos_reports::record::order::{Acknowledgement, Outcome};
use chaos_reports::record::window::{LATE_PER_WINDOW, Late, Sparse, WINDOW_MICROS, Window};
use hdrhistogram::Histogram;

/// Significant decimal digits that latencies keep.
const DIGITS: u8 = 3;
/// Longest latency that the rounding is set up for: an hour in microseconds.
const LONGEST_MICROS: u64 = 3_600_000_000;

/// How one request ended, as far as windows care.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settled {
    /// What was observed.
    pub(super) outcome: Outcome,
    /// What the answer promised about an order.
    pub(super) acknowledged: Option<Acknowledgement>,
    /// When it ended.
    pub(super) end: Moment,
    /// `end − due` in microseconds, or the timeout; none for a request that was never sent.
    pub(super) latency: Option<u64>,
    /// Whether the timeout was hit: its latency is not rounded, so that it stands at the timeout.
    pub(super) censored: bool,
}

/// Open windows of all classes.
#[derive(Debug)]
pub(super) struct Windows {
    classes: Vec<ClassWindows>,
    rounding: Rounding,
}

#[derive(Debug)]
struct ClassWindows {
    class: String,
    /// Longest latency of a good request, microseconds.
    bound: u64,
    windows: BTreeMap<u64, OpenWindow>,
}

/// A window whose requests are all settled.
#[derive(Debug)]
pub(super) struct Complete(OpenWindow);

#[derive(Debug, Default)]
struct OpenWindow {
    open: u32,
    window: Window,
    latencies: Vec<u64>,
}

impl Windows {
    /// Windows of classes, each with the bound (microseconds) within which an answer is good.
    pub(super) fn new(classes: impl IntoIterator<Item = (String, u64)>) -> Self {
        let classes = classes.into_iter().map(|(class, bound)| ClassWindows {
            class,
            bound,
            windows: BTreeMap::new(),
        });
        Self { classes: classes.collect(), rounding: Rounding::new() }
    }

    /// A request of a class is due; it must be settled later.
    pub(super) fn open(&mut self, class: usize, due: Moment) {
        let index = due.0 / WINDOW_MICROS;
        let class = &mut self.classes[class];
        let name = &class.class;
        let open = class.windows.entry(index).or_insert_with(|| OpenWindow {
            window: Window { index, class: name.clone(), ..Window::default() },
            ..OpenWindow::default()
        });
        open.open += 1;
    }

    /// A request that was opened has ended.
    pub(super) fn settle(&mut self, class: usize, due: Moment, settled: &Settled) {
        let class = &mut self.classes[class];
        let bound = class.bound;
        if let Some(open) = class.windows.get_mut(&(due.0 / WINDOW_MICROS)) {
            open.settle(due, bound, settled, &self.rounding);
        }
    }

    /// Takes out every window that ended at or before `until` and whose requests are all settled,
    /// as long as no earlier window of its class is still open.
    pub(super) fn take_complete(&mut self, until: Moment) -> Vec<Complete> {
        let mut complete = Vec::new();
        for class in &mut self.classes {
            while let Some(first) = class.windows.first_entry() {
                if first.get().open > 0 || first.get().window.end() > until {
                    break;
                }
                complete.push(Complete(first.remove()));
            }
        }
        complete
    }
}

impl OpenWindow {
    fn settle(&mut self, due: Moment, bound: u64, settled: &Settled, rounding: &Rounding) {
        self.open -= 1;
        let good = settled.outcome == Outcome::Ok && settled.latency.is_some_and(|l| l <= bound);
        self.count(settled, good);
        self.mark(due, good);
        let Some(latency) = settled.latency else { return };
        self.latencies.push(if settled.censored { latency } else { rounding.round(latency) });
        if settled.end > due.plus(WINDOW_MICROS) {
            self.list_late(Late { due, end: settled.end, good });
        }
    }

    fn count(&mut self, settled: &Settled, good: bool) {
        let window = &mut self.window;
        window.due += 1;
        window.acknowledged += u32::from(is_taken(settled));
        *match settled.outcome {
            Outcome::Ok if good => &mut window.good,
            Outcome::Ok => &mut window.slow,
            Outcome::Wrong => &mut window.wrong,
            Outcome::Fail => &mut window.fail,
            Outcome::Unknown => &mut window.unknown,
            Outcome::NotSent => &mut window.not_sent,
        } += 1;
    }

    fn mark(&mut self, due: Moment, good: bool) {
        let window = &mut self.window;
        let (first, last) = if good {
            (&mut window.first_good, &mut window.last_good)
        } else {
            (&mut window.first_bad, &mut window.last_bad)
        };
        *first = Some(first.map_or(due, |known| known.min(due)));
        *last = Some(last.map_or(due, |known| known.max(due)));
    }

    /// Keeps the first few by due time, whatever order they end in.
    fn list_late(&mut self, late: Late) {
        let list = &mut self.window.late;
        let place = list.partition_point(|other| other.due <= late.due);
        if place < LATE_PER_WINDOW {
            list.insert(place, late);
            list.truncate(LATE_PER_WINDOW);
        }
    }
}

impl Complete {
    /// The window as it is told.
    pub(super) fn finish(self) -> Window {
        let Self(OpenWindow { mut window, latencies, .. }) = self;
        window.latencies = sparse(latencies);
        window
    }
}

/// Whether an answer took the order: it is done, will be done, or was refused as it should be.
fn is_taken(settled: &Settled) -> bool {
    match settled.acknowledged {
        Some(Acknowledgement::Completed | Acknowledgement::Accepted) => true,
        Some(Acknowledgement::Rejected) => settled.outcome == Outcome::Ok,
        None => false,
    }
}

/// Values as `[value, count]` pairs, ascending.
pub(super) fn sparse(mut values: Vec<u64>) -> Sparse {
    values.sort_unstable();
    let mut pairs = Sparse::new();
    for value in values {
        match pairs.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => pairs.push((value, 1)),
        }
    }
    pairs
}

/// Rounds down to three significant digits, as a histogram of that precision would.
#[derive(Debug)]
pub(super) struct Rounding(Histogram<u8>);

impl Rounding {
    pub(super) fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, LONGEST_MICROS, DIGITS);
        Self(histogram.expect("bounds and digits are constants in their ranges"))
    }

    pub(super) fn round(&self, micros: u64) -> u64 {
        self.0.lowest_equivalent(micros.min(LONGEST_MICROS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: u64 = 50_000;

    fn windows() -> Windows {
        Windows::new([("order".to_owned(), BOUND), ("browse".to_owned(), BOUND)])
    }

    fn settled(outcome: Outcome, due: u64, latency: u64) -> (Moment, Settled) {
        let end = Moment(due + latency);
        let latency = (outcome != Outcome::NotSent).then_some(latency);
        (Moment(due), Settled { outcome, acknowledged: None, end, latency, censored: false })
    }

    fn run(windows: &mut Windows, requests: &[(Moment, Settled)]) -> Vec<Window> {
        requests.iter().for_each(|(due, _)| windows.open(0, *due));
        requests.iter().for_each(|(due, settled)| windows.settle(0, *due, settled));
        taken(windows, Moment(u64::MAX))
    }

    fn taken(windows: &mut Windows, until: Moment) -> Vec<Window> {
        windows.take_complete(until).into_iter().map(Complete::finish).collect()
    }

    #[test]
    fn a_window_counts_every_request_once_and_keeps_its_edges() {
        let taken = run(
            &mut windows(),
            &[
                settled(Outcome::Ok, 200_000, BOUND),
                settled(Outcome::Ok, 210_000, BOUND + 1),
                settled(Outcome::Wrong, 220_000, 10),
                settled(Outcome::Fail, 230_000, 10),
                settled(Outcome::Unknown, 240_000, 150_000),
                settled(Outcome::NotSent, 250_000, 0),
                settled(Outcome::Ok, 299_999, 1_234_567),
            ],
        );
        let [window] = taken.try_into().expect("one window");
        assert_eq!((window.index, window.class.as_str(), window.due), (2, "order", 7));
        assert_eq!((window.good, window.slow, window.wrong), (1, 2, 1));
        assert_eq!((window.fail, window.unknown, window.not_sent), (1, 1, 1));
        assert_eq!(
            (window.first_good, window.last_good),
            (Some(Moment(200_000)), Some(Moment(200_000)))
        );
        assert_eq!(
            (window.first_bad, window.last_bad),
            (Some(Moment(210_000)), Some(Moment(299_999)))
        );
        let sent: u64 = window.latencies.iter().map(|(_, count)| count).sum();
        assert_eq!(sent, 6, "the one that was never sent has no latency");
        assert_eq!(window.late.len(), 2, "{:?}", window.late);
        let last = window.latencies.last().expect("a latency").0;
        assert!((1_233_000..=1_234_567).contains(&last), "{last}");
    }

    #[test]
    fn an_open_request_holds_its_window_and_the_later_ones_of_its_class() {
        let mut windows = windows();
        let (first, second) = (settled(Outcome::Ok, 0, 10), settled(Outcome::Ok, 100_000, 10));
        windows.open(0, first.0);
        windows.open(0, second.0);
        windows.open(1, second.0);
        windows.settle(0, second.0, &second.1);
        windows.settle(1, second.0, &second.1);
        let browse = taken(&mut windows, Moment(1_000_000));
        assert_eq!(browse.iter().map(|w| w.class.as_str()).collect::<Vec<_>>(), ["browse"]);
        windows.settle(0, first.0, &first.1);
        assert_eq!(windows.take_complete(Moment(199_999)).len(), 1, "the second is not over");
        assert_eq!(windows.take_complete(Moment(200_000)).len(), 1);
        assert_eq!(taken(&mut windows, Moment(u64::MAX)), []);
    }

    #[test]
    fn the_late_ones_listed_are_the_first_due_whatever_order_they_end_in() {
        let mut requests: Vec<_> =
            (0..99_u64).map(|n| settled(Outcome::Unknown, n * 1_000, 3_000_000)).collect();
        requests.reverse();
        let [window] = run(&mut windows(), &requests).try_into().expect("one window");
        assert_eq!(window.late.len(), LATE_PER_WINDOW);
        assert!(window.late.is_sorted_by_key(|late| late.due));
        assert_eq!(window.late[63].due, Moment(63_000));
    }

    #[test]
    fn a_timeout_stands_at_the_timeout() {
        let (due, mut unknown) = settled(Outcome::Unknown, 0, 3_000_000);
        unknown.censored = true;
        let [window] = run(&mut windows(), &[(due, unknown)]).try_into().expect("one window");
        assert_eq!(window.latencies, [(3_000_000, 1)]);
    }

    #[test]
    fn rounding_keeps_three_digits_and_repeats_itself() {
        let rounding = Rounding::new();
        for micros in [0, 1, 999, 2_047, 12_345, 987_654, 2_999_999, 3_600_000_000] {
            let rounded = rounding.round(micros);
            assert!(rounded <= micros && micros - rounded <= micros / 1_000, "{micros}: {rounded}");
            assert_eq!(rounding.round(rounded), rounded);
        }
    }

    #[test]
    fn an_order_is_taken_unless_it_was_refused_against_the_plan() {
        let with = |outcome, acknowledged| {
            let (_, settled) = settled(outcome, 0, 0);
            is_taken(&Settled { acknowledged: Some(acknowledged), ..settled })
        };
        assert!(with(Outcome::Ok, Acknowledgement::Accepted));
        assert!(with(Outcome::Wrong, Acknowledgement::Completed));
        assert!(with(Outcome::Ok, Acknowledgement::Rejected));
        assert!(!with(Outcome::Wrong, Acknowledgement::Rejected));
        assert!(!is_taken(&settled(Outcome::Ok, 0, 0).1));
    }
}
