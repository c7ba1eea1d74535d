//! Every cell of the matrix, from rows and answers to the fate; planted violations of every
//! invariant; fates that always sum.

use chaos_scenarios::measure::Fate;
use chaos_scenarios::workload::Expected;
use proptest::prelude::*;

use super::{COLUMNS, Reconciled, reconcile};
use crate::fabricated::Fabricated;
use crate::fabricated::plan::endpoint;
use crate::fabricated::state::{PRICE, SKU, StateBuilder};
use crate::record::Moment;
use crate::record::final_state::{AuditRow, FinalState};
use crate::record::order::{Acknowledgement, OrderRecord, Outcome};
use crate::record::run_record::RunRecord;

const ID: &str = "order-1";

/// What the client saw: the rows of the matrix.
const SEEN: [(&str, Outcome, Option<Acknowledgement>); 5] = [
    ("ok-completed", Outcome::Ok, Some(Acknowledgement::Completed)),
    ("ok-rejected", Outcome::Ok, Some(Acknowledgement::Rejected)),
    ("ok-accepted", Outcome::Ok, Some(Acknowledgement::Accepted)),
    ("fail", Outcome::Fail, None),
    ("unknown", Outcome::Unknown, None),
];

fn order(id: &str, seen: (Outcome, Option<Acknowledgement>), expect: Expected) -> OrderRecord {
    let at = |moment| (seen.0 != Outcome::NotSent).then_some(Moment(moment));
    OrderRecord {
        n: 1,
        id: id.to_owned(),
        kind: Some("standard".to_owned()),
        expect,
        due: Moment(12_000_000),
        start: at(12_000_000),
        end: at(12_020_000),
        outcome: seen.0,
        acknowledged: seen.1,
        status: seen.1.map(|_| 201),
        error: None,
    }
}

/// A run whose harness sent two orders of its own.
fn record() -> RunRecord {
    let canaries = ["canary-1", "canary-7"].map(str::to_owned).into();
    RunRecord { canaries, ..Fabricated::run().record() }
}

fn judged(orders: &[OrderRecord], state: &FinalState) -> Reconciled {
    reconcile(&record(), orders, state).expect("there are orders")
}

