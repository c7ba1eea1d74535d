//! What becomes of a packet, by chance that the plan's seed fixes. Pure: time comes from outside.

use std::time::{Duration, Instant};

use chaos_scenarios::action::network::{Behaviour, Distribution, Effect};
use chaos_scenarios::quantity::Span;
use chaos_scenarios::random::Random;

/// What waits longer than this for a narrow link is dropped, as a router with a short queue does.
const LONGEST_QUEUE: Duration = Duration::from_millis(200);
/// A normal distribution is cut at so many standard deviations, a long tail at so many means.
const NORMAL_CUT: f64 = 3.0;
const TAIL_CUT: f64 = 10.0;
/// Shape of the tail; above 2, so that it has a variance.
const TAIL: f64 = 3.0;

/// What becomes of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Pass,
    Hold(Duration),
    Drop,
    /// It waited too long already.
    Overflow,
    Reject,
    Twice,
    /// Its bit of this number, drawn at random, is flipped.
    Damage(u64),
}

/// Decides about the packets of one direction.
pub(super) struct Judge {
    effect: Effect,
    random: Random,
    /// When a narrow link is free again.
    free: Option<Instant>,
}

impl Judge {
    /// `way` names the direction, so that each has chance of its own.
    pub(super) fn new(effect: Effect, seed: u64, way: &str) -> Self {
        Self { effect, random: Random::stream(seed, way), free: None }
    }

    /// What becomes of a packet of `length` bytes that came `now`.
    pub(super) fn decide(&mut self, length: usize, now: Instant) -> Fate {
        let happens = |random: &mut Random, ratio| random.unit() < ratio;
        match self.effect {
            Effect::Delay { delay, jitter, distribution } => {
                Fate::Hold(self.spread(delay, jitter, distribution))
            }
            Effect::Loss(share) if happens(&mut self.random, share.ratio()) => Fate::Drop,
            Effect::Duplicate(share) if happens(&mut self.random, share.ratio()) => Fate::Twice,
            Effect::Corrupt(share) if happens(&mut self.random, share.ratio()) => {
                Fate::Damage(self.random.next())
            }
            Effect::Reorder { share, delay } if happens(&mut self.random, share.ratio()) => {
                Fate::Hold(delay.duration())
            }
            Effect::Rate { bits } => self.queue(length, bits, now),
            Effect::Partition(Behaviour::Drop) => Fate::Drop,
            Effect::Partition(Behaviour::Reject) => Fate::Reject,
            Effect::Loss(_)
            | Effect::Duplicate(_)
            | Effect::Corrupt(_)
            | Effect::Reorder { .. } => Fate::Pass,
        }
    }

    fn spread(&mut self, delay: Span, jitter: Span, distribution: Distribution) -> Duration {
        if jitter == Span::ZERO {
            return delay.duration();
        }
        let off = match distribution {
            Distribution::Uniform => self.random.unit() * 2.0 - 1.0,
            Distribution::Normal => self.normal().clamp(-NORMAL_CUT, NORMAL_CUT),
            Distribution::Pareto => {
                // Lomax's form begins at zero; its mean is its scale over the shape less one.
                let tail = (1.0 - self.random.unit()).powf(-1.0 / TAIL) - 1.0;
                (tail * (TAIL - 1.0)).min(TAIL_CUT)
            }
        };
        let seconds = delay.as_seconds() + off * jitter.as_seconds();
        Duration::from_secs_f64(seconds.max(0.0))
    }

    /// By Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.random.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.random.unit()).cos()
    }

    fn queue(&mut self, length: usize, bits: u64, now: Instant) -> Fate {
        let begins = self.free.map_or(now, |free| free.max(now));
        let waits = begins - now;
        if waits > LONGEST_QUEUE {
            return Fate::Overflow;
        }
        let takes = Duration::from_secs_f64(length as f64 * 8.0 / bits as f64);
        self.free = Some(begins + takes);
        Fate::Hold(waits + takes)
    }
}

#[cfg(test)]
mod tests {
    use chaos_scenarios::action::network::Share;

    use super::*;

    const PACKETS: u32 = 10_000;

