//! All that is known about the worst orders: an anomaly without its evidence convinces nobody.

use chaos_scenarios::measure::Fate;

use crate::judge::OrderEvidence;
use crate::record::final_state::SourcedRow;

use super::fate::Found;
use super::{Case, KnownOrder};

/// Most orders that are shown.
const MOST: usize = 50;

/// The worst orders: broken safety first, then broken liveness, then what could not be verified.
pub(super) fn worst(cases: &[&Case<'_>]) -> Vec<OrderEvidence> {
    let mut bad: Vec<&&Case<'_>> = cases.iter().filter(|case| case.fate != Fate::Fine).collect();
    bad.sort_by_key(|case| (case.fate == Fate::Unverified, case.fate, case.order.n));
    bad.into_iter().take(MOST).map(|case| evidence(case)).collect()
}

fn evidence(case: &Case<'_>) -> OrderEvidence {
    let told = case.known.map_or(&[][..], |known| &known.rows);
    let mut rows: Vec<SourcedRow> = told.iter().map(|row| (*row).clone()).collect();
    rows.sort_by_key(|row| row.row.table());
    OrderEvidence { order: case.order.clone(), fate: case.fate, reason: reason(case), rows }
}

fn reason(case: &Case<'_>) -> String {
    if case.fate == Fate::Unverified {
        return format!("{}; its final state could not be read", case.seen.words());
    }
    let mut reason = format!("{}, {}", case.seen.words(), case.found.words());
    if let (Found::Misfit, Some(known)) = (case.found, case.known) {
        reason.push_str(&misfit(known));
    }
    if let Some(second) = case.second {
        reason = format!("{reason}; {second}");
    }
    reason
}

fn misfit(known: &KnownOrder<'_>) -> String {
    format!(" ({}: {})", known.state_name(), known.effects().words())
}
