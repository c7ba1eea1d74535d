//! Second effects, unread services, targets that tell states only; and fates that always sum.

use chaos_scenarios::measure::Fate;
use compact_str::CompactString;
use proptest::prelude::*;

use super::{
    ACCEPTED, COMPLETED, FAIL, ID, REJECTED, Seen, UNKNOWN, good, judged, left, reconcile, record,
};
use crate::fabricated::plan::endpoint;
use crate::fabricated::state::{SKU, StateBuilder};
use crate::record::final_state::{AuditRow, FinalState, SourcedRow};
use crate::record::order::{Acknowledgement, OrderRecord, Outcome};

#[test]
fn a_second_effect_is_a_duplicate_unless_the_order_is_lost() {
    let all = "standard COMPLETED consumed charged shipped";
    for second in ["charged", "consumed", "released", "unshipped", "granted revoked", all] {
        for seen in [COMPLETED, REJECTED, ACCEPTED, FAIL, UNKNOWN] {
            let known = judged(&[good(ID, seen)], &left(&format!("{all} {second}")));
            assert_eq!(known.count(Fate::Duplicate), 1, "{second}: {:?}", known.evidence);
            let reason = &known.evidence[0].reason;
            assert!(reason.contains("more than once"), "{reason}");
        }
    }
    let refunded = "standard CANCELLED released charged refunded refunded";
    let known = judged(&[good(ID, UNKNOWN)], &left(refunded));
    assert_eq!(known.count(Fate::Duplicate), 1, "{:?}", known.evidence);
    let known = judged(&[good(ID, ACCEPTED)], &left("charged refunded charged refunded"));
    assert_eq!(known.count(Fate::Lost), 1);
    assert!(known.evidence[0].reason.ends_with("charged more than once"), "{:?}", known.evidence);
}

#[test]
fn several_articles_in_one_order_are_no_duplicate() {
    let mut state = StateBuilder::default();
    let [order, sku, state_name] = [ID, "SKU-2", "CONSUMED"].map(CompactString::from);
    let other = AuditRow::Reservations { order, sku, quantity: 3, state: state_name };
    let known = judged(&[good(ID, COMPLETED)], &state.completed(ID, 1).row(other).build());
    assert_eq!(known.count(Fate::Fine), 1, "{:?}", known.evidence);
}

#[test]
fn a_target_that_tells_states_only_is_judged_by_them() {
    let mut state = StateBuilder::default();
    state.leave(ID, "standard COMPLETED").leave("order-2", "standard ACCEPTED");
    let mut state = state.build();
    state.rows.retain(|row| matches!(row.row, AuditRow::Orders { .. }));
    let known = judged(&[good(ID, COMPLETED), good("order-2", ACCEPTED)], &state);
    assert!(!known.summary.effects_judged);
    assert_eq!((known.count(Fate::Fine), known.count(Fate::Stuck)), (1, 1));
    let judged = known.invariants.iter().filter(|it| it.held.is_some());
    let judged: Vec<&str> = judged.map(|it| it.id.as_str()).collect();
    assert_eq!(judged, ["I1", "I2", "I3", "I4", "I10", "I11"]);
}

#[test]
fn work_left_by_the_drain_is_stuck_and_not_invalid() {
    let mut record = record();
    record.drain_incomplete = Some([("ready".to_owned(), 1)].into());
    let state = left("pickup COMPLETED reserved charged");
    let known = reconcile(&record, &[good(ID, ACCEPTED)], &state).expect("there are orders");
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
        let known = reconcile(&record, &[good(ID, COMPLETED)], state).expect("there are orders");
        assert_eq!(known.count(Fate::Unverified), 1);
        assert!(known.unread.is_some());
        assert!(known.invariants.iter().all(|invariant| invariant.held.is_none()));
    }
}

#[test]
fn an_empty_ledger_is_not_reconciled() {
    assert_eq!(reconcile(&record(), &[], &FinalState::default()), None);
}

#[test]
fn evidence_is_bounded_and_shows_broken_safety_first() {
    let numbered = |n| OrderRecord { n, ..good(&format!("order-{n}"), ACCEPTED) };
    let orders: Vec<OrderRecord> = (0..200).map(numbered).collect();
    let mut state = StateBuilder::default();
    for n in 0..190 {
        state.leave(&format!("order-{n}"), "standard ACCEPTED");
    }
    let known = judged(&orders, &state.build());
    assert_eq!(known.evidence.len(), 50);
    assert!(known.evidence[..10].iter().all(|order| order.fate == Fate::Lost));
    assert_eq!(known.evidence[0].order.id, "order-190");
    assert_eq!(known.evidence[0].reason, "acknowledged, absent in the end");
    assert_eq!(known.evidence[10].rows.len(), 1);
}

fn any_seen() -> impl Strategy<Value = Seen> {
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
        let (id, state) = (CompactString::from(id), CompactString::from(state));
        match table {
            0 => AuditRow::Orders {
                id,
                kind: Some(kind.into()),
                state,
                reason: None,
                version: None,
                amount: Some(number),
                accepted_at: None,
                terminal_at: Some(number),
            },
            1 => AuditRow::Reservations { order: id, sku: SKU.into(), quantity: number, state },
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
            .map(|(n, seen)| good(&format!("order-{n}"), *seen))
            .collect();
        let sent = seen.iter().filter(|(outcome, _)| *outcome != Outcome::NotSent).count() as u64;
        let source = endpoint("/audit").to_string();
        let rows = rows.into_iter().map(|row| SourcedRow::told(source.as_str(), row));
        let state = FinalState { rows: rows.collect(), unread: Vec::new() };
        let mut record = record();
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