/// A way to leave one order behind, and whether it is to be completed or rejected.
type Left = (&'static str, Expected, fn(&mut StateBuilder));

/// The fates by column, in the order of the rows.
type Column = (Left, [Fate; 5]);

fn columns() -> Vec<Column> {
    use Expected::{Completed, Either, Rejected};
    use Fate::{BrokenPromise, Dead, Fine, Invalid, Lost, Phantom, Stuck, Wrong};
    let absent = [Lost, Fine, Lost, Fine, Fine];
    let completed = [Fine, Wrong, Fine, Phantom, Fine];
    let rejected = [Lost, Fine, Fine, Fine, Fine];
    let cancelled = [Lost, Fine, BrokenPromise, Fine, Fine];
    let open = [Invalid, Invalid, Stuck, Phantom, Stuck];
    let dead = [Invalid, Invalid, Dead, Phantom, Dead];
    let misfit = [Invalid; 5];
    vec![
        (("absent", Completed, |_| {}), absent),
        // What was undone to the last effect is as if it had never been.
        (
            ("absent", Completed, |s| {
                s.undone_effects(ID);
            }),
            absent,
        ),
        (
            ("completed", Completed, |s| {
                s.completed(ID, 1);
            }),
            completed,
        ),
        (
            ("completed", Either, |s| {
                s.completed(ID, 1);
            }),
            completed,
        ),
        (
            ("completed", Completed, |s| {
                s.order(ID, "pickup", "COMPLETED", None)
                    .reservation(ID, "CONSUMED")
                    .booking(ID, PRICE);
            }),
            completed,
        ),
        (
            ("completed", Completed, |s| {
                s.order(ID, "digital", "COMPLETED", None).booking(ID, PRICE).grant(ID, "ACTIVE");
            }),
            completed,
        ),
        (
            ("completed", Completed, |s| {
                s.order(ID, "bespoke", "COMPLETED", None);
            }),
            completed,
        ),
        (
            ("rejected-as-expected", Rejected, |s| {
                s.order(ID, "standard", "REJECTED", None);
            }),
            rejected,
        ),
        (
            ("rejected-as-expected", Either, |s| {
                s.order(ID, "standard", "REJECTED", None).undone_effects(ID);
            }),
            rejected,
        ),
        (
            ("cancelled", Completed, |s| {
                s.order(ID, "standard", "CANCELLED", None).undone_effects(ID);
            }),
            cancelled,
        ),
        (
            ("cancelled", Rejected, |s| {
                s.order(ID, "standard", "CANCELLED", None);
            }),
            cancelled,
        ),
        (
            ("not-as-expected", Rejected, |s| {
                s.completed(ID, 1);
            }),
            [Wrong, Wrong, Wrong, Phantom, Wrong],
        ),
        (
            ("not-as-expected", Completed, |s| {
                s.order(ID, "standard", "REJECTED", None);
            }),
            [Lost, Wrong, Wrong, Wrong, Wrong],
        ),
        (
            ("not-final", Completed, |s| {
                s.order(ID, "standard", "ACCEPTED", None);
            }),
            open,
        ),
        (
            ("not-final", Completed, |s| {
                s.order(ID, "standard", "RESERVED", None).reservation(ID, "RESERVED");
            }),
            open,
        ),
        (
            ("not-final", Completed, |s| {
                s.order(ID, "standard", "CHARGED", None)
                    .reservation(ID, "RESERVED")
                    .booking(ID, PRICE);
            }),
            open,
        ),
        (
            ("not-final", Completed, |s| {
                s.order(ID, "standard", "COMPENSATING", None)
                    .reservation(ID, "RESERVED")
                    .booking(ID, PRICE)
                    .booking(ID, -PRICE);
            }),
            open,
        ),
        (
            ("not-final", Completed, |s| {
                s.order(ID, "standard", "NEEDS_ATTENTION", None);
            }),
            open,
        ),
        (
            ("dead-lettered", Completed, |s| {
                s.order(ID, "standard", "NEEDS_ATTENTION", None)
                    .reservation(ID, "RESERVED")
                    .dead(ID);
            }),
            dead,
        ),
        (
            ("dead-lettered", Completed, |s| {
                s.order(ID, "digital", "ACCEPTED", None).dead(ID);
            }),
            dead,
        ),
        // Completed, but the message that takes the stock for good was given up.
        (
            ("dead-lettered", Completed, |s| {
                s.order(ID, "pickup", "COMPLETED", None)
                    .reservation(ID, "RESERVED")
                    .booking(ID, PRICE)
                    .dead(ID);
            }),
            dead,
        ),
        (
            ("misfit", Completed, |s| {
                s.order(ID, "standard", "COMPLETED", None);
            }),
            misfit,
        ),
        (
            ("misfit", Completed, |s| {
                s.order(ID, "standard", "COMPLETED", None)
                    .reservation(ID, "RESERVED")
                    .booking(ID, PRICE)
                    .shipment(ID, "ACTIVE");
            }),
            misfit,
        ),
        (
            ("misfit", Completed, |s| {
                s.order(ID, "standard", "COMPLETED", None)
                    .reservation(ID, "CONSUMED")
                    .booking(ID, PRICE - 1)
                    .shipment(ID, "ACTIVE");
            }),
            misfit,
        ),
        (
            ("misfit", Completed, |s| {
                s.order(ID, "pickup", "COMPLETED", None).all_effects(ID);
            }),
            misfit,
        ),
        (
            ("misfit", Rejected, |s| {
                s.order(ID, "standard", "REJECTED", None).reservation(ID, "RESERVED");
            }),
            misfit,
        ),
        (
            ("misfit", Completed, |s| {
                s.order(ID, "standard", "CANCELLED", None).booking(ID, PRICE);
            }),
            misfit,
        ),
        // Charged or shipped before the step ahead of it was done.
        (
            ("misfit", Completed, |s| {
                s.order(ID, "standard", "ACCEPTED", None).booking(ID, PRICE);
            }),
            misfit,
        ),
        (
            ("misfit", Completed, |s| {
                s.order(ID, "standard", "ACCEPTED", None)
                    .reservation(ID, "RESERVED")
                    .shipment(ID, "ACTIVE")
                    .dead(ID);
            }),
            misfit,
        ),
        // Effects without an order: what was promised is gone all the same.
        (
            ("misfit", Completed, |s| {
                s.booking(ID, PRICE);
            }),
            [Lost, Invalid, Lost, Invalid, Invalid],
        ),
    ]
}

#[test]
fn every_cell_of_the_matrix_is_reached_from_rows_and_answers() {
    let columns = columns();
    for (number, ((column, expect, leave), fates)) in columns.iter().enumerate() {
        let mut state = StateBuilder::default();
        leave(&mut state);
        for ((row, outcome, acknowledged), fate) in SEEN.into_iter().zip(fates) {
            let orders = [order(ID, (outcome, acknowledged), *expect)];
            let known = judged(&orders, &state.build());
            let cell = known.summary.matrix.get(row).and_then(|cells| cells.get(*column));
            let case = format!("{row} × {column} (case {number})");
            assert_eq!(cell, Some(&1), "{case} is in {:?}", known.summary.matrix);
            assert_eq!(known.count(*fate), 1, "{case} is {:?}", known.evidence);
            assert_eq!(known.evidence.is_empty(), *fate == Fate::Fine, "{case}");
        }
    }
    assert!(COLUMNS.iter().all(|name| columns.iter().any(|((column, ..), _)| column == name)));
}

#[test]
fn a_second_effect_is_a_duplicate_unless_the_order_is_lost() {
    let plants: [fn(&mut StateBuilder); 6] = [
        |s| {
            s.booking(ID, PRICE);
        },
        |s| {
            s.reservation(ID, "CONSUMED");
        },
        |s| {
            s.reservation(ID, "RELEASED");
        },
        |s| {
            s.shipment(ID, "CANCELLED");
        },
        |s| {
            s.grant(ID, "ACTIVE").grant(ID, "REVOKED");
        },
        |s| {
            s.order(ID, "standard", "COMPLETED", None);
        },
    ];
    for plant in plants {
        let mut state = StateBuilder::default();
        plant(state.completed(ID, 1));
        for (_, outcome, acknowledged) in SEEN {
            let orders = [order(ID, (outcome, acknowledged), Expected::Completed)];
            let known = judged(&orders, &state.build());
            assert_eq!(known.count(Fate::Duplicate), 1, "{:?}", known.evidence);
            assert!(known.evidence[0].reason.contains("more than once"), "{:?}", known.evidence);
        }
    }
    let mut gone = StateBuilder::default();
    gone.undone_effects(ID).undone_effects(ID);
    let accepted = (Outcome::Ok, Some(Acknowledgement::Accepted));
    let known = judged(&[order(ID, accepted, Expected::Completed)], &gone.build());
    assert_eq!(known.count(Fate::Lost), 1);
    assert!(known.evidence[0].reason.ends_with("charged more than once"), "{:?}", known.evidence);
}

#[test]
fn several_articles_in_one_order_are_no_duplicate() {
    let mut state = StateBuilder::default();
    let other = AuditRow::Reservations {
        order: ID.to_owned(),
        sku: "SKU-2".to_owned(),
        quantity: 3,
        state: "CONSUMED".to_owned(),
    };
    state.completed(ID, 1).row(other);
    let known = judged(&[completed(ID)], &state.build());
    assert_eq!(known.count(Fate::Fine), 1, "{:?}", known.evidence);
}

fn completed(id: &str) -> OrderRecord {
    order(id, (Outcome::Ok, Some(Acknowledgement::Completed)), Expected::Completed)
}

#[test]
fn a_target_that_tells_states_only_is_judged_by_them() {
    let mut state = StateBuilder::default();
    state.order(ID, "standard", "COMPLETED", None).order("order-2", "standard", "ACCEPTED", None);
    let mut state = state.build();
    state.rows.retain(|row| matches!(row.row, AuditRow::Orders { .. }));
    let accepted = (Outcome::Ok, Some(Acknowledgement::Accepted));
    let orders = [completed(ID), order("order-2", accepted, Expected::Completed)];
    let known = judged(&orders, &state);
    assert!(!known.summary.effects_judged);
    assert_eq!((known.count(Fate::Fine), known.count(Fate::Stuck)), (1, 1));
    let judged: Vec<&str> =
        known.invariants.iter().filter(|it| it.held.is_some()).map(|it| it.id.as_str()).collect();
    assert_eq!(judged, ["I1", "I2", "I3", "I4", "I10", "I11"]);
}

#[test]
fn work_left_by_the_drain_is_stuck_and_not_invalid() {
    let mut state = StateBuilder::default();
    state.order(ID, "pickup", "COMPLETED", None).reservation(ID, "RESERVED").booking(ID, PRICE);
    let mut record = record();
    record.drain_incomplete = Some([("ready".to_owned(), 1)].into());
    let accepted = (Outcome::Ok, Some(Acknowledgement::Accepted));
    let orders = [order(ID, accepted, Expected::Completed)];
    let known = reconcile(&record, &orders, &state.build()).expect("there are orders");
    assert_eq!(known.count(Fate::Stuck), 1, "{:?}", known.evidence);
}

#[test]
fn what_cannot_be_read_is_unverified() {
    let state = StateBuilder::default().completed(ID, 1).build();
    let mut unread = record();
    unread.audited.clear();
    let mut failed = record();
    failed.audit_failed.push((endpoint("/audit").to_string(), "connection refused".to_owned()));
    let mut silent = record();
    silent.plan.as_mut().expect("a plan").target.audit.clear();
    let mut partly = state.clone();
    partly.unread.push(("http://payments:9090/audit".to_owned(), "timeout".to_owned()));
    for (record, state) in
        [(unread, &state), (failed, &state), (silent, &state), (record(), &partly)]
    {
        let known = reconcile(&record, &[completed(ID)], state).expect("there are orders");
        assert_eq!(known.count(Fate::Unverified), 1);
        assert!(known.unread.is_some());
        assert!(known.invariants.iter().all(|invariant| invariant.held.is_none()));
    }
}

#[test]
fn an_empty_ledger_is_not_reconciled() {
    assert_eq!(reconcile(&record(), &[], &FinalState::default()), None);
}

/// The invariants that are broken, by id.
fn broken(orders: &[OrderRecord], state: &FinalState) -> Vec<String> {
    let known = judged(orders, state);
    let broken = known.invariants.iter().filter(|invariant| invariant.held == Some(false));
    broken
        .map(|invariant| {
            assert!(!invariant.evidence.is_empty(), "{} is broken without evidence", invariant.id);
            invariant.id.clone()
        })
        .collect()
}

#[test]
fn a_clean_state_keeps_every_invariant() {
    let mut state = StateBuilder::default();
    state.completed(ID, 1).completed("canary-7", 1);
    state.order("order-2", "standard", "REJECTED", None).undone_effects("order-2");
    state.order("order-3", "digital", "COMPLETED", None).booking("order-3", PRICE);
    state.grant("order-3", "ACTIVE");
    // Dead and stuck orders are counted apart: they break nothing.
    state.order("order-4", "standard", "RESERVED", None).reservation("order-4", "RESERVED");
    state.dead("order-4").order("order-5", "standard", "CHARGED", None);
    state.reservation("order-5", "RESERVED").booking("order-5", PRICE);
    state.row(hot(100)).row(hot_reservation(ID, 100));
    let accepted = (Outcome::Ok, Some(Acknowledgement::Accepted));
    let rejected = (Outcome::Ok, Some(Acknowledgement::Rejected));
    let orders = [
        completed(ID),
        order("order-2", rejected, Expected::Rejected),
        completed("order-3"),
        order("order-4", accepted, Expected::Completed),
        order("order-5", (Outcome::Unknown, None), Expected::Completed),
        order("order-6", (Outcome::Fail, None), Expected::Completed),
    ];
    let known = judged(&orders, &state.build());
    assert_eq!(broken(&orders, &state.build()), Vec::<String>::new());
    assert!(known.invariants.iter().all(|it| it.held == Some(true)), "{:?}", known.invariants);
    assert_eq!((known.count(Fate::Dead), known.count(Fate::Stuck)), (1, 1));
    assert_eq!(known.count(Fate::Fine), 4);
}

fn hot(consumed: i64) -> AuditRow {
    AuditRow::Stock {
        sku: "HOT-1".to_owned(),
        initial: 100,
        available: 100 - consumed,
        reserved: 0,
        consumed,
    }
}

fn hot_reservation(id: &str, quantity: i64) -> AuditRow {
    AuditRow::Reservations {
        order: id.to_owned(),
        sku: "HOT-1".to_owned(),
        quantity,
        state: "CONSUMED".to_owned(),
    }
}

/// Breaks one invariant in an otherwise clean state of one completed order.
#[track_caller]
fn planted(orders: &[OrderRecord], plant: fn(&mut StateBuilder), expected: &[&str]) {
    let mut state = StateBuilder::default();
    plant(&mut state);
    assert_eq!(broken(orders, &state.build()), expected);
}

#[test]
fn every_planted_violation_is_found() {
    let accepted =
        |id| order(id, (Outcome::Ok, Some(Acknowledgement::Accepted)), Expected::Completed);
    let unknown = |id| order(id, (Outcome::Unknown, None), Expected::Completed);
    planted(&[accepted(ID)], |_| {}, &["I1"]);
    planted(
        &[unknown(ID)],
        |s| {
            s.completed("order-9", 1);
        },
        &["I2"],
    );
    let refused = [order(ID, (Outcome::Fail, None), Expected::Completed)];
    planted(
        &refused,
        |s| {
            s.completed(ID, 1);
        },
        &["I3"],
    );
    // Not final, with effects that are no prefix: neither dead nor stuck.
    planted(
        &[unknown(ID)],
        |s| {
            s.order(ID, "standard", "ACCEPTED", None).shipment(ID, "ACTIVE");
        },
        &["I4"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.completed(ID, 1).row(AuditRow::Stock {
                sku: "SKU-9".to_owned(),
                initial: 10,
                available: 8,
                reserved: 0,
                consumed: 1,
            });
        },
        &["I5"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.completed(ID, 1).row(AuditRow::Stock {
                sku: "SKU-9".to_owned(),
                initial: 10,
                available: 9,
                reserved: 1,
                consumed: 0,
            });
        },
        &["I6"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.order(ID, "pickup", "CANCELLED", None).reservation(ID, "RESERVED");
        },
        &["I6", "I10"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.order(ID, "standard", "CANCELLED", None).booking(ID, PRICE);
        },
        &["I7", "I10", "I13"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.completed(ID, 1).shipment(ID, "CANCELLED");
        },
        &["I8"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.order(ID, "standard", "COMPLETED", None)
                .reservation(ID, "CONSUMED")
                .booking(ID, PRICE);
        },
        &["I9", "I10"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.order(ID, "standard", "REJECTED", None);
        },
        &["I10"],
    );
    planted(
        &[completed(ID)],
        |s| {
            s.order(ID, "standard", "CANCELLED", None);
        },
        &["I11"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.completed(ID, 1).row(hot(100)).row(hot_reservation(ID, 101));
        },
        &["I12"],
    );
    planted(
        &[unknown(ID)],
        |s| {
            s.completed(ID, 1).booking("canary-1", PRICE);
        },
        &["I13"],
    );
}

#[test]
fn evidence_is_bounded_and_shows_broken_safety_first() {
    let orders: Vec<OrderRecord> = (0..200)
        .map(|n| {
            let accepted = (Outcome::Ok, Some(Acknowledgement::Accepted));
            let mut order = order(&format!("order-{n}"), accepted, Expected::Completed);
            order.n = n;
            order
        })
        .collect();
    let mut state = StateBuilder::default();
    for n in 0..190 {
        state.order(&format!("order-{n}"), "standard", "ACCEPTED", None);
    }
    let known = judged(&orders, &state.build());
    assert_eq!(known.evidence.len(), 50);
    assert!(known.evidence[..10].iter().all(|order| order.fate == Fate::Lost));
    assert_eq!(known.evidence[0].order.id, "order-190");
    assert_eq!(known.evidence[0].reason, "acknowledged, absent in the end");
    assert_eq!(known.evidence[10].rows.len(), 1);
    let lost = &known.invariants[0];
    assert_eq!(lost.evidence.len(), 10);
}

#[test]
fn long_evidence_of_an_invariant_is_cut_and_says_so() {
    let orders: Vec<OrderRecord> = (0..100)
        .map(|n| order(&format!("order-{n}"), (Outcome::Ok, None), Expected::Completed))
        .collect();
    let known = judged(&orders, &StateBuilder::default().build());
    assert_eq!(known.invariants[0].evidence.len(), 20);
    assert_eq!(known.invariants[0].evidence[19], "… and 81 more");
}

fn any_seen() -> impl Strategy<Value = (Outcome, Option<Acknowledgement>)> {
    let outcome = prop_oneof![
        Just(Outcome::Ok),
        Just(Outcome::Wrong),
        Just(Outcome::Fail),
        Just(Outcome::Unknown),
        Just(Outcome::NotSent),
    ];
    let acknowledged = prop_oneof![
        Just(None),
        Just(Some(Acknowledgement::Completed)),
        Just(Some(Acknowledgement::Rejected)),
        Just(Some(Acknowledgement::Accepted)),
    ];
    (outcome, acknowledged)
}

fn any_row() -> impl Strategy<Value = AuditRow> {
    let id = (0_u8..12).prop_map(|n| format!("order-{n}"));
    let state = prop_oneof![
        Just("COMPLETED"),
        Just("REJECTED"),
        Just("CANCELLED"),
        Just("ACCEPTED"),
        Just("RESERVED"),
        Just("CONSUMED"),
        Just("ACTIVE"),
        Just("odd"),
    ];
    let kind = prop_oneof![Just("standard"), Just("pickup"), Just("digital"), Just("odd")];
    (id, state, kind, 0_u8..6, any::<i64>()).prop_map(|(id, state, kind, table, number)| {
        let state = state.to_owned();
        match table {
            0 => AuditRow::Orders {
                id,
                kind: Some(kind.to_owned()),
                state,
                reason: None,
                version: None,
                amount: Some(number),
                accepted_at: None,
                terminal_at: Some(number),
            },
            1 => AuditRow::Reservations { order: id, sku: SKU.to_owned(), quantity: number, state },
            2 => AuditRow::Ledger { entry: id.clone(), order: id, amount: number },
            3 => AuditRow::Shipments { order: id, state },
            4 => AuditRow::Grants { order: id, state },
            _ => AuditRow::Dead { id: id.clone(), order: Some(id), reason: None, attempts: None },
        }
    })
}

proptest! {
    #[test]
    fn fates_always_sum_to_what_was_sent(
        seen in proptest::collection::vec(any_seen(), 1..14),
        rows in proptest::collection::vec(any_row(), 0..60),
        audited in any::<bool>(),
    ) {
        let orders: Vec<OrderRecord> = seen
            .iter()
            .enumerate()
            .map(|(n, seen)| order(&format!("order-{n}"), *seen, Expected::Completed))
            .collect();
        let sent = seen.iter().filter(|(outcome, _)| *outcome != Outcome::NotSent).count() as u64;
        let source = endpoint("/audit").to_string();
        let rows = rows.into_iter().map(|row| crate::record::final_state::SourcedRow {
            source: source.clone(), row,
        });
        let state = FinalState { rows: rows.collect(), unread: Vec::new() };
        let mut record = record_once();
        if !audited {
            record.audited.clear();
        }
        let known = reconcile(&record, &orders, &state).expect("there are orders");
        prop_assert_eq!(known.summary.sent, sent);
        prop_assert_eq!(known.summary.fates.values().sum::<u64>(), sent);
        let cells: u64 = known.summary.matrix.values().flat_map(|row| row.values()).sum();
        prop_assert_eq!(cells, sent);
        prop_assert_eq!(known.orders.iter().filter(|order| order.fate.is_some()).count() as u64, sent);
    }
}

fn record_once() -> RunRecord {
    static RECORD: std::sync::OnceLock<RunRecord> = std::sync::OnceLock::new();
    RECORD.get_or_init(record).clone()
}
