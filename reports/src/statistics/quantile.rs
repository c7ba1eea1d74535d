//! Quantiles by the nearest rank: always a value that was really seen.

use std::collections::BTreeMap;

/// Values and how often each came, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    counts: BTreeMap<u64, u64>,
    total: u64,
}

impl Histogram {
    /// Takes in a value that came `count` times.
    pub fn add(&mut self, value: u64, count: u64) {
        if count > 0 {
            *self.counts.entry(value).or_default() += count;
            self.total += count;
        }
    }

    /// Takes in a sparse histogram.
    pub fn merge<'a>(&mut self, sparse: impl IntoIterator<Item = &'a (u64, u64)>) {
        for (value, count) in sparse {
            self.add(*value, *count);
        }
    }

    /// Takes out one value: the closest one, since stored values are rounded.
    pub fn remove_nearest(&mut self, value: u64) {
        let below = self.counts.range(..=value).next_back().map(|(key, _)| *key);
        let above = self.counts.range(value..).next().map(|(key, _)| *key);
        let nearest = [below, above].into_iter().flatten().min_by_key(|key| key.abs_diff(value));
        let Some(nearest) = nearest else { return };
        let count = self.counts.get_mut(&nearest).expect("it was just found");
        *count -= 1;
        self.total -= 1;
        if *count == 0 {
            self.counts.remove(&nearest);
        }
    }

    /// Values and how often each came, ascending.
    pub fn sparse(&self) -> Vec<(u64, u64)> {
        self.counts.iter().map(|(value, count)| (*value, *count)).collect()
    }

    /// How many values there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The smallest value that at least a share `q` of all values does not exceed; none if there
    /// are no values.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        let rank = rank(q, self.total)?;
        let mut seen = 0;
        for (value, count) in &self.counts {
            seen += count;
            if seen >= rank {
                return Some(*value);
            }
        }
        None
    }
}

/// The nearest rank, from 1, of a share `q` among `total` values.
fn rank(q: f64, total: u64) -> Option<u64> {
    if total == 0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "q is a share")]
    let rank = (q.clamp(0.0, 1.0) * total as f64).ceil() as u64;
    Some(rank.clamp(1, total))
}

/// The quantile of single values by the nearest rank; none if there are none.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = rank(q, sorted.len() as u64)?;
    sorted.get(usize::try_from(rank).ok()?.checked_sub(1)?).copied()
}

/// The middle value, or the mean of the two middle ones; none if there are none.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    match sorted.len() % 2 {
        0 => Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper)),
        _ => Some(upper),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quantiles_of_one_to_a_hundred_are_their_ranks() {
        let mut histogram = Histogram::default();
        histogram.merge(&(1..=60).map(|value| (value, 1)).collect::<Vec<_>>());
        histogram.merge(&(61..=100).map(|value| (value, 1)).collect::<Vec<_>>());
        for (q, value) in [(0.0, 1), (0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)] {
            assert_eq!(histogram.quantile(q), Some(value), "quantile {q}");
        }
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn a_value_is_taken_out_at_the_closest_place() {
        let mut histogram = Histogram::default();
        histogram.merge(&[(10, 1), (3_000, 2)]);
        histogram.remove_nearest(2_990);
        histogram.remove_nearest(2_999);
        assert_eq!((histogram.total(), histogram.quantile(1.0)), (1, Some(10)));
        histogram.remove_nearest(1);
        histogram.remove_nearest(1);
        assert_eq!(histogram, Histogram::default());
    }

    #[test]
    fn medians_of_even_and_odd_numbers_of_values() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    proptest! {
        #[test]
        fn a_histogram_agrees_with_its_values_sorted(
            values in proptest::collection::vec(0_u64..500, 1..200), q in 0.0_f64..=1.0,
        ) {
            let mut histogram = Histogram::default();
            for value in &values {
                histogram.add(*value, 1);
            }
            let floats: Vec<f64> = values.iter().map(|value| *value as f64).collect();
            prop_assert_eq!(histogram.quantile(q).map(|value| value as f64), quantile(&floats, q));
        }
    }
}
