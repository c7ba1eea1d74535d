//! What becomes of a packet, by chance that the plan's seed fixes. Pure: time comes from outside.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use chaos_scenarios::action::network::{Behaviour, Distribution, Effect, Share};
use chaos_scenarios::quantity::Span;
use chaos_scenarios::random::Random;

use super::protocol::{Counters, Part};

/// What waits longer than this for a narrow link is dropped, as a router with a short queue does.
const LONGEST_QUEUE: Duration = Duration::from_millis(200);
/// A normal distribution is cut at so many standard deviations, a long tail at so many means.
const NORMAL_CUT: f64 = 3.0;
const TAIL_CUT: f64 = 10.0;
/// Shape of the tail; above 2, so that it has a variance.
const TAIL: f64 = 3.0;

/// Which way a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

/// Whether a packet gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum End {
    #[default]
    Pass,
    Drop,
    Reject,
}

/// What becomes of one packet under all that it meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fate {
    pub(super) end: End,
    /// How long it is held.
    pub(super) hold: Duration,
    pub(super) twice: bool,
    /// Its bit of this number, drawn at random, is flipped.
    pub(super) damage: Option<u64>,
}

/// Decides about the packets of one direction.
struct Judge {
    effect: Effect,
    random: Random,
    /// When a narrow link is free again.
    free: Option<Instant>,
}

/// One thing that packets meet, and what it did so far.
pub(super) struct Meeting {
    pub(super) part: Part,
    inward: Judge,
    outward: Judge,
    pub(super) counters: Counters,
}

impl Meeting {
    pub(super) fn new(part: Part) -> Self {
        let judge = |way| Judge {
            effect: part.impairment.effect,
            random: Random::stream(part.impairment.seed, &format!("{}/{way}", part.stream)),
            free: None,
        };
        let (inward, outward) = (judge("in"), judge("out"));
        Self { part, inward, outward, counters: Counters::default() }
    }

    /// The same with other peers: its chance, its queue and its figures go on.
    pub(super) fn with(self, part: Part) -> Self {
        Self { part, ..self }
    }

    /// What comes first decides first: what is dropped need not be held, and a narrow link is behind
    /// everything else.
    pub(super) fn rank(&self) -> u8 {
        match self.part.impairment.effect {
            Effect::Partition(_) => 0,
            Effect::Loss(_) => 1,
            Effect::Corrupt(_) | Effect::Duplicate(_) => 2,
            Effect::Delay { .. } | Effect::Reorder { .. } => 3,
            Effect::Rate { .. } => 4,
        }
    }

    /// Whether it concerns a packet that goes this way, to or from a peer.
    fn concerns(&self, way: Way, peer: Ipv4Addr) -> bool {
        let direction = self.part.impairment.direction;
        let goes = match way {
            Way::In => direction.inward(),
            Way::Out => direction.outward(),
        };
        goes && self.part.peers.as_ref().is_none_or(|peers| peers.contains(&peer))
    }

    /// Adds what it does to a packet of `length` bytes that came `now`.
    pub(super) fn meet(
        &mut self,
        (way, peer): (Way, Ipv4Addr),
        length: usize,
        now: Instant,
        fate: &mut Fate,
    ) {
        if fate.end != End::Pass || !self.concerns(way, peer) {
            return;
        }
        self.counters.matched += 1;
        let judge = match way {
            Way::In => &mut self.inward,
            Way::Out => &mut self.outward,
        };
        judge.decide(length, now, fate, &mut self.counters);
    }
}

impl Judge {
    fn decide(&mut self, length: usize, now: Instant, fate: &mut Fate, did: &mut Counters) {
        let effect = self.effect;
        match effect {
            Effect::Delay { delay, jitter, distribution } => {
                let time = self.spread(delay, jitter, distribution);
                hold(time, fate, did);
            }
            Effect::Loss(share) if self.happens(share) => drop_it(fate, did),
            Effect::Duplicate(share) if self.happens(share) => {
                did.doubled += 1;
                fate.twice = true;
            }
            Effect::Corrupt(share) if self.happens(share) => {
                did.damaged += 1;
                fate.damage = Some(self.random.next());
            }
            Effect::Reorder { share, delay } if self.happens(share) => {
                hold(delay.duration(), fate, did);
            }
            Effect::Rate { bits } => {
                if let Some(time) = self.queue(length, bits, now + fate.hold) {
                    hold(time, fate, did);
                } else {
                    did.overflown += 1;
                    drop_it(fate, did);
                }
            }
            Effect::Partition(Behaviour::Drop) => drop_it(fate, did),
            Effect::Partition(Behaviour::Reject) => {
                did.rejected += 1;
                fate.end = End::Reject;
            }
            Effect::Loss(_)
            | Effect::Duplicate(_)
            | Effect::Corrupt(_)
            | Effect::Reorder { .. } => {}
        }
    }

    fn happens(&mut self, share: Share) -> bool {
        self.random.unit() < share.ratio()
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

    /// How long a packet waits for a narrow link and is on it; none if that is too long.
    fn queue(&mut self, length: usize, bits: u64, now: Instant) -> Option<Duration> {
        let begins = self.free.map_or(now, |free| free.max(now));
        let waits = begins - now;
        if waits > LONGEST_QUEUE {
            return None;
        }
        let takes = Duration::from_secs_f64(length as f64 * 8.0 / bits as f64);
        self.free = Some(begins + takes);
        Some(waits + takes)
    }
}

fn hold(time: Duration, fate: &mut Fate, did: &mut Counters) {
    did.held += 1;
    did.held_micros += u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    fate.hold += time;
}

fn drop_it(fate: &mut Fate, did: &mut Counters) {
    did.dropped += 1;
    fate.end = End::Drop;
}

#[cfg(test)]
mod tests {
    use chaos_scenarios::action::network::{Direction, Impairment};

