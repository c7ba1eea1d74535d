//! The band of normal service, judged on a sliding window of one second: at least 99 % good, and
//! the 95th percentile at most half above that of the baseline. From where service leaves and
//! enters the band again follow impact, recovery and relapses.

use crate::record::Moment;
use crate::record::run_record::RunRecord;
use crate::record::window::{WINDOW_MICROS, Window};

use super::tally::{self, bad_within, windows};
use super::times::Stretch;
use super::{headline, latency, times};

/// Shortest sliding window: one second.
const STEPS: usize = 10;
/// A sliding window is longer than that until it holds so many requests.
const REQUESTS: u64 = 50;
/// Of so many requests one may be bad.
const PER_BAD: u64 = 100;
/// Of so many requests one may be slower than the limit: the 95th percentile.
const PER_SLOW: u64 = 20;
/// The limit is never less than this above the baseline, microseconds.
const SLACK: u64 = 50_000;

/// 100 ms of the class that headlines compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Step {
    pub(super) start: Moment,
    pub(super) due: u64,
    pub(super) bad: u64,
    pub(super) answered: u64,
    pub(super) slow: u64,
    pub(super) first_bad: Option<Moment>,
    pub(super) last_bad: Option<Moment>,
    pub(super) first_good: Option<Moment>,
    pub(super) last_good: Option<Moment>,
}

/// Service in steps of 100 ms from a moment on, with every sliding window judged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Band {
    pub(super) steps: Vec<Step>,
    /// For each step the end (exclusive) of the sliding window that begins there; none where the
    /// watch ended before the window was full.
    ends: Vec<Option<usize>>,
    /// For each step whether the sliding window that begins there is in band.
    held: Vec<bool>,
}

/// Steps `from..until` out of which service was out of band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outside {
    /// First step of the first sliding window that is out of band.
    pub(super) from: usize,
    /// First sliding window that is in band again, or the number of all.
    pub(super) back: usize,
    /// End of the last sliding window that is out of band.
    pub(super) until: usize,
}

/// Slower than this is out of band, microseconds; none without a baseline.
pub(super) fn limit(baseline_p95: Option<u64>) -> Option<u64> {
    baseline_p95.map(|p95| (p95 + p95 / 2).max(p95 + SLACK))
}

impl Band {
    /// Service of the headline's class from `origin` on, as far as it is completely known.
    pub(super) fn since(record: &RunRecord, origin: Moment) -> Self {
        let class = headline(record);
        let limit = limit(latency::baseline_p95(record, class));
        let windows = windows(record, class);
        let first = origin.0 / WINDOW_MICROS;
        // Windows of a class are written in their order, each once all its requests have ended; those
        // that are missing in between had none.
        let Some(last) = windows.last().map(|window| window.index) else { return Self::default() };
        let mut steps: Vec<Step> =
            (first..=last).map(|index| Step::empty(Moment(index * WINDOW_MICROS))).collect();
        let known = windows.partition_point(|window| window.index < first);
        for window in &windows[known..] {
            if let Some(step) =
                usize::try_from(window.index - first).ok().and_then(|at| steps.get_mut(at))
            {
                *step = Step::of(window, limit);
            }
        }
        let struck = times::felt(record) == Some(origin);
        if let Some(first) = steps.first_mut().filter(|_| struck) {
            first.strike(windows, origin);
        }
        Self::of(steps)
    }

    pub(super) fn of(steps: Vec<Step>) -> Self {
        let ends = ends(&steps);
        let held = (0..steps.len())
            .map(|start| ends[start].is_some_and(|end| within_band(&steps[start..end])))
            .collect();
        Self { steps, ends, held }
    }

    /// The first stretch out of band from step `from` on in which at least two requests were bad.
    pub(super) fn outside(&self, from: usize) -> Option<Outside> {
        let mut from = from;
        loop {
            let outside = self.any_outside(from)?;
            let bad: u64 =
                self.steps[outside.from..outside.until].iter().map(|step| step.bad).sum();
            if bad >= 2 {
                return Some(outside);
            }
            from = outside.back;
        }
    }

