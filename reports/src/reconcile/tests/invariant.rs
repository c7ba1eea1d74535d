//! What the invariants say of a clean state, and how they show what they found. Violations are
//! planted in the exam.

use chaos_scenarios::measure::Fate;
use chaos_scenarios::workload::Expected;

use super::{ACCEPTED, COMPLETED, FAIL, ID, REJECTED, UNKNOWN, good, judged, order};
use crate::fabricated::state::StateBuilder;
use crate::record::final_state::AuditRow;
use crate::record::order::OrderRecord;

fn stock(sku: &str, available: i64, reserved: i64, consumed: i64) -> AuditRow {
    AuditRow::Stock { sku: sku.into(), initial: 100, available, reserved, consumed }
}

fn hot(quantity: i64) -> AuditRow {
    AuditRow::Reservations {
        order: ID.into(),
        sku: "HOT-1".into(),
        quantity,
        state: "CONSUMED".into(),
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

#[test]
fn long_evidence_is_cut_and_says_so() {
    let orders: Vec<OrderRecord> =
        (0..100).map(|n| good(&format!("order-{n}"), ACCEPTED)).collect();
    let known = judged(&orders, &StateBuilder::default().build());
    assert_eq!(known.invariants[0].evidence.len(), 20);
    assert_eq!(known.invariants[0].evidence[19], "… and 81 more");
}
