//! Chance that is stable for ever: SplitMix64 in named streams. A library's generator may change
//! its stream with a version, and an old plan could not be repeated then.

/// A stream of pseudo-random numbers, fixed by a seed and a name.
///
/// SplitMix64 as published by Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators" (OOPSLA 2014).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
/// Offset basis and prime of the 64-bit FNV-1a hash, which turns a name into a number.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

impl Random {
    /// The stream of `name` under `seed`; streams of other names are unrelated.
    pub fn stream(seed: u64, name: &str) -> Self {
        let hash = name
            .bytes()
            .fold(FNV_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        Self { state: mix(seed ^ hash) }
    }

    /// The `n`-th substream: drawing from it never shifts what other numbers `n` get.
    pub fn nth(seed: u64, name: &str, n: u64) -> Self {
        let base = Self::stream(seed, name);
        Self { state: mix(base.state ^ mix(n.wrapping_mul(GOLDEN_GAMMA))) }
    }

    /// The next 64 bits.
    #[expect(clippy::should_implement_trait, reason = "it never ends, so no `Option` is needed")]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN_GAMMA);
        mix(self.state)
    }

    /// A number in `[0, 1)`, uniform over 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number in `0..bound` (bound above 0), by multiplication; the bias is below 2⁻³².
    pub fn below(&mut self, bound: u64) -> u64 {
        let product = u128::from(self.next()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the high half of a 128-bit product fits in 64 bits")
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_for_ever() {
        let mut random = Random::stream(1, "arrival");
        let drawn: Vec<u64> = (0..2).map(|_| random.next()).collect();
        let mut again = Random::stream(1, "arrival");
        assert_eq!(drawn, vec![again.next(), again.next()]);
        assert_ne!(drawn[0], Random::stream(1, "other").next());
        assert_ne!(drawn[0], Random::stream(2, "arrival").next());
    }

    #[test]
    fn splitmix_matches_its_published_first_values() {
        // First outputs of the reference implementation for state 0.
        let mut random = Random { state: 0 };
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn bounded_draws_stay_in_bounds_and_cover_them() {
        let mut random = Random::stream(7, "bounds");
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[usize::try_from(random.below(5)).expect("below 5")] = true;
            assert!((0.0..1.0).contains(&random.unit()));
        }
        assert_eq!(seen, [true; 5]);
    }
}
