//! The beginning and the end of a run side by side, and how much more the end may be.

use std::fmt::Write as _;

/// One figure.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// What it is.
    pub(crate) name: &'static str,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// In the first tenth of the load.
    pub(crate) first: f64,
    /// In the last tenth.
    pub(crate) last: f64,
    /// What the last tenth may be.
    pub(crate) most: f64,
}

impl Row {
    /// Whether the end is as good as it has to be; what is not known is not.
    pub(crate) fn held(&self) -> bool {
        self.last <= self.most
    }
}

/// The rows as a table of text.
pub(crate) fn render(rows: &[Row]) -> String {
    let mut text =
        format!("{:<22}{:>14}{:>14}{:>14}\n", "", "first tenth", "last tenth", "at most");
    for Row { name, unit, first, last, most } in rows {
        let mark = if last <= most { "" } else { "  ← too much" };
        writeln!(text, "{name:<22}{first:>14.2}{last:>14.2}{most:>14.2} {unit}{mark}").unwrap();
    }
    text
}

/// The first and the last tenth of what was seen, at least one of each.
pub(crate) fn tenths<T>(all: &[T]) -> [&[T]; 2] {
    let tenth = (all.len() / 10).max(1).min(all.len());
    [&all[..tenth], &all[all.len() - tenth..]]
}

/// The value in the middle; not a number if there is none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[test]
fn more_than_allowed_is_marked_and_nothing_seen_is_not_good() {
    let row = Row { name: "memory", unit: "MiB", first: 10.0, last: 12.5, most: 12.0 };
    assert!(!row.held());
    assert!(render(std::slice::from_ref(&row)).contains("too much"));
    assert!(Row { last: 12.0, ..row.clone() }.held());
    assert!(!Row { last: median(Vec::new()), ..row }.held());
    assert_eq!(tenths(&[1, 2, 3]), [&[1][..], &[3]]);
}
