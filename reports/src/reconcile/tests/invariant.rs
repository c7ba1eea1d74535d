//! A violation of every invariant, planted in an otherwise clean state.

use chaos_scenarios::measure::Fate;
use chaos_scenarios::workload::Expected;

use super::{ACCEPTED, COMPLETED, FAIL, ID, REJECTED, Seen, UNKNOWN, good, judged, order};
use crate::fabricated::state::StateBuilder;
use crate::record::final_state::{AuditRow, FinalState};
use crate::record::order::OrderRecord;

/// The invariants that are broken, by id.
fn broken(orders: &[OrderRecord], state: &FinalState) -> Vec<String> {
    let known = judged(orders, state);
    let broken = known.invariants.into_iter().filter(|invariant| invariant.held == Some(false));
    broken
        .map(|invariant| {
            assert!(!invariant.evidence.is_empty(), "{} is broken without evidence", invariant.id);
            invariant.id
        })
        .collect()
}

fn stock(sku: &str, available: i64, reserved: i64, consumed: i64) -> AuditRow {
    AuditRow::Stock { sku: sku.to_owned(), initial: 100, available, reserved, consumed }
}

fn hot(quantity: i64) -> AuditRow {
    AuditRow::Reservations {
        order: ID.to_owned(),
        sku: "HOT-1".to_owned(),
        quantity,
        state: "CONSUMED".to_owned(),
    }
}

#[test]
fn a_clean_state_keeps_every_invariant() {
    let mut state = StateBuilder::default();
    state.completed(ID, 1).row(stock("HOT-1", 0, 0, 100)).row(hot(100));
    state.leave("canary-7", "standard COMPLETED consumed charged shipped");
    state.leave("order-2", "standard REJECTED released charged refunded");
    state.leave("order-3", "digital COMPLETED charged granted");
    // Dead and stuck orders are counted apart: they break nothing.
    state.leave("order-4", "standard RESERVED reserved dead");
    state.leave("order-5", "standard CHARGED reserved charged");
    let orders = [
        good(ID, COMPLETED),
        order("order-2", REJECTED, Expected::Rejected),
        good("order-3", COMPLETED),
        good("order-4", ACCEPTED),
        good("order-5", UNKNOWN),
        good("order-6", FAIL),
    ];
    let known = judged(&orders, &state.build());
    assert_eq!(known.invariants.len(), 13);
    assert!(known.invariants.iter().all(|it| it.held == Some(true)), "{:?}", known.invariants);
    assert_eq!((known.count(Fate::Dead), known.count(Fate::Stuck)), (1, 1));
    assert_eq!(known.count(Fate::Fine), 4);
}

/// What the client saw, what is left, and the invariants that this breaks.
const PLANTED: [(Seen, &str, &[&str]); 9] = [
    (ACCEPTED, "", &["I1"]),
    (FAIL, "standard COMPLETED consumed charged shipped", &["I3"]),
    // Not final, with effects that are no prefix: neither dead nor stuck.
    (UNKNOWN, "standard ACCEPTED shipped", &["I4"]),
    (UNKNOWN, "pickup CANCELLED reserved", &["I6", "I10"]),
    (UNKNOWN, "standard CANCELLED charged", &["I7", "I10", "I13"]),
    (UNKNOWN, "standard COMPLETED consumed charged shipped unshipped", &["I8"]),
    (UNKNOWN, "standard COMPLETED consumed charged", &["I9", "I10"]),
    (UNKNOWN, "standard REJECTED", &["I10"]),
    (COMPLETED, "standard CANCELLED", &["I11"]),
];

#[test]
fn every_planted_violation_of_an_order_is_found() {
    for (seen, words, ids) in PLANTED {
        assert_eq!(broken(&[good(ID, seen)], &super::left(words)), ids, "left: {words}");
    }
}

#[test]
fn every_planted_violation_of_the_whole_is_found() {
    let with = |plant: &dyn Fn(&mut StateBuilder)| {
        let mut state = StateBuilder::default();
        plant(state.completed(ID, 1));
        broken(&[good(ID, UNKNOWN)], &state.build())
    };
    assert_eq!(with(&|_| {}), Vec::<String>::new());
    assert_eq!(with(&|state| drop(state.completed("order-9", 1).build())), ["I2"]);
    assert_eq!(with(&|state| drop(state.row(stock("SKU-9", 98, 0, 1)).build())), ["I5"]);
    assert_eq!(with(&|state| drop(state.row(stock("SKU-9", -1, 0, 101)).build())), ["I5"]);
    assert_eq!(with(&|state| drop(state.row(stock("SKU-9", 99, 1, 0)).build())), ["I6"]);
    let oversold = with(&|state| {
        state.row(stock("HOT-1", 0, 0, 100)).row(hot(101));
    });
    assert_eq!(oversold, ["I12"]);
    assert_eq!(with(&|state| drop(state.leave("canary-1", "charged").build())), ["I13"]);
}

#[test]
fn long_evidence_is_cut_and_says_so() {
    let orders: Vec<OrderRecord> =
        (0..100).map(|n| good(&format!("order-{n}"), ACCEPTED)).collect();
    let known = judged(&orders, &StateBuilder::default().build());
    assert_eq!(known.invariants[0].evidence.len(), 20);
    assert_eq!(known.invariants[0].evidence[19], "… and 81 more");
}
