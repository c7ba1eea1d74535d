//! How far a share that was seen may lie from the true one.

use serde::{Deserialize, Serialize};

/// A range that holds the true value in 95 of 100 repetitions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// Two-sided 95 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % interval of Wilson (1927) for `good` of `total`; none of none. Unlike the textbook
/// interval it stays within 0 and 1 and does not vanish at 0 % and 100 %.
pub fn wilson(good: u64, total: u64) -> Option<Interval> {
    if total == 0 {
        return None;
    }
    let n = total as f64;
    let share = good.min(total) as f64 / n;
    let z2 = Z * Z;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let spread = share.mul_add(1.0 - share, z2 / (4.0 * n)) / n;
    let half = Z * spread.sqrt() / (1.0 + z2 / n);
    Some(Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_match_published_ones() {
        // Newcombe (1998), table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
        let published = [
            ((81, 263), (0.2553, 0.3662)),
            ((15, 148), (0.0624, 0.1605)),
            ((0, 20), (0.0, 0.1611)),
            ((1, 29), (0.0061, 0.1718)),
        ];
        for ((good, total), (low, high)) in published {
            let interval = wilson(good, total).expect("there are values");
            assert!((interval.low - low).abs() < 5e-5, "{good}/{total}: {interval:?}");
            assert!((interval.high - high).abs() < 5e-5, "{good}/{total}: {interval:?}");
        }
        assert_eq!(wilson(0, 0), None);
    }
}
