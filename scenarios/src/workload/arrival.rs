//! When requests are due. A schedule is fixed by stages, arrival and seed alone, never by what the
//! system under test does: that is what makes the load an open loop.
//!
//! Both kinds of arrival are one thing seen in *operational time*, in which exactly one arrival per
//! unit is expected: the `n`-th constant arrival stands at `n`, the `n`-th Poisson arrival at the
//! sum of `n + 1` exponential gaps. The stages then say which moment of the clock belongs to which
//! operational time, so that rates may change at any moment without an arrival lost or doubled.

use std::iter;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::{Arrival, Stage};
use crate::quantity::Span;
use crate::random::Random;

/// Poisson positions are remembered every so many arrivals: one number per that many arrivals is
/// held in memory, and at most that many gaps are drawn to find any position.
const MILESTONE: u64 = 64;
const MICROS_PER_SECOND: f64 = 1e6;

/// Why stages make no schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// There is none, or the first begins late.
    #[error("the first stage of the load must begin at 0s")]
    NoStart,
    /// Two stages in the wrong order.
    #[error("the stage at {later} must begin after the one at {earlier}")]
    Unordered {
        /// Begin of the stage that stands first.
        earlier: Span,
        /// Begin of the stage after it.
        later: Span,
    },
}

/// A stage with what came before it.
#[derive(Debug, Clone, Copy)]
struct Step {
    /// Begin on the clock.
    from: f64,
    /// Arrivals per microsecond are `rate` / 10⁶.
    rate: f64,
    /// Operational time at its begin.
    before: f64,
}

/// Due times of all arrivals, without an end. Clones share what they remember.
///
/// Poisson gaps use the logarithm of the platform's mathematical library: between platforms a due
/// time may differ by its last microsecond.
#[derive(Debug, Clone)]
pub struct Schedule {
    arrival: Arrival,
    seed: u64,
    steps: Vec<Step>,
    /// Operational time before the gap of arrival `index × MILESTONE`; a memory, not a state.
    milestones: Arc<RwLock<Vec<f64>>>,
}

impl Schedule {
    /// The schedule of `stages`, of which the first begins at zero and the last lasts.
    pub fn new(stages: &[Stage], arrival: Arrival, seed: u64) -> Result<Self, ScheduleError> {
        if stages.first().is_none_or(|stage| stage.from != Span::ZERO) {
            return Err(ScheduleError::NoStart);
        }
        if let Some(pair) = stages.windows(2).find(|pair| pair[1].from <= pair[0].from) {
            return Err(ScheduleError::Unordered { earlier: pair[0].from, later: pair[1].from });
        }
        let mut steps: Vec<Step> = Vec::with_capacity(stages.len());
        for stage in stages {
            let from = stage.from.micros() as f64;
            let before = steps.last().map_or(0.0, |step| step.position_at(from));
            steps.push(Step { from, rate: stage.rate.value(), before });
        }
        Ok(Self { arrival, seed, steps, milestones: Arc::new(RwLock::new(vec![0.0])) })
    }

    /// When the `n`-th arrival is due, from 0, as an offset from the start of the load.
    pub fn due(&self, n: u64) -> Span {
        let position = match self.arrival {
            Arrival::Constant => n as f64,
            Arrival::Poisson => {
                let start = self.milestone(n / MILESTONE);
                (n - n % MILESTONE..=n).fold(start, |position, index| position + self.gap(index))
            }
        };
        self.moment(position)
    }

    /// How many arrivals are due at or before `limit`: their numbers are `0..count`.
    pub fn due_by(&self, limit: Span) -> u64 {
        match self.arrival {
            Arrival::Constant => self.constant_due_by(limit),
            Arrival::Poisson => self.poisson_due_by(limit),
        }
    }

