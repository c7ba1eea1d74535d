//! A violation of every invariant, with everything that follows from it and nothing more.

use chaos_scenarios::measure::Fate;
use chaos_scenarios::workload::Expected;
use serde_json::{Value, json};

use super::super::{ACCEPTED, COMPLETED, FAIL, ID, Seen, UNKNOWN};
use super::Question;
use super::world::World;
use crate::record::Moment;
use crate::record::order::Poll;

/// What the client saw, what should become of the order, what is left, its fate, and the invariants
/// that are broken.
type Violation = (Seen, Expected, &'static str, Fate, &'static [&'static str]);

const OF_AN_ORDER: [Violation; 18] = {
    use Expected::{Completed, Rejected};
    use Fate::{Duplicate, Invalid, Lost, Phantom, Wrong};
    const TWICE: &[&str] = &["I7", "I8", "I10", "I13"];
    [
        (ACCEPTED, Completed, "", Lost, &["I1"]),
        (FAIL, Completed, "standard COMPLETED consumed charged shipped", Phantom, &["I3"]),
        // Not final, with effects that are no prefix: neither dead nor stuck.
        (UNKNOWN, Completed, "standard ACCEPTED shipped", Invalid, &["I4"]),
        (UNKNOWN, Completed, "pickup CANCELLED reserved", Invalid, &["I6", "I10"]),
        (UNKNOWN, Completed, "standard CANCELLED charged", Invalid, &["I7", "I10", "I13"]),
        (
            UNKNOWN,
            Completed,
            "standard COMPLETED consumed underpaid shipped",
            Invalid,
            &["I7", "I10", "I13"],
        ),
        (UNKNOWN, Completed, "pickup COMPLETED consumed charged charged", Duplicate, TWICE),
        (UNKNOWN, Completed, "pickup COMPLETED consumed consumed charged", Duplicate, &["I8"]),
        (UNKNOWN, Completed, "digital COMPLETED charged granted revoked", Duplicate, &["I8"]),
        (
            UNKNOWN,
            Completed,
            "standard COMPLETED consumed charged shipped unshipped",
            Duplicate,
            &["I8"],
        ),
        (
            UNKNOWN,
            Completed,
            "standard COMPLETED consumed charged shipped shipped",
            Duplicate,
            &["I8", "I9"],
        ),
        (
            UNKNOWN,
            Rejected,
            "standard REJECTED released charged refunded refunded",
            Duplicate,
            TWICE,
        ),
        (UNKNOWN, Completed, "standard COMPLETED consumed charged", Invalid, &["I9", "I10"]),
        (UNKNOWN, Rejected, "standard REJECTED released shipped", Invalid, &["I9", "I10"]),
        (UNKNOWN, Completed, "standard REJECTED", Wrong, &["I10"]),
        (UNKNOWN, Rejected, "digital COMPLETED charged granted", Wrong, &["I10"]),
        (COMPLETED, Completed, "standard CANCELLED", Lost, &["I11"]),
        // Effects without an order.
        (ACCEPTED, Completed, "charged", Lost, &["I1", "I13"]),
    ]
};

/// All of them.
pub(super) fn violations() -> Vec<Question> {
    let of_an_order = OF_AN_ORDER.into_iter().map(|(seen, expect, words, fate, broken)| {
        let world = World::clean().and(seen, expect, words);
        Question::new(format!("{} by {words}", broken.join(" ")), world).fate(fate).broken(broken)
    });
    of_an_order.chain(of_the_whole()).chain(of_what_was_told()).collect()
}

fn of_the_whole() -> Vec<Question> {
    let stock = |available: i64, reserved: i64, consumed: i64| {
        json!({"table": "stock", "sku": "SKU-9", "initial": 100, "available": available,
               "reserved": reserved, "consumed": consumed})
    };
    let with = |name: &str, row: Value, broken: &[&'static str]| {
        Question::new(name, World::clean().with_row(row)).broken(broken)
    };
    let strange = json!({"table": "orders", "id": "nobody's", "kind": "pickup",
                         "state": "CANCELLED", "amount": 5});
    let unearned = json!({"table": "ledger", "entry": "e", "order": "canary-1", "amount": 5});
    vec![
        with("an order that nobody sent", strange, &["I2"]),
        with("a piece that vanished", stock(99, 0, 0), &["I5"]),
        with("less than nothing in stock", stock(-1, 0, 101), &["I5"]),
        with("pieces taken by nobody", stock(98, 0, 2), &["I5"]),
        with("pieces set aside for nobody", stock(99, 1, 0), &["I6"]),
        with("money of nobody's order", unearned, &["I13"]),
        Question::new("oversold", World::clean().with_hot(&[(2, 1, 2), (2, 1, 2)]))
            .broken(&["I5", "I12"]),
        Question::new("refused in vain", World::clean().with_hot(&[(1, 1, 4), (0, 5, 6)]))
            .broken(&["I12"]),
        Question::new("all refused in vain", World::clean().with_hot(&[(0, 5, 6), (0, 7, 8)]))
            .broken(&["I12"]),
    ]
}

/// Asked in turn: state and version each time, the questions one after the other.
fn polled(polls: &[(&str, i64)]) -> World {
    let words = "standard COMPLETED consumed charged shipped";
    let mut world = World::clean().and(ACCEPTED, Expected::Completed, words);
    let order = world.orders.iter_mut().find(|order| order.id == ID).expect("it was added");
    let poll = |(n, (state, version)): (usize, &(&str, i64))| Poll {
        start: Moment(20_000_000 + n as u64 * 10),
        end: Moment(20_000_005 + n as u64 * 10),
        state: (*state).to_owned(),
        version: Some(*version),
    };
    order.polls = polls.iter().enumerate().map(poll).collect();
    world
}

/// The order in question ends COMPLETED with version 1.
fn of_what_was_told() -> Vec<Question> {
    let asked = |name: &str, polls: &[(&str, i64)], broken: &[&'static str]| {
        Question::new(name, polled(polls)).broken(broken)
    };
    let mut overlapping = polled(&[("RESERVED", 1), ("ACCEPTED", 0)]);
    let order = overlapping.orders.iter_mut().find(|order| order.id == ID).expect("it is there");
    order.polls[1].start = order.polls[0].start;
    vec![
        asked("versions grow", &[("ACCEPTED", 0), ("COMPLETED", 1), ("COMPLETED", 1)], &[]),
        Question::new("questions that overlap bind nobody", overlapping),
        asked("a version goes back", &[("RESERVED", 1), ("ACCEPTED", 0)], &["I11"]),
        asked("the last version goes back", &[("CHARGED", 2)], &["I11"]),
        asked("completed is left", &[("COMPLETED", 1), ("CHARGED", 1)], &["I11"]),
        asked("a final state is left in the end", &[("REJECTED", 1)], &["I11"]),
    ]
}
