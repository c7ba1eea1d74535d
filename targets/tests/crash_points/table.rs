//! The table of what has to become of an order, read into values.

use std::collections::BTreeMap;

use super::order::OrderKind;
use super::shop::roles;

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

impl CrashPoint {
    /// Whether the customer is answered although the process aborts; nothing where that races.
    pub(super) fn is_answered(&self) -> Option<bool> {
        if self.service != roles(&self.architecture)[0] {
            return Some(true);
        }
        match self.architecture.as_str() {
            // Whoever takes orders there answers as soon as they are stored.
            "broker" => Some(!self.at.starts_with("order.")),
            // The customer is told of the end while the answer leaves.
            "direct" | "pipeline" if self.at.starts_with("notify.") => None,
            _ => Some(false),
        }
    }
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

/// The crash points of one architecture.
pub(super) fn read_of(architecture: &str) -> Vec<CrashPoint> {
    read().into_iter().filter(|point| point.architecture == architecture).collect()
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
    let picked: Vec<_> = points.iter().filter(|point| point.is_picked).collect();
    assert_eq!(picked.len(), 10);
    for architecture in ["monolith", "direct", "broker", "pipeline"] {
        let of = |mode| {
            picked.iter().any(|point| point.architecture == architecture && point.mode == mode)
        };
        assert!(of("naive") && of("hardened"), "{architecture}");
    }
    let twice =
        points.iter().find(|point| point.end["charges"] == "2").expect("naive charges twice");
    assert_eq!((twice.mode, twice.end["state"].as_str()), ("naive", "COMPLETED"));
    let ends = |mode| points.iter().filter(move |point| point.mode == mode).map(|point| &point.end);
    let is_final = |state: &str| ["absent", "COMPLETED", "REJECTED", "CANCELLED"].contains(&state);
    for end in ends("hardened") {
        assert!(is_final(&end["state"]) && end["reserved"] == "0" && end["owed"] == "0");
        let doubled = |(what, value): (&String, &String)| what != "state" && value == "2";
        assert!(!end.iter().any(doubled));
    }
    assert!(ends("naive").any(|end| !is_final(&end["state"])));
}