    /// Due times in order, without an end.
    pub fn iter(&self) -> impl Iterator<Item = Span> + use<'_> {
        let mut position = 0.0;
        let mut n = 0_u64;
        iter::from_fn(move || {
            position = match self.arrival {
                Arrival::Constant => n as f64,
                Arrival::Poisson => position + self.gap(n),
            };
            n += 1;
            Some(self.moment(position))
        })
    }

    fn constant_due_by(&self, limit: Span) -> u64 {
        let micros = limit.micros() as f64;
        let step = self.steps.iter().rfind(|step| step.from <= micros);
        let expected = step.map_or(0.0, |step| step.position_at(micros));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let mut count = (expected as u64).saturating_sub(2);
        // Due times are whole microseconds, so the edge is looked for, from just before it.
        while self.due(count) <= limit {
            count += 1;
        }
        count
    }

    fn poisson_due_by(&self, limit: Span) -> u64 {
        let mut block = 0;
        while self.moment(self.milestone(block + 1)) <= limit {
            block = self.known_blocks_by(limit).max(block + 1);
        }
        let mut position = self.milestone(block);
        let mut count = block * MILESTONE;
        loop {
            position += self.gap(count);
            if self.moment(position) > limit {
                return count;
            }
            count += 1;
        }
    }

    /// The last remembered milestone that is not after `limit`.
    fn known_blocks_by(&self, limit: Span) -> u64 {
        let milestones = self.milestones.read().unwrap_or_else(PoisonError::into_inner);
        let not_after = milestones.partition_point(|position| self.moment(*position) <= limit);
        not_after.saturating_sub(1) as u64
    }

    /// Operational time before the gap of arrival `index × MILESTONE`.
    fn milestone(&self, index: u64) -> f64 {
        let wanted = usize::try_from(index).expect("milestones in memory are counted by usize");
        {
            let milestones = self.milestones.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(position) = milestones.get(wanted) {
                return *position;
            }
        }
        let mut milestones = self.milestones.write().unwrap_or_else(PoisonError::into_inner);
        while milestones.len() <= wanted {
            let last = milestones.len() as u64 - 1;
            let gaps = last * MILESTONE..(last + 1) * MILESTONE;
            let start = milestones.last().copied().unwrap_or(0.0);
            milestones.push(gaps.fold(start, |position, n| position + self.gap(n)));
        }
        milestones[wanted]
    }

    /// The exponential gap, of mean 1, before the `n`-th arrival.
    fn gap(&self, n: u64) -> f64 {
        -(1.0 - Random::nth(self.seed, "arrival", n).unit()).ln()
    }

    /// The moment of the clock that belongs to an operational time.
    fn moment(&self, position: f64) -> Span {
        let after = self.steps.partition_point(|step| step.before <= position);
        let step = self.steps[after.saturating_sub(1)];
        let micros = step.from + (position - step.before) * MICROS_PER_SECOND / step.rate;
        let end = self.steps.get(after).map_or(f64::INFINITY, |next| next.from);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        let whole = micros.min(end).round() as u64;
        Span::from(Duration::from_micros(whole))
    }
}

