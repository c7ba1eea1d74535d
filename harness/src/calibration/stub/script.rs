//! What the stub does to a request: a function of its number and of when it came, so that every
//! outage begins and ends where it was said, however busy the stub is.

use serde::{Deserialize, Serialize};

/// Multiples of the golden ratio fill every stretch evenly.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// What befalls requests in an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trouble {
    /// Nothing listens, and every connection is closed.
    Refuse,
    /// Taken and never answered.
    Hang,
    /// Answered with HTTP 500.
    Error,
    /// Answered as always, after so many microseconds.
    Slow(u64),
    /// Answered in time and wrongly: the order is rejected where it should be completed.
    Wrong,
    /// The server ends its side of the connection instead of answering.
    HalfClose,
    /// Taken, and answered when the outage is over, as after a pause of the process.
    Freeze,
}

/// How long answers take without an outage: evenly spread over the logarithm, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Shortest; 0 answers at once.
    pub least: u64,
    /// Longest.
    pub most: u64,
}

impl Latency {
    /// Of the `n`-th request.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, small")]
    pub fn of(self, n: u64) -> u64 {
        if self.most <= self.least || self.least == 0 {
            return self.least;
        }
        let ratio = self.most as f64 / self.least as f64;
        (self.least as f64 * ratio.powf(share_of(mixed(n)))) as u64
    }
}

/// A stretch of time in which a share of the requests has trouble; times of the shared clock.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outage {
    /// What befalls them.
    pub trouble: Trouble,
    /// Share of the requests, evenly spread; [`Trouble::Refuse`] befalls all.
    pub share: f64,
    /// First microsecond.
    pub from: u64,
    /// First microsecond after it; none as long as it is not known.
    pub until: Option<u64>,
}

impl Outage {
    /// Whether it acts at a time.
    pub fn acts(&self, time: u64) -> bool {
        time >= self.from && self.until.is_none_or(|until| time < until)
    }
}

/// What the stub is told when it starts: one line of JSON on its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// How long answers take.
    pub latency: Latency,
    /// Share of the requests that are answered with HTTP 500 at any time, by chance.
    pub noise: f64,
}

/// What it is told later, one line each. The end of its input ends it; then it writes its log.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// An outage will begin.
    Begin(Outage),
    /// It will end.
    End {
        /// Time of the shared clock.
        at: u64,
    },
}

/// Everything that decides about a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Script {
    /// As the stub was started.
    pub setup: Setup,
    /// The latest outage.
    pub outage: Option<Outage>,
}

/// What is done to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Answered as expected after so many microseconds.
    Answer(u64),
    /// Answered wrongly after so many microseconds.
    Wrong(u64),
    /// Answered with HTTP 500 at once.
    Error,
    /// Never answered.
    Hang,
    /// The connection is closed on this side.
    HalfClose,
    /// Answered when the outage ends.
    Freeze,
}

impl Script {
    /// What is done to the `n`-th request, which arrived at a time of the shared clock.
    pub fn behaviour(&self, n: u64, arrived: u64) -> Behaviour {
        let latency = self.setup.latency.of(n);
        let struck = self.outage.filter(|it| it.acts(arrived) && is_among(n, it.share));
        match struck.map(|outage| outage.trouble) {
            None if share_of(mixed(!n)) < self.setup.noise => Behaviour::Error,
            // Whoever still comes through is served: a listener that is closed takes nobody.
            None | Some(Trouble::Refuse) => Behaviour::Answer(latency),
            Some(Trouble::Hang) => Behaviour::Hang,
            Some(Trouble::Error) => Behaviour::Error,
            Some(Trouble::Slow(micros)) => Behaviour::Answer(micros),
            Some(Trouble::Wrong) => Behaviour::Wrong(latency),
            Some(Trouble::HalfClose) => Behaviour::HalfClose,
            Some(Trouble::Freeze) => Behaviour::Freeze,
        }
    }
}

/// Whether the `n`-th belongs to a share that is spread evenly.
fn is_among(n: u64, share: f64) -> bool {
    share >= 1.0 || share_of(n.wrapping_mul(GOLDEN)) < share
}

/// A number as a share of all numbers.
fn share_of(number: u64) -> f64 {
    number as f64 / u64::MAX as f64
}

/// A number that has nothing to do with its neighbours (the finaliser of `SplitMix64`).
fn mixed(n: u64) -> u64 {
    let n = n.wrapping_add(GOLDEN);
    let n = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Latency = Latency { least: 20_000, most: 200_000 };

    fn script(trouble: Trouble, share: f64) -> Script {
        let outage = Outage { trouble, share, from: 100, until: Some(200) };
        Script { setup: Setup { latency: LATENCY, noise: 0.0 }, outage: Some(outage) }
    }

    #[test]
    fn latencies_are_spread_over_the_logarithm() {
        let mut all: Vec<u64> = (0..10_000).map(|n| LATENCY.of(n)).collect();
        all.sort_unstable();
        assert!(all[0] >= 20_000 && all[9_999] <= 200_000);
        let median = all[5_000].abs_diff(63_246);
        assert!(median < 1_500, "the median is {median} us from the geometric mean");
        assert_eq!(Latency { least: 0, most: 9 }.of(3), 0);
    }

    #[test]
    fn an_outage_acts_from_its_first_microsecond_to_its_last() {
        let script = script(Trouble::Hang, 1.0);
        let hangs = |at| script.behaviour(1, at) == Behaviour::Hang;
        assert_eq!([99, 100, 199, 200].map(hangs), [false, true, true, false]);
    }

    #[test]
    fn a_share_is_spread_evenly() {
        let script = script(Trouble::Error, 0.3);
        let hit: Vec<u64> =
            (0..1_000).filter(|n| script.behaviour(*n, 150) == Behaviour::Error).collect();
        assert!((298..=302).contains(&hit.len()), "{}", hit.len());
        assert!(hit.windows(2).all(|pair| pair[1] - pair[0] <= 5), "no gap is long");
    }

    #[test]
    fn noise_comes_at_any_time() {
        let mut script = script(Trouble::Error, 0.0);
        script.setup.noise = 0.004;
        let errors = (0..100_000).filter(|n| script.behaviour(*n, 0) == Behaviour::Error).count();
        assert!((340..=460).contains(&errors), "{errors}");
    }
}