    fn count(effect: Effect, wanted: impl Fn(Fate) -> bool) -> usize {
        let (mut judge, now) = (Judge::new(effect, 7, "out"), Instant::now());
        (0..PACKETS).filter(|_| wanted(judge.decide(1500, now))).count()
    }

    #[test]
    fn a_share_is_kept_within_its_binomial_bounds() {
        // 10 % of 10 000: a standard deviation is 30, and five of them are allowed.
        let share = Share(100_000);
        let ten = 850..=1150;
        assert!(ten.contains(&count(Effect::Loss(share), |fate| fate == Fate::Drop)));
        assert!(ten.contains(&count(Effect::Duplicate(share), |fate| fate == Fate::Twice)));
        let damaged = |fate| matches!(fate, Fate::Damage(_));
        assert!(ten.contains(&count(Effect::Corrupt(share), damaged)));
        assert_eq!(count(Effect::Loss(Share(1_000_000)), |fate| fate == Fate::Drop), 10_000);
    }

    #[test]
    fn the_same_seed_decides_alike_and_each_way_for_itself() {
        let decided = |seed, way| {
            let mut judge = Judge::new(Effect::Loss(Share(500_000)), seed, way);
            let now = Instant::now();
            (0..64).map(|_| judge.decide(100, now)).collect::<Vec<_>>()
        };
        assert_eq!(decided(1, "out"), decided(1, "out"));
        assert_ne!(decided(1, "out"), decided(1, "in"));
        assert_ne!(decided(1, "out"), decided(2, "out"));
    }

    #[test]
    fn delays_are_spread_as_their_distribution_says() {
        let spread = |distribution| {
            let (delay, jitter) = (Span::milliseconds(100), Span::milliseconds(20));
            let effect = Effect::Delay { delay, jitter, distribution };
            let (mut judge, now) = (Judge::new(effect, 7, "out"), Instant::now());
            let drawn = (0..PACKETS).map(|_| match judge.decide(100, now) {
                Fate::Hold(time) => time.as_secs_f64() * 1e3,
                other => panic!("{other:?}"),
            });
            let drawn: Vec<f64> = drawn.collect();
            let mean = drawn.iter().sum::<f64>() / f64::from(PACKETS);
            let variance = drawn.iter().map(|it| (it - mean).powi(2)).sum::<f64>();
            let least = drawn.iter().copied().fold(f64::MAX, f64::min);
            let most = drawn.iter().copied().fold(0.0, f64::max);
            (mean, (variance / f64::from(PACKETS)).sqrt(), least, most)
        };
        let (mean, deviation, least, most) = spread(Distribution::Uniform);
        assert!((mean - 100.0).abs() < 1.0 && (deviation - 11.5).abs() < 1.0, "{mean} {deviation}");
        assert!(least >= 80.0 && most <= 120.0, "{least} {most}");
        let (mean, deviation, least, most) = spread(Distribution::Normal);
        assert!((mean - 100.0).abs() < 1.5 && (deviation - 20.0).abs() < 1.0, "{mean} {deviation}");
        assert!(least >= 40.0 && most <= 160.0, "{least} {most}");
        let (mean, _, least, most) = spread(Distribution::Pareto);
        assert!((mean - 120.0).abs() < 2.0, "{mean}");
        assert!(least >= 100.0 && most > 200.0 && most <= 300.0, "{least} {most}");
    }

    #[test]
    fn a_narrow_link_sends_one_packet_after_the_other_and_drops_what_waits_too_long() {
        let mut judge = Judge::new(Effect::Rate { bits: 1_000_000 }, 7, "out");
        let now = Instant::now();
        // 1250 bytes take 10 ms.
        assert_eq!(judge.decide(1250, now), Fate::Hold(Duration::from_millis(10)));
        assert_eq!(judge.decide(1250, now), Fate::Hold(Duration::from_millis(20)));
        let rest: Vec<Fate> = (0..30).map(|_| judge.decide(1250, now)).collect();
        let dropped = rest.iter().filter(|fate| **fate == Fate::Overflow).count();
        assert_eq!(dropped, 11, "21 of 32 wait for at most 200 ms");
        let later = now + Duration::from_secs(1);
        assert_eq!(judge.decide(125, later), Fate::Hold(Duration::from_millis(1)));
    }
}
