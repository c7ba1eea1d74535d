//! From windows of 100 ms to the steps of a chart: neighbours are added up, never dropped, until a
//! step holds enough requests to speak of its percentiles and the page stays small.

use std::collections::BTreeMap;

use crate::record::Moment;
use crate::record::run_record::RunRecord;
use crate::record::window::{WINDOW_MICROS, Window};

/// Windows that a step may join.
const JOINED: [u64; 7] = [1, 2, 5, 10, 20, 50, 100];
/// Most steps of a chart: about two per pixel of its narrowest form.
const MOST_STEPS: u64 = 400;
/// Requests that a step should hold, so that a percentile of it means something.
const REQUESTS_PER_STEP: f64 = 10.0;

/// The steps that all runs of a chart share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steps {
    /// Windows in a step.
    pub joined: u64,
    /// Steps before second 0.
    pub before: u64,
    /// All steps.
    pub count: u64,
}

/// One run on the steps of a chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    /// Requests that were due.
    pub due: Vec<Option<u64>>,
    /// Those of them that were good.
    pub good: Vec<Option<u64>>,
    /// Median response time, microseconds.
    pub p50: Vec<Option<u64>>,
    /// 95th percentile, microseconds.
    pub p95: Vec<Option<u64>>,
    /// 99th percentile, microseconds.
    pub p99: Vec<Option<u64>>,
    /// Highest pending work.
    pub pending: Vec<Option<u64>>,
    /// Orders that reached their final state, per second.
    pub completed: Vec<Option<f64>>,
}

impl Steps {
    /// Steps over `from..to` (seconds, second 0 between or before them) at `rate` requests a second.
    pub fn over(from: f64, to: f64, rate: f64) -> Self {
        let length = |joined: u64| (joined * WINDOW_MICROS) as f64 / 1e6;
        let fits = |joined: &u64| {
            let step = length(*joined);
            (to - from) / step <= MOST_STEPS as f64 && rate * step >= REQUESTS_PER_STEP
        };
        let few = |joined: &u64| (to - from) / length(*joined) <= MOST_STEPS as f64;
        let most = JOINED[JOINED.len() - 1];
        // A very low rate never fills a step; half a second is then fine enough to see something.
        let joined = JOINED.into_iter().find(fits).unwrap_or(most);
        let joined =
            if joined > 10 { JOINED.into_iter().skip(2).find(few).unwrap_or(most) } else { joined };
        let step = length(joined);
        let (before, after) = (whole(-from / step), whole(to / step));
        Self { joined, before, count: before + after }
    }

    /// Length of a step in seconds.
    pub fn seconds(self) -> f64 {
        (self.joined * WINDOW_MICROS) as f64 / 1e6
    }

    /// Time of the first step's beginning, in seconds.
    pub fn start(self) -> f64 {
        -(self.before as f64) * self.seconds()
    }

    /// Time of the last step's end, in seconds.
    pub fn end(self) -> f64 {
        self.start() + self.count as f64 * self.seconds()
    }

    /// The step of a window, if it has one; `zero` is the window that begins at second 0.
    fn of(self, window: u64, zero: u64) -> Option<usize> {
        let place = (window + self.before * self.joined).checked_sub(zero)? / self.joined;
        (place < self.count).then(|| usize::try_from(place).ok()).flatten()
    }
}

/// Rounded up; nothing below 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held at 0 and small")]
fn whole(value: f64) -> u64 {
    value.max(0.0).ceil() as u64
}

