//! What proves the findings: invariants on the final state, and the worst orders one by one.

use maud::{Markup, html};

use super::badge;
use crate::judge::{InvariantResult, OrderEvidence};
use crate::record::order::{Acknowledgement, OrderRecord, Outcome};
use crate::render::view::{ScenarioView, seconds_of};

/// Most rows of one table that are shown of an order: the page is for people.
const ROWS_SHOWN: usize = 4;

/// Invariants of every run.
pub(super) fn invariants(scenario: &ScenarioView) -> Markup {
    let runs = scenario.runs();
    let judged = runs.iter().filter(|(_, run)| !run.judgement.invariants.is_empty());
    html! {
        @for (name, run) in judged {
            @let broken = run.judgement.invariants.iter().filter(|one| one.held == Some(false)).count();
            details open[broken > 0] {
                summary {
                    "Invariants on the final state"
                    small { (name) ": " @if broken > 0 { (broken) " broken" } @else { "none broken" } }
                }
                div.wide { table { tbody {
                    @for invariant in &run.judgement.invariants { (row(invariant)) }
                } } }
            }
        }
    }
}

fn row(invariant: &InvariantResult) -> Markup {
    html! {
        tr {
            th scope="row" { (invariant.id) }
            td {
                (invariant.text)
                @for line in &invariant.evidence { div { small { (line) } } }
            }
            td { (badge::held(invariant.held)) }
        }
    }
}

/// The worst orders of every run that has some to show.
pub(super) fn worst_orders(scenario: &ScenarioView) -> Markup {
    html! {
        @for (name, run) in scenario.runs() {
            @if !run.judgement.orders.is_empty() {
                details {
                    summary { "The worst orders and their evidence" small { (name) ": " (run.judgement.orders.len()) } }
                    div { @for one in &run.judgement.orders { (order(one, seconds_of(run))) } }
                }
            }
        }
    }
}

fn order(one: &OrderEvidence, seconds: impl Fn(crate::record::Moment) -> String) -> Markup {
    let order = &one.order;
    html! {
        div.order {
            p { strong.alarm { (one.fate) } " " code { (order.id) } }
            p { (one.reason) }
            p { small {
                @if let Some(kind) = &order.kind { (kind) ", " }
                "due " (seconds(order.due))
                @if let Some(end) = order.end { ", answered " (seconds(end)) }
                ": " (seen(order))
                @if let Some(error) = &order.error { " — " (error) }
            } }
            @for poll in one.order.polls.iter().take(ROWS_SHOWN) {
                p { small {
                    "told at " (seconds(poll.end)) ": " code { (poll.state) }
                    @if let Some(version) = poll.version { ", version " (version) }
                } }
            }
            (more(one.order.polls.len(), "answers"))
            @for rows in one.rows.chunk_by(|row, next| row.row.table() == next.row.table()) {
                @for row in rows.iter().take(ROWS_SHOWN) {
                    p { code { (row.source) " " (serde_json::to_string(&row.row).unwrap_or_default()) } }
                }
                (more(rows.len(), rows[0].row.table().name()))
            }
        }
    }
}

/// What is left out, and where it stands.
fn more(all: usize, of: &str) -> Markup {
    let left = all.saturating_sub(ROWS_SHOWN);
    html! {
        @if left > 0 { p { small { "… and " (left) " more " (of) " in " code { "report.json" } } } }
    }
}

fn seen(order: &OrderRecord) -> String {
    let outcome = match order.outcome {
        Outcome::Ok => "answered as expected",
        Outcome::Wrong => "answered otherwise than expected",
        Outcome::Fail => "failed, certainly without effect",
        Outcome::Unknown => "failed, effect unknown",
        Outcome::NotSent => "never sent",
    };
    let promise = match order.acknowledged {
        Some(Acknowledgement::Completed) => ", told that it is completed",
        Some(Acknowledgement::Rejected) => ", told that it is refused",
        Some(Acknowledgement::Accepted) => ", told that it is accepted",
        None => "",
    };
    let status = order.status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    format!("{outcome}{promise}{status}")
}