    use super::*;

    const PACKETS: u32 = 10_000;
    const PEER: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 3);

    fn meeting(effect: Effect, direction: Direction, seed: u64) -> Meeting {
        let impairment = Impairment { effect, direction, peers: Vec::new(), seed };
        Meeting::new(Part { number: 1, impairment, peers: None, stream: "test".to_owned() })
    }

    fn decide(meeting: &mut Meeting, way: Way, length: usize, now: Instant) -> Fate {
        let mut fate = Fate::default();
        meeting.meet((way, PEER), length, now, &mut fate);
        fate
    }

    fn count(effect: Effect, wanted: impl Fn(Fate) -> bool) -> usize {
        let (mut meeting, now) = (meeting(effect, Direction::Both, 7), Instant::now());
        (0..PACKETS).filter(|_| wanted(decide(&mut meeting, Way::Out, 1500, now))).count()
    }

    #[test]
    fn a_share_is_kept_within_its_binomial_bounds() {
        // 10 % of 10 000: a standard deviation is 30, and five of them are allowed.
        let share = Share(100_000);
        let ten = 850..=1150;
        let dropped = |fate: Fate| fate.end == End::Drop;
        assert!(ten.contains(&count(Effect::Loss(share), dropped)));
        assert!(ten.contains(&count(Effect::Duplicate(share), |fate| fate.twice)));
        assert!(ten.contains(&count(Effect::Corrupt(share), |fate| fate.damage.is_some())));
        assert_eq!(count(Effect::Loss(Share(1_000_000)), dropped), 10_000);
    }

    #[test]
    fn the_same_seed_decides_alike_and_each_way_for_itself() {
        let decided = |seed, way| {
            let loss = Effect::Loss(Share(500_000));
            let (mut meeting, now) = (meeting(loss, Direction::Both, seed), Instant::now());
            (0..64).map(|_| decide(&mut meeting, way, 100, now)).collect::<Vec<_>>()
        };
        assert_eq!(decided(1, Way::Out), decided(1, Way::Out));
        assert_ne!(decided(1, Way::Out), decided(1, Way::In));
        assert_ne!(decided(1, Way::Out), decided(2, Way::Out));
    }

    #[test]
    fn only_packets_of_the_direction_and_of_the_peers_are_met() {
        let mut out = meeting(Effect::Partition(Behaviour::Drop), Direction::Out, 1);
        let now = Instant::now();
        assert_eq!(decide(&mut out, Way::In, 100, now).end, End::Pass);
        assert_eq!(decide(&mut out, Way::Out, 100, now).end, End::Drop);
        out.part.peers = Some(vec![Ipv4Addr::new(172, 18, 0, 4)]);
        assert_eq!(decide(&mut out, Way::Out, 100, now).end, End::Pass);
        assert_eq!((out.counters.matched, out.counters.dropped), (1, 1));
    }

    #[test]
    fn delays_add_up_and_what_is_dropped_meets_nothing_more() {
        let delay = |milliseconds| Effect::Delay {
            delay: Span::milliseconds(milliseconds),
            jitter: Span::ZERO,
            distribution: Distribution::Uniform,
        };
        let now = Instant::now();
        let mut all: Vec<Meeting> = [delay(20), delay(30), Effect::Rate { bits: 1_000_000 }]
            .map(|effect| meeting(effect, Direction::Both, 1))
            .into();
        let mut fate = Fate::default();
        all.iter_mut().for_each(|it| it.meet((Way::In, PEER), 1250, now, &mut fate));
        assert_eq!(fate.hold, Duration::from_millis(60));
        all.push(meeting(Effect::Partition(Behaviour::Reject), Direction::Both, 1));
        all.sort_by_key(Meeting::rank);
        let mut fate = Fate::default();
        all.iter_mut().for_each(|it| it.meet((Way::In, PEER), 1250, now, &mut fate));
        assert_eq!(fate, Fate { end: End::Reject, ..Fate::default() });
        assert_eq!(all.iter().map(|it| it.counters.matched).collect::<Vec<_>>(), [1, 1, 1, 1]);
    }

    #[test]
    fn delays_are_spread_as_their_distribution_says() {
        let spread = |distribution| {
            let (delay, jitter) = (Span::milliseconds(100), Span::milliseconds(20));
            let effect = Effect::Delay { delay, jitter, distribution };
            let (mut meeting, now) = (meeting(effect, Direction::Both, 7), Instant::now());
            let drawn = (0..PACKETS)
                .map(|_| decide(&mut meeting, Way::Out, 100, now).hold.as_secs_f64() * 1e3);
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
        let mut link = meeting(Effect::Rate { bits: 1_000_000 }, Direction::Both, 7);
        let now = Instant::now();
        // 1250 bytes take 10 ms.
        assert_eq!(decide(&mut link, Way::Out, 1250, now).hold, Duration::from_millis(10));
        assert_eq!(decide(&mut link, Way::Out, 1250, now).hold, Duration::from_millis(20));
        let rest: Vec<Fate> = (0..30).map(|_| decide(&mut link, Way::Out, 1250, now)).collect();
        let dropped = rest.iter().filter(|fate| fate.end == End::Drop).count();
        assert_eq!(dropped, 11, "21 of 32 wait for at most 200 ms");
        assert_eq!(link.counters.overflown, 11);
        let later = now + Duration::from_secs(1);
        assert_eq!(decide(&mut link, Way::Out, 125, later).hold, Duration::from_millis(1));
    }
}