    /// The first step from `from` on at which a stretch of at least `length` steps begins whose
    /// sliding windows are all in band.
    pub(super) fn steady(&self, from: usize, length: usize) -> Option<usize> {
        let mut start = from;
        loop {
            let until = (start + length).max(self.ends.get(start).copied().flatten()?);
            if until > self.steps.len() {
                return None;
            }
            match self.any_outside(start) {
                // Ends of sliding windows only grow, so the first one out of band decides.
                Some(next) if self.ends[next.from].is_some_and(|end| end <= until) => {
                    start = next.back;
                }
                _ => return Some(start),
            }
        }
    }

    /// Whether the sliding window that holds a step is in band; near the end of the watch the last
    /// full one.
    pub(super) fn holds(&self, step: usize) -> Option<bool> {
        let last = self.ends.iter().rposition(Option::is_some)?;
        self.held.get(step.min(last)).copied()
    }

    /// The due time of the first bad request of a stretch out of band. Its first sliding window
    /// begins before the trouble does, and single errors that come at any time must not be taken
    /// for its beginning: that is where the share of bad requests rises.
    pub(super) fn onset(&self, outside: Outside) -> Option<Moment> {
        let end = self.ends[outside.from].unwrap_or(self.steps.len());
        let window = &self.steps[outside.from..end];
        let worst = window.iter().map(Step::bad_share).fold(0.0, f64::max);
        let risen = rise(window, worst / 2.0);
        let onset = window.get(risen).and_then(|step| step.onset(worst));
        // Where its whole step is bad it may have begun within the one before.
        let begun =
            onset.filter(|onset| *onset > window[risen].start.plus(window[risen].gap(worst)));
        let before = risen.checked_sub(1).and_then(|before| window[before].onset(worst));
        let first = self.steps[outside.from..outside.until].iter().find_map(|step| step.first_bad);
        begun.or(before).or(onset).or(first)
    }

    /// The due time of the first request of a stretch in band that begins at a step: the first
    /// good one after the last bad one.
    pub(super) fn entry(&self, step: usize) -> Moment {
        // A window in band may begin with the last few bad requests of the trouble.
        if let Some(end) = self.steps[step].good_after_bad().filter(|_| self.steps[step].is_bad()) {
            return end;
        }
        let before = step.checked_sub(1).and_then(|before| self.steps[before].good_after_bad());
        before
            .or_else(|| self.steps[step].good_after_first_bad())
            .or_else(|| self.steps[step..].iter().find_map(Step::first_due))
            .unwrap_or(self.steps[step].start)
    }

    /// Where the watch ended.
    pub(super) fn end(&self) -> Option<Moment> {
        self.steps.last().map(|step| step.start.plus(WINDOW_MICROS))
    }

    fn any_outside(&self, from: usize) -> Option<Outside> {
        let outside = |step: usize| self.ends[step].is_some() && !self.held[step];
        let from = (from..self.steps.len()).find(|step| outside(*step))?;
        let back =
            (from..self.steps.len()).find(|step| !outside(*step)).unwrap_or(self.steps.len());
        let until = self.ends[back - 1].unwrap_or(self.steps.len());
        Some(Outside { from, back, until })
    }
}

impl Step {
    fn empty(start: Moment) -> Self {
        Self { start, ..Self::default() }
    }

    fn of(window: &Window, limit: Option<u64>) -> Self {
        let slow = limit.map_or(0, |limit| {
            window.latencies.iter().filter(|(value, _)| *value > limit).map(|(_, n)| n).sum()
        });
        Self {
            start: window.start(),
            due: u64::from(window.due),
            bad: u64::from(window.bad()),
            answered: window.latencies.iter().map(|(_, count)| count).sum(),
            slow,
            first_bad: window.first_bad,
            last_bad: window.last_bad,
            first_good: window.first_good,
            last_good: window.last_good,
        }
    }

