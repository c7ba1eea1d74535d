//! What became of the orders: fates, and what clients saw against the final state.

use std::collections::BTreeSet;

use chaos_scenarios::measure::{Fate, Measure};
use maud::{Markup, html};

use crate::judge::Reconciliation;
use crate::judge::report::RunReport;
use crate::reconcile::{COLUMNS, ROWS};
use crate::render::value;
use crate::render::view::ScenarioView;

/// Fates as columns: as it should be, harm, work undone, unknown.
const FATES: [Fate; 10] = [
    Fate::Fine,
    Fate::Lost,
    Fate::Duplicate,
    Fate::Invalid,
    Fate::Phantom,
    Fate::Wrong,
    Fate::BrokenPromise,
    Fate::Dead,
    Fate::Stuck,
    Fate::Unverified,
];

/// The tables; nothing if nothing was ledgered.
pub(super) fn block(scenario: &ScenarioView) -> Markup {
    let runs: Vec<(String, &RunReport, &Reconciliation)> = scenario
        .runs()
        .into_iter()
        .filter_map(|(name, run)| Some((name, run, run.judgement.reconciliation.as_ref()?)))
        .collect();
    if runs.is_empty() {
        return html! {};
    }
    html! {
        h3 { "What became of the orders" }
        p.soft {
            "Every order that was sent has one fate. Lost, duplicate, invalid, phantom and wrong are "
            "harm done; broken promises, dead letters and stuck orders are work undone."
        }
        div.wide { table {
            thead { tr {
                th scope="col" { "Target" }
                th.n scope="col" { "Sent" }
                @for fate in FATES {
                    th.n scope="col" { abbr title=(fate.describe()) { (fate.name().replace('-', " ")) } }
                }
            } }
            tbody { @for (name, run, found) in &runs { (fate_row(name, run, found)) } }
        } }
        @for (name, _, found) in &runs { (matrix(name, found)) }
    }
}

fn fate_row(name: &str, run: &RunReport, found: &Reconciliation) -> Markup {
    html! {
        tr {
            th scope="row" {
                (name)
                @if run.plan.kind == chaos_scenarios::plan::RunKind::Control { small { " control" } }
                @if !found.effects_judged { small { " states only: its audit tells no effects" } }
            }
            (count(found.sent, false))
            @for fate in FATES {
                (count(found.fates.get(&fate).copied().unwrap_or(0), fate != Fate::Fine))
            }
        }
    }
}

fn count(number: u64, harm: bool) -> Markup {
    let text = value::number(number as f64, Measure::Sent.unit());
    html! {
        @match number {
            0 => { td.n.zero { "0" } }
            _ if harm => { td.n { span.alarm { (text) } } }
            _ => { td.n { (text) } }
        }
    }
}

/// What clients saw × the final state.
fn matrix(name: &str, found: &Reconciliation) -> Markup {
    let used: BTreeSet<&str> =
        found.matrix.values().flat_map(|row| row.keys().map(String::as_str)).collect();
    let columns = ordered(&COLUMNS, used);
    let rows = ordered(&ROWS, found.matrix.keys().map(String::as_str).collect());
    let harmed = found.fates.iter().any(|(fate, orders)| *fate != Fate::Fine && *orders > 0);
    html! {
        details open[harmed] {
            summary { "What clients saw × final state" small { (name) } }
            div.wide { table {
                thead { tr {
                    th scope="col" { "Client saw" }
                    @for column in &columns { th.n scope="col" { (column) } }
                } }
                tbody {
                    @for row in &rows {
                        tr {
                            th scope="row" { (row) }
                            @for column in &columns {
                                (count(found.matrix.get(*row).and_then(|of| of.get(*column)).copied().unwrap_or(0), false))
                            }
                        }
                    }
                }
            } }
        }
    }
}

/// Known names in their order, then the others.
fn ordered<'a>(known: &[&'a str], mut used: BTreeSet<&'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = known.iter().copied().filter(|name| used.remove(name)).collect();
    names.extend(used);
    names
}
