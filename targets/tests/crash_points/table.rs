//! The table of what has to become of an order, read into values.

use std::collections::BTreeMap;

use super::order::OrderKind;

/// The modes in the order of their columns.
const MODES: [&str; 3] = ["naive", "notes", "hardened"];

/// What is left of an order: its state, and how many of each effect.
pub(super) type End = BTreeMap<String, String>;

/// One process that aborts at one place, while one order goes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CrashPoint {
    pub(super) architecture: String,
    pub(super) mode: &'static str,
    /// Whose process aborts.
    pub(super) service: String,
    /// Where, as the chaos switch calls it.
    pub(super) at: String,
    /// Which passer of the place meets it, from 1.
    pub(super) nth: u64,
    pub(super) order: OrderKind,
    /// Whether the customer sends the order again after the crash.
    pub(super) again: bool,
    pub(super) end: End,
    /// Whether it is among the few that are tried before every change.
    pub(super) is_picked: bool,
}

/// Every crash point of the table.
pub(super) fn read() -> Vec<CrashPoint> {
    let mut architecture = "";
    let mut points = Vec::new();
    for line in include_str!("table.txt").lines() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[') {
            architecture = name.trim_end_matches(']');
        } else if !line.is_empty() && !line.starts_with('#') {
            points.extend(row(architecture, line));
        }
    }
    points
}

fn row(architecture: &str, line: &str) -> Vec<CrashPoint> {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let [service, at, nth, order, ends @ ..] = &columns[..] else { panic!("`{line}` is no row") };
    assert_eq!(ends.len(), MODES.len(), "`{line}` needs an end for each mode");
    let (kind, again) = match order.strip_suffix(" again") {
        Some(kind) => (kind, true),
        None => (*order, false),
    };
    let kind = OrderKind::parse(kind);
    let ends = MODES.into_iter().zip(ends).filter(|(_, end)| **end != "-");
    let point = |(mode, end): (&'static str, &&str)| CrashPoint {
        architecture: architecture.to_owned(),
        mode,
        service: (*service).to_owned(),
        at: (*at).to_owned(),
        nth: nth.parse().unwrap_or_else(|_| panic!("`{nth}` is no number")),
        order: kind,
        again,
        end: read_end(kind, end.trim_start_matches('*')),
        is_picked: end.starts_with('*'),
    };
    ends.map(point).collect()
}

fn read_end(kind: OrderKind, text: &str) -> End {
    let mut words = text.split_whitespace();
    let mut end = match words.next() {
        Some("regular") => kind.regular_end(),
        Some("absent") => OrderKind::absent(),
        other => panic!("{other:?} is no end"),
    };
    for difference in words {
        let (what, value) = difference.split_once('=').expect("a difference is WHAT=VALUE");
        let known = end.insert(what.to_owned(), value.to_owned());
        assert!(known.is_some(), "`{what}` is nothing that is looked at");
    }
    end
}

#[test]
fn the_table_can_be_read_and_a_few_points_are_picked() {
    let points = read();
    assert_eq!(points.iter().filter(|point| point.is_picked).count(), 8);
    let twice =
        points.iter().find(|point| point.end["charges"] == "2").expect("naive charges twice");
    assert_eq!((twice.mode, twice.end["state"].as_str()), ("naive", "COMPLETED"));
    assert!(points.iter().all(|point| point.mode != "hardened" || point.end["charges"] != "2"));
}