    fn bad_share(&self) -> f64 {
        self.bad as f64 / self.due.max(1) as f64
    }

    /// Whether it would be out of band if it were alone; a single error says nothing.
    fn is_bad(&self) -> bool {
        self.bad >= 2 && self.bad * PER_BAD > self.due
    }

    /// From one bad request to the next where so large a share is bad, microseconds.
    fn gap(&self, share: f64) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let gap = (WINDOW_MICROS as f64 / (share * self.due as f64)) as u64;
        gap
    }

    /// Where its bad requests begin if they go on to its end: the first one, unless it lies so far
    /// before the others that it does not belong to them.
    fn onset(&self, share: f64) -> Option<Moment> {
        let first = self.first_bad?;
        let length = self.gap(share).saturating_mul(self.bad + 1);
        Some(first.max(self.start.plus(WINDOW_MICROS.saturating_sub(length))))
    }

    /// The step in which a fault struck also holds the bad requests that were in flight then, and
    /// nothing of it is before the fault.
    fn strike(&mut self, windows: &[Window], struck: Moment) {
        let before = Stretch::new(struck.minus(WINDOW_MICROS), self.start);
        let place = windows.partition_point(|window| window.end() < self.start);
        let doubtful = windows.get(place).filter(|window| window.end() == self.start);
        let flying = tally::in_flight(windows, struck);
        let more =
            flying.due - flying.good + doubtful.map_or(0, |window| bad_within(window, before));
        self.due += more;
        self.bad += more;
        if more > 0 {
            self.first_bad = Some(struck);
            self.last_bad.get_or_insert(struck);
        }
        let moments =
            [&mut self.first_bad, &mut self.last_bad, &mut self.first_good, &mut self.last_good];
        moments.into_iter().flatten().for_each(|moment| *moment = (*moment).max(struck));
    }

    /// The first good request after the last bad one, if both are here. Between the two there may
    /// be requests whose due times are not stored: they are taken as evenly spaced.
    fn good_after_bad(&self) -> Option<Moment> {
        let (bad, good) = (self.last_bad?, self.last_good?);
        if good < bad {
            return None;
        }
        let first = self.first_good.filter(|first| *first >= bad);
        first.or_else(|| Some(bad.plus(WINDOW_MICROS / self.due.max(1)).min(good)))
    }

    /// The first good request, if a bad one came before it.
    fn good_after_first_bad(&self) -> Option<Moment> {
        let (bad, good) = (self.first_bad?, self.first_good?);
        (good > bad).then_some(good)
    }

    fn first_due(&self) -> Option<Moment> {
        [self.first_good, self.first_bad].into_iter().flatten().min()
    }
}

fn within_band(steps: &[Step]) -> bool {
    let sum = |of: fn(&Step) -> u64| steps.iter().map(of).sum::<u64>();
    let good = sum(|step| step.bad) * PER_BAD <= sum(|step| step.due);
    good && sum(|step| step.slow) <= sum(|step| step.answered) / PER_SLOW
}

/// The step from which on bad requests are most in excess of a share.
fn rise(steps: &[Step], share: f64) -> usize {
    let (mut rise, mut excess, mut most) = (0, 0.0, f64::NEG_INFINITY);
    for (place, step) in steps.iter().enumerate().rev() {
        excess += step.bad as f64 - share * step.due as f64;
        if excess >= most {
            (rise, most) = (place, excess);
        }
    }
    rise
}

/// For each step the end of the shortest sliding window that begins there, is a second long, and
/// holds enough requests.
fn ends(steps: &[Step]) -> Vec<Option<usize>> {
    let (mut end, mut due) = (0, 0);
    let mut ends = Vec::with_capacity(steps.len());
    for start in 0..steps.len() {
        while end < steps.len() && (end < start + STEPS || due < REQUESTS) {
            due += steps[end].due;
            end += 1;
        }
        ends.push((end >= start + STEPS && due >= REQUESTS).then_some(end));
        due -= steps[start].due;
    }
    ends
}