impl Step {
    /// Operational time at a moment (in microseconds) of this step.
    fn position_at(self, micros: f64) -> f64 {
        self.before + (micros - self.from) * self.rate / MICROS_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Rate;
    use proptest::prelude::*;

    fn stages(rates: &[(u64, f64)]) -> Vec<Stage> {
        let stage = |(seconds, rate): &(u64, f64)| Stage {
            from: Span::seconds(*seconds),
            rate: Rate::per_second(*rate).expect("a rate"),
        };
        rates.iter().map(stage).collect()
    }

    fn schedule(rates: &[(u64, f64)], arrival: Arrival, seed: u64) -> Schedule {
        Schedule::new(&stages(rates), arrival, seed).expect("a schedule")
    }

    #[test]
    fn a_hundred_a_second_is_ten_milliseconds_exactly_for_ever() {
        let schedule = schedule(&[(0, 100.0)], Arrival::Constant, 1);
        for n in [0, 1, 2, 3, 7, 99_999, 100_000_007] {
            assert_eq!(schedule.due(n), Span::milliseconds(10 * n));
        }
    }

    #[test]
    fn a_change_of_rate_neither_loses_nor_doubles_an_arrival() {
        let schedule = schedule(&[(0, 100.0), (10, 400.0), (20, 100.0)], Arrival::Constant, 1);
        assert_eq!(schedule.due(999), Span::milliseconds(9_990));
        assert_eq!(schedule.due(1_000), Span::seconds(10));
        assert_eq!(schedule.due(1_004), Span::milliseconds(10_010));
        assert_eq!(schedule.due(5_000), Span::seconds(20));
        assert_eq!(schedule.due(5_001), Span::milliseconds(20_010));
    }

    #[test]
    fn poisson_arrivals_have_the_rate_and_the_spread_of_their_kind() {
        let schedule = schedule(&[(0, 200.0)], Arrival::Poisson, 42);
        let due: Vec<f64> = schedule.iter().take(20_000).map(Span::as_seconds).collect();
        let gaps: Vec<f64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // Five standard errors of the mean of 20 000 exponential gaps.
        assert!((mean * 200.0 - 1.0).abs() < 5.0 / 20_000_f64.sqrt(), "mean gap {mean}");
        assert!((variance.sqrt() / mean - 1.0).abs() < 0.05, "not memoryless: {variance}");
        assert!(due[0] > 0.0, "the first arrival also has its gap");
    }

    #[test]
    fn a_poisson_stage_of_four_times_the_rate_has_four_times_the_arrivals() {
        let schedule = schedule(&[(0, 100.0), (100, 400.0)], Arrival::Poisson, 3);
        let first = schedule.due_by(Span::seconds(100));
        let second = schedule.due_by(Span::seconds(200)) - first;
        assert!(first.abs_diff(10_000) < 500, "{first}");
        assert!(second.abs_diff(40_000) < 1_000, "{second}");
    }

    #[test]
    fn stages_must_begin_at_zero_and_follow_each_other() {
        let refuse = |rates: &[(u64, f64)]| {
            Schedule::new(&stages(rates), Arrival::Constant, 1).expect_err("wrong").to_string()
        };
        assert_eq!(refuse(&[]), "the first stage of the load must begin at 0s");
        assert_eq!(refuse(&[(1, 1.0)]), "the first stage of the load must begin at 0s");
        assert_eq!(
            refuse(&[(0, 1.0), (5, 2.0), (5, 3.0)]),
            "the stage at 5s must begin after the one at 5s"
        );
    }

    fn any_schedule() -> impl Strategy<Value = Schedule> {
        let rates = prop::collection::vec((1_u64..20, 0.5_f64..5_000.0), 1..5);
        (rates, prop::bool::ANY, any::<u64>()).prop_map(|(rates, poisson, seed)| {
            let mut from = 0;
            let mut steps = Vec::new();
            for (length, rate) in rates {
                steps.push((from, rate));
                from += length;
            }
            let arrival = if poisson { Arrival::Poisson } else { Arrival::Constant };
            schedule(&steps, arrival, seed)
        })
    }

    proptest! {
        #[test]
        fn due_times_never_go_back_and_the_iterator_agrees(schedule in any_schedule()) {
            let listed: Vec<Span> = schedule.iter().take(500).collect();
            prop_assert!(listed.is_sorted());
            // From the end, so that what is remembered does not depend on the order of asking.
            for n in (0..500_u64).rev() {
                prop_assert_eq!(schedule.due(n), listed[usize::try_from(n).unwrap()]);
            }
        }

        #[test]
        fn as_many_are_due_by_a_moment_as_are_due_by_it(
            schedule in any_schedule(), micros in 0_u64..30_000_000,
        ) {
            let limit = Span::from(Duration::from_micros(micros));
            let count = schedule.due_by(limit);
            prop_assert!(schedule.due(count) > limit);
            prop_assert!(count == 0 || schedule.due(count - 1) <= limit);
        }

        #[test]
        fn the_same_seed_is_the_same_schedule(seed in any::<u64>()) {
            let listed = |seed| -> Vec<Span> {
                schedule(&[(0, 50.0)], Arrival::Poisson, seed).iter().take(200).collect()
            };
            prop_assert_eq!(listed(seed), listed(seed));
            prop_assert_ne!(listed(seed), listed(seed.wrapping_add(1)));
        }
    }
}
