//! Reconciliation on fabricated orders: what their clients saw is given, what is left of them is
//! written in words.

mod anomaly;
pub(crate) mod auditors;
mod conservation;
mod exam;
mod invariant;
mod matrix;

use chaos_scenarios::workload::Expected;

use super::{Reconciled, reconcile};
use crate::fabricated::Fabricated;
use crate::fabricated::state::StateBuilder;
use crate::record::Moment;
use crate::record::final_state::FinalState;
use crate::record::order::{Acknowledgement, OrderRecord, Outcome};
use crate::record::run_record::RunRecord;

/// The order of tests with one order.
const ID: &str = "order-1";

/// What a client saw.
type Seen = (Outcome, Option<Acknowledgement>);

const COMPLETED: Seen = (Outcome::Ok, Some(Acknowledgement::Completed));
const REJECTED: Seen = (Outcome::Ok, Some(Acknowledgement::Rejected));
const ACCEPTED: Seen = (Outcome::Ok, Some(Acknowledgement::Accepted));
const FAIL: Seen = (Outcome::Fail, None);
const UNKNOWN: Seen = (Outcome::Unknown, None);

/// A standard order.
fn order(id: &str, seen: Seen, expect: Expected) -> OrderRecord {
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
        polls: Vec::new(),
    }
}

/// An order that is to be completed.
fn good(id: &str, seen: Seen) -> OrderRecord {
    order(id, seen, Expected::Completed)
}

/// The final state of one order, in words.
fn left(words: &str) -> FinalState {
    StateBuilder::default().leave(ID, words).build()
}

/// A run whose harness sent two orders of its own.
fn record() -> RunRecord {
    static RECORD: std::sync::OnceLock<RunRecord> = std::sync::OnceLock::new();
    let canaries = || ["canary-1", "canary-7"].map(str::to_owned).into();
    let record = || RunRecord { canaries: canaries(), ..Fabricated::run().record() };
    RECORD.get_or_init(record).clone()
}

fn judged(orders: &[OrderRecord], state: &FinalState) -> Reconciled {
    reconcile(&record(), orders, state).expect("there are orders")
}