impl Samples {
    /// The requests of `class` and the pending work of a run, with second 0 at `zero`. Time without
    /// load, and warm-up before `from`, is a gap.
    pub fn take(record: &RunRecord, class: &str, steps: Steps, zero: Moment, from: Moment) -> Self {
        let first = (zero.0 + WINDOW_MICROS / 2) / WINDOW_MICROS;
        let mut joined: BTreeMap<usize, Joined> = BTreeMap::new();
        for window in record.windows.get(class).into_iter().flatten() {
            if window.start() < from {
                continue;
            }
            if let Some(step) = steps.of(window.index, first) {
                joined.entry(step).or_default().add(window);
            }
        }
        drop_partial(&mut joined, steps);
        let count = usize::try_from(steps.count).unwrap_or(0);
        let column = |value: fn(&Joined) -> Option<u64>| {
            (0..count).map(|step| joined.get(&step).and_then(value)).collect()
        };
        Self {
            due: column(|step| Some(step.due)),
            good: column(|step| Some(step.good)),
            p50: column(|step| step.percentile(0.50)),
            p95: column(|step| step.percentile(0.95)),
            p99: column(|step| step.percentile(0.99)),
            pending: pending(record, steps, first, from),
            completed: Vec::new(),
        }
    }

    /// Adds completions, which are known by whole second since the run started; outside of `known`
    /// there is nothing to know.
    #[must_use]
    pub fn with_completions(
        mut self,
        completions: &[u64],
        steps: Steps,
        zero: Moment,
        known: (Moment, Moment),
    ) -> Self {
        let of_step = |step: u64| {
            let begin = zero.seconds() + steps.start() + step as f64 * steps.seconds();
            let end = begin + steps.seconds();
            let inside = begin >= known.0.seconds() && end <= known.1.seconds();
            if inside { mean(completions, begin, end) } else { None }
        };
        self.completed = (0..steps.count).map(of_step).collect();
        self
    }
}

/// The first and the last step may be cut by the beginning and the end of the load: their rates
/// would be lower than any that was seen.
fn drop_partial(joined: &mut BTreeMap<usize, Joined>, steps: Steps) {
    let cut = |step: &Joined| {
        let covered = step.first.map_or(0, |first| step.last + 1 - first);
        covered * 2 <= steps.joined
    };
    if joined.first_entry().is_some_and(|entry| cut(entry.get())) {
        joined.pop_first();
    }
    if joined.last_entry().is_some_and(|entry| cut(entry.get())) {
        joined.pop_last();
    }
}

fn pending(record: &RunRecord, steps: Steps, zero: u64, from: Moment) -> Vec<Option<u64>> {
    let mut highest = vec![None; usize::try_from(steps.count).unwrap_or(0)];
    let mut samples = Vec::new();
    for sample in record.pending.iter().filter(|sample| sample.at >= from) {
        if let Some(step) = steps.of(sample.at.0 / WINDOW_MICROS, zero) {
            highest[step] = highest[step].max(Some(sample.total()));
            samples.push(step);
        }
    }
    // Between two samples the first one's value is the latest that is known.
    for pair in samples.windows(2) {
        for step in pair[0] + 1..pair[1] {
            highest[step] = highest[pair[0]];
        }
    }
    highest
}

/// Completions per second over the seconds whose middles lie in `begin..end`; for a shorter stretch
/// those of the second around its middle. Rounded to tenths.
fn mean(completions: &[u64], begin: f64, end: f64) -> Option<f64> {
    let first = usize::try_from(whole(begin - 0.5)).ok()?;
    let last = usize::try_from(whole(end - 0.5)).ok()?;
    let around = usize::try_from(whole(f64::midpoint(begin, end) - 1.0)).ok()?;
    let seconds = if last > first { first..last } else { around..around + 1 };
    let inside = completions.get(seconds)?;
    let sum: u64 = inside.iter().sum();
    Some((sum as f64 / inside.len() as f64 * 10.0).round() / 10.0)
}

/// Windows of one step, added up.
#[derive(Debug, Default)]
struct Joined {
    first: Option<u64>,
    last: u64,
    due: u64,
    good: u64,
    latencies: BTreeMap<u64, u64>,
}

