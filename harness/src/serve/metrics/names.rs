//! Label values that come from files and targets, in bounded number and length: whoever makes up a
//! new kind of work for every order must not fill our memory, or that of Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Different values of one label; all further ones are counted together.
const MOST: usize = 32;
/// Characters of a value; the rest is cut off.
const LENGTH: usize = 80;
/// Stands for every value beyond the bound.
const OTHERS: &str = "others";

/// The values of one label that were seen so far.
#[derive(Debug, Default)]
pub(super) struct Names(Mutex<BTreeSet<String>>);

impl Names {
    /// The value under which `name` is counted.
    pub(super) fn label(&self, name: &str) -> String {
        let label: String = name.chars().take(LENGTH).collect();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(&label) {
            return label;
        }
        if known.len() == MOST {
            return OTHERS.to_owned();
        }
        known.insert(label.clone());
        label
    }

    /// Sums by label: every value that was seen so far, 0 where `counts` does not speak of it.
    pub(super) fn sums<'a>(
        &self,
        counts: impl Iterator<Item = (&'a str, u64)>,
    ) -> BTreeMap<String, u64> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut sums: BTreeMap<String, u64> = known.into_iter().map(|label| (label, 0)).collect();
        for (name, count) in counts {
            let sum = sums.entry(self.label(name)).or_default();
            *sum = sum.saturating_add(count);
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_names_stand_for_themselves_and_all_others_together() {
        let names = Names::default();
        let labels: BTreeSet<String> =
            (0..500).map(|n| names.label(&format!("kind {n}"))).collect();
        assert_eq!(labels.len(), MOST + 1);
        assert!(labels.contains(OTHERS));
        assert_eq!(names.label("kind 0"), "kind 0");
        assert_eq!(Names::default().label(&"ä".repeat(500)).chars().count(), LENGTH);
    }

    #[test]
    fn what_is_no_longer_told_of_is_nothing() {
        let names = Names::default();
        names.sums([("outbox", 3), ("queue", u64::MAX)].into_iter());
        let sums = names.sums([("queue", u64::MAX), ("queue", 1)].into_iter());
        assert_eq!(sums, BTreeMap::from([("outbox".into(), 0), ("queue".into(), u64::MAX)]));
    }
}
