//! Every order that was sent, set against the final state: one fate each, with the evidence for it.
//! Fates partition the orders, so that they always sum to what was sent.

mod auditors;
mod effects;
mod evidence;
mod fate;
mod hot;
mod invariant;
mod known;
mod versions;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use chaos_scenarios::measure::Fate;

use crate::judge::{InvariantResult, OrderEvidence, Reconciliation};
use crate::measure::moment_of_wall_clock;
use crate::record::Moment;
use crate::record::final_state::FinalState;
use crate::record::order::{Acknowledgement, OrderRecord};
use crate::record::run_record::RunRecord;

pub use auditors::BOTH_AUDITORS;
pub use fate::{COLUMNS, ROWS};
use fate::{Found, Seen};
use known::{Known, KnownOrder, Rules};

/// One ledgered operation with what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgedOrder {
    /// When it was due.
    pub due: Moment,
    /// When its client had its answer, or gave up.
    pub end: Option<Moment>,
    /// Its fate; none if it was never sent.
    pub fate: Option<Fate>,
    /// Whether its client was told that it is, or will be, done.
    pub promised: bool,
    /// When it reached its expected final state, if it did and that is told.
    pub settled: Option<Moment>,
    /// It reached its expected final state, but nobody tells when.
    pub undated: bool,
}

/// All orders of a run with what became of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconciled {
    /// Orders counted.
    pub summary: Reconciliation,
    /// Orders one by one, in the order of the ledger.
    pub orders: Vec<JudgedOrder>,
    /// Why nothing can be said, if the final state could not be read.
    pub unread: Option<String>,
    /// Invariants on the final state.
    pub invariants: Vec<InvariantResult>,
    /// The worst orders with their evidence; at most 50.
    pub evidence: Vec<OrderEvidence>,
}

impl Reconciled {
    /// How many orders met a fate.
    pub fn count(&self, fate: Fate) -> u64 {
        self.summary.fates.get(&fate).copied().unwrap_or(0)
    }
}

/// An order, what its client saw, and what is there of it.
struct Case<'a> {
    order: &'a OrderRecord,
    known: Option<&'a KnownOrder<'a>>,
    seen: Seen,
    found: Found,
    fate: Fate,
    second: Option<&'static str>,
}

/// Gives every order its fate; none if nothing was put on the ledger.
pub fn reconcile(
    record: &RunRecord,
    orders: &[OrderRecord],
    state: &FinalState,
) -> Option<Reconciled> {
    if orders.is_empty() {
        return None;
    }
    let unread = unread(record, state);
    let known = Known::of(state);
    let rules = Rules { effects: known.effects, undrained: record.drain_incomplete.is_some() };
    let verified = unread.is_none();
    let cases: Vec<Option<Case<'_>>> =
        orders.iter().map(|order| Case::of(order, &known, rules, verified)).collect();
    let sent: Vec<&Case<'_>> = cases.iter().flatten().collect();
    let mut invariants = invariant::check(record, &sent, &known, rules, unread.as_deref());
    invariants.extend(auditors::compare(record, state, unread.as_deref()));
    Some(Reconciled {
        summary: summary(&sent, known.effects),
        orders: orders
            .iter()
            .zip(&cases)
            .map(|(order, case)| judged(record, order, case.as_ref()))
            .collect(),
        invariants,
        evidence: evidence::worst(&sent),
        unread,
    })
}

/// Why the final state cannot be relied on, if it cannot: every part of it is needed, since each
/// holds effects of the same orders.
fn unread(record: &RunRecord, state: &FinalState) -> Option<String> {
    // A database only checks what was told: without it the orders can be judged all the same.
    let told = |(source, _): &&(String, String)| !auditors::is_database(record, source);
    let failed = state.unread.iter().chain(&record.audit_failed).find(told);
    if let Some((source, reason)) = failed {
        return Some(format!("the final state of {source} could not be read: {reason}"));
    }
    let sources = record.plan().map_or(&[][..], |plan| &plan.target.audit);
    if sources.is_empty() {
        return Some("the target has no audit endpoint that tells its final state".to_owned());
    }
    let read = |source: &String| record.audited.iter().any(|(audited, _)| audited == source);
    let missing = sources.iter().map(ToString::to_string).find(|source| !read(source))?;
    Some(format!("the final state of {missing} was never read"))
}

impl<'a> Case<'a> {
    fn of(
        order: &'a OrderRecord,
        known: &'a Known<'a>,
        rules: Rules,
        verified: bool,
    ) -> Option<Self> {
        let seen = Seen::of(order)?;
        let known = known.order(&order.id);
        let found = known::found(known, order.kind.as_deref(), Some(order.expect), rules);
        let second = known.and_then(|known| second(known, rules));
        let mut fate = fate::fate(seen, found);
        if second.is_some() {
            fate = fate.min(Fate::Duplicate);
        }
        // Effects without an order: what was promised is gone all the same.
        if seen.promised() && known.is_some_and(|known| known.state().is_none()) {
            fate = fate.min(Fate::Lost);
        }
        if !verified {
            fate = Fate::Unverified;
        }
        Some(Self { order, known, seen, found, fate, second })
    }

    /// Whether it reached its expected final state.
    fn as_expected(&self) -> bool {
        matches!(self.found, Found::Completed | Found::Rejected)
    }
}

fn second(known: &KnownOrder<'_>, rules: Rules) -> Option<&'static str> {
    let effect = rules.effects.then(|| known.effects().second()).flatten();
    effect.or_else(|| (known.stored().count() > 1).then_some("stored more than once"))
}

fn summary(cases: &[&Case<'_>], effects_judged: bool) -> Reconciliation {
    let mut fates: BTreeMap<Fate, u64> = Fate::ALL.into_iter().map(|fate| (fate, 0)).collect();
    let mut cells: BTreeMap<(Seen, &str), u64> = BTreeMap::new();
    for case in cases {
        *fates.entry(case.fate).or_default() += 1;
        let column = if case.fate == Fate::Unverified { "unverified" } else { case.found.name() };
        *cells.entry((case.seen, column)).or_default() += 1;
    }
    let mut matrix: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for ((seen, column), count) in cells {
        matrix.entry(seen.name().to_owned()).or_default().insert(column.to_owned(), count);
    }
    Reconciliation { sent: cases.len() as u64, fates, matrix, effects_judged }
}

fn judged(record: &RunRecord, order: &OrderRecord, case: Option<&Case<'_>>) -> JudgedOrder {
    let reached = case.filter(|case| case.fate != Fate::Unverified && case.as_expected());
    let settled = reached.and_then(|case| settled(record, case));
    JudgedOrder {
        due: order.due,
        end: order.end,
        fate: case.map(|case| case.fate),
        promised: case.is_some_and(|case| case.seen.promised()),
        settled,
        undated: reached.is_some() && settled.is_none(),
    }
}

/// When an order reached its final state: as the target tells, or, where it does not, when its
/// client was told.
fn settled(record: &RunRecord, case: &Case<'_>) -> Option<Moment> {
    let told = case.known.and_then(KnownOrder::terminal_at);
    told.map(|wall_clock| moment_of_wall_clock(record, wall_clock)).or_else(|| {
        let answered = matches!(
            case.order.acknowledged,
            Some(Acknowledgement::Completed | Acknowledgement::Rejected)
        );
        case.order.end.filter(|_| answered)
    })
}