impl Joined {
    fn add(&mut self, window: &Window) {
        self.first.get_or_insert(window.index);
        self.last = window.index;
        self.due += u64::from(window.due);
        self.good += u64::from(window.good);
        for (value, count) in &window.latencies {
            *self.latencies.entry(*value).or_default() += count;
        }
    }

    fn percentile(&self, share: f64) -> Option<u64> {
        percentile(&self.latencies, share)
    }
}

/// The smallest value that at least `share` of all are not above (nearest rank).
pub fn percentile(values: &BTreeMap<u64, u64>, share: f64) -> Option<u64> {
    let all: u64 = values.values().sum();
    let rank = whole(all as f64 * share).max(1);
    let mut seen = 0;
    values.iter().find_map(|(value, count)| {
        seen += count;
        (seen >= rank).then_some(*value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::run_record::PendingSample;

    fn record(indices: std::ops::Range<u64>) -> RunRecord {
        let window = |index| Window {
            index,
            class: "order".to_owned(),
            due: 10,
            good: 9,
            latencies: vec![(1_000 * (index + 1), 10)],
            ..Window::default()
        };
        let windows = BTreeMap::from([("order".to_owned(), indices.map(window).collect())]);
        RunRecord { windows, ..RunRecord::default() }
    }

    #[test]
    fn a_step_holds_enough_requests_and_a_chart_few_steps() {
        assert_eq!(Steps::over(-10.0, 20.0, 300.0), Steps { joined: 1, before: 100, count: 300 });
        assert_eq!(Steps::over(-10.0, 20.0, 100.0).joined, 1);
        assert_eq!(Steps::over(-10.0, 20.0, 25.0).joined, 5);
        assert_eq!(Steps::over(-30.0, 270.0, 1000.0).joined, 10);
        assert_eq!(Steps::over(-10.0, 20.0, 0.5).joined, 5);
    }

    #[test]
    fn windows_are_added_up_and_none_is_dropped() {
        let steps = Steps { joined: 5, before: 2, count: 4 };
        let samples = Samples::take(&record(0..20), "order", steps, Moment(1_000_000), Moment(0));
        assert_eq!(samples.due, [Some(50); 4]);
        assert_eq!(samples.good, [Some(45); 4]);
        assert_eq!(samples.p99[0], Some(5_000));
    }

    #[test]
    fn time_without_load_is_a_gap() {
        let steps = Steps { joined: 5, before: 2, count: 4 };
        let samples = Samples::take(&record(5..10), "order", steps, Moment(1_000_000), Moment(0));
        assert_eq!(samples.due, [None, Some(50), None, None]);
    }

    #[test]
    fn a_step_that_the_load_barely_touches_is_a_gap() {
        let steps = Steps { joined: 5, before: 0, count: 4 };
        let samples = Samples::take(&record(4..12), "order", steps, Moment(0), Moment(0));
        assert_eq!(samples.due, [None, Some(50), None, None]);
    }

    #[test]
    fn completions_stand_in_the_step_of_their_second() {
        let completions = [0, 7, 3, 4];
        assert_eq!(mean(&completions, 0.9, 1.9), Some(7.0));
        assert_eq!(mean(&completions, 2.0, 4.0), Some(3.5));
        assert_eq!(mean(&completions, 1.2, 1.4), Some(7.0));
        assert_eq!(mean(&completions, 4.0, 5.0), None);
    }

    #[test]
    fn pending_work_holds_until_the_next_sample() {
        let steps = Steps { joined: 1, before: 0, count: 6 };
        let sample = |at, count| PendingSample {
            at: Moment(at),
            counts: BTreeMap::from([("outbox".to_owned(), count), ("dead".to_owned(), 99)]),
            silent: Vec::new(),
        };
        let pending = vec![sample(100_000, 3), sample(350_000, 7)];
        let record = RunRecord { pending, ..RunRecord::default() };
        let samples = Samples::take(&record, "order", steps, Moment(0), Moment(0));
        assert_eq!(samples.pending, [None, Some(3), Some(3), Some(7), None, None]);
    }
}
