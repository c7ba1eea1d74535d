//! What the application tells against what its databases tell.

use chaos_scenarios::target::{AuditTable, DatabaseAudit};

use super::{COMPLETED, ID, good, record};
use crate::fabricated::plan::endpoint;
use crate::fabricated::state::StateBuilder;
use crate::judge::InvariantResult;
use crate::reconcile::{BOTH_AUDITORS, Reconciled, reconcile};
use crate::record::final_state::{AuditRow, FinalState, Reading, SourcedRow, read_twice};
use crate::record::run_record::RunRecord;

const DATABASE: &str = "postgres://db:5432/shop";

/// The same run if its database was asked too.
pub(crate) fn checked(mut record: RunRecord) -> RunRecord {
    let target = &mut record.plan.as_mut().expect("a plan").target;
    target.audit_sql = vec![DatabaseAudit {
        database: DATABASE.parse().expect("an address"),
        checks: endpoint("/audit"),
        queries: AuditTable::ALL.map(|(_, table)| (table, "SELECT 1".to_owned())).into(),
    }];
    record.audited.push((DATABASE.to_owned(), 5));
    record
}

fn checked_record() -> RunRecord {
    checked(record())
}

/// What the database tells if it tells the same.
pub(crate) fn database_of(state: &FinalState) -> Vec<SourcedRow> {
    state
        .last_word()
        .map(|row| SourcedRow {
            source: DATABASE.into(),
            reading: Reading::Database,
            row: row.row.clone(),
        })
        .collect()
}

fn state() -> FinalState {
    StateBuilder::default().completed(ID, 1).build()
}

fn both(record: &RunRecord, state: &FinalState) -> (Reconciled, InvariantResult) {
    let known = reconcile(record, &[good(ID, COMPLETED)], state).expect("there are orders");
    let found = known.invariants.iter().find(|it| it.id == BOTH_AUDITORS).expect("compared");
    (known.clone(), found.clone())
}

/// Both told, the database after a change.
fn with(change: impl FnOnce(&mut Vec<SourcedRow>)) -> InvariantResult {
    let mut state = state();
    let mut database = database_of(&state);
    change(&mut database);
    state.rows.extend(database);
    both(&checked_record(), &state).1
}

#[test]
fn agreement_is_told_with_what_it_covers() {
    let same = with(|_| {});
    assert_eq!(same.held, Some(true));
    assert_eq!(same.evidence, ["two auditors agree on 5 rows of 5 tables"]);
    let other_order = with(|rows| rows.reverse());
    assert_eq!(other_order.held, Some(true));
    let unasked = record();
    let known = reconcile(&unasked, &[good(ID, COMPLETED)], &state()).expect("there are orders");
    assert_eq!(known.invariants.len(), 13, "no database, no comparison");
}

#[test]
fn a_disagreement_names_table_thing_and_both_rows() {
    let changed = with(|rows| {
        let AuditRow::Orders { state, .. } = &mut rows[0].row else { panic!("the order") };
        *state = "REJECTED".into();
    });
    assert_eq!(changed.held, Some(false));
    let [line] = changed.evidence.as_slice() else { panic!("{:?}", changed.evidence) };
    for part in [
        "orders order-1: the audit tells {",
        r#""state":"COMPLETED""#,
        "(http://app:9090/audit), the database {",
        r#""state":"REJECTED""#,
        "(postgres://db:5432/shop)",
    ] {
        assert!(line.contains(part), "{line}");
    }
    let missing = with(|rows| drop(rows.remove(0)));
    assert!(missing.evidence[0].ends_with(", the database nothing"), "{:?}", missing.evidence);
    let added = with(|rows| {
        let mut row = rows[0].clone();
        let AuditRow::Orders { id, .. } = &mut row.row else { panic!("the order") };
        *id = "order-9".into();
        rows.push(row);
    });
    assert!(added.evidence[0].starts_with("orders order-9: the audit tells nothing"), "{added:?}");
    let twice = with(|rows| rows.push(rows[0].clone()));
    assert_eq!(twice.held, Some(false));
    let empty = with(Vec::clear);
    assert_eq!(empty.evidence.len(), 5);
}

#[test]
fn what_moved_while_it_was_read_is_not_compared() {
    let last = state();
    let mut first = last.clone();
    let AuditRow::Orders { state, .. } = &mut first.rows[0].row else { panic!("the order") };
    *state = "CHARGED".into();
    let mut database = database_of(&first);
    let rows = read_twice(first.rows.clone(), last.rows.clone());
    let mut told = FinalState { rows, unread: Vec::new() };
    told.rows.append(&mut database);
    let (known, found) = both(&checked_record(), &told);
    assert_eq!(found.held, Some(true), "{found:?}");
    let line = "two auditors agree on 4 rows of 4 tables; 1 more moved while they were read and \
                are not compared";
    assert_eq!(found.evidence, [line]);
    assert!(known.evidence.is_empty(), "the last word of the audit counts: {:?}", known.evidence);
    // The same difference at rest is a disagreement.
    let mut still = last;
    still.rows.extend(database_of(&first));
    assert_eq!(both(&checked_record(), &still).1.held, Some(false));
}

#[test]
fn a_silent_database_leaves_the_orders_judged() {
    let mut failed = checked_record();
    failed.audited.pop();
    let (known, found) = both(&failed, &state());
    assert_eq!((known.unread, found.held), (None, None));
    assert_eq!(found.evidence, ["postgres://db:5432/shop was never read"]);
    failed.audit_failed.push((DATABASE.to_owned(), "no such column".to_owned()));
    let mut state = state();
    state.unread.clone_from(&failed.audit_failed);
    let (known, found) = both(&failed, &state);
    assert_eq!(known.unread, None);
    assert_eq!(found.evidence, ["postgres://db:5432/shop could not be read: no such column"]);
    let nothing = FinalState::default();
    let (_, found) = both(&checked_record(), &nothing);
    assert_eq!(found.evidence, ["neither auditor told anything"]);
}
