//! The matrix: scenario × target, with the figures that decide. Controls stand in a block of their
//! own, because nothing happened to them.

use chaos_scenarios::measure::{Fate, Measure};
use maud::{Markup, html};

use super::{badge, prose};
use crate::judge::report::RunReport;
use crate::judge::{Flag, Verdict};
use crate::render::view::{CellView, Figure, ScenarioView, slug};

/// Measures with the heads of their columns.
const COLUMNS: [(&str, Measure); 6] = [
    ("Accepted", Measure::AvailabilityAccepted),
    ("Completed", Measure::AvailabilityCompleted),
    ("Recovery", Measure::Recovery),
    ("All work done", Measure::RecoveryFull),
    ("Lost", Measure::Fate(Fate::Lost)),
    ("Duplicate", Measure::Fate(Fate::Duplicate)),
];

/// One line of the matrix.
struct Row<'a> {
    scenario: &'a str,
    name: &'a str,
    verdict: Verdict,
    flags: &'a [Flag],
    runs: Vec<&'a RunReport>,
    inapplicable: Option<&'a str>,
}

/// The section.
pub(super) fn section(scenarios: &[ScenarioView]) -> Markup {
    let rows: Vec<Row> = scenarios
        .iter()
        .flat_map(|scenario| scenario.cells.iter().map(|cell| row(scenario.name, cell)))
        .collect();
    let controls: Vec<Row> = scenarios
        .iter()
        .flat_map(|scenario| scenario.cells.iter().filter_map(|cell| control(scenario.name, cell)))
        .collect();
    html! {
        section #matrix {
            h2 { "Matrix" }
            p.soft {
                "Orders accepted and orders completed within 5 s of their due time, over the test "
                "interval; recovery as users see it and of all work, since the fault was felt."
            }
            div.wide {
                table.sortable {
                    thead { tr {
                        @for head in ["Scenario", "Target", "Verdict"] {
                            th scope="col" { button type="button" { (head) } }
                        }
                        @for (head, _) in &COLUMNS {
                            th.n scope="col" { button type="button" { (head) } }
                        }
                    } }
                    tbody { @for row in &rows { (draw(row)) } }
                    @if !controls.is_empty() {
                        tbody {
                            tr.block { th colspan=(COLUMNS.len() + 3) scope="rowgroup" {
                                "Controls: the same load without the fault, not to be ranked"
                            } }
                            @for row in &controls { (draw(row)) }
                        }
                    }
                }
            }
        }
    }
}

fn row<'a>(scenario: &'a str, cell: &'a CellView) -> Row<'a> {
    Row {
        scenario,
        name: &cell.name,
        verdict: cell.cell.verdict,
        flags: &cell.cell.flags,
        runs: cell.runs.clone(),
        inapplicable: cell.cell.not_applicable.as_deref(),
    }
}

fn control<'a>(scenario: &'a str, cell: &'a CellView) -> Option<Row<'a>> {
    let run = cell.control?;
    Some(Row {
        scenario,
        name: &cell.name,
        verdict: run.judgement.verdict,
        flags: &run.judgement.flags,
        runs: vec![run],
        inapplicable: None,
    })
}

fn draw(row: &Row) -> Markup {
    html! {
        tr {
            td data-v=(row.scenario) { a href={ "#scenario-" (slug(row.scenario)) } { (row.scenario) } }
            th scope="row" data-v=(row.name) {
                (row.name)
                @if row.runs.len() > 1 { small { " × " (row.runs.len()) } }
            }
            td data-v=(row.verdict as u8) { (badge::verdict(row.verdict, row.flags)) }
            @match row.inapplicable {
                Some(reason) => {
                    td.soft colspan=(COLUMNS.len()) data-v="" { (prose(reason)) }
                }
                None => {
                    @for (_, measure) in &COLUMNS { (field(measure, &row.runs)) }
                }
            }
        }
    }
}

fn field(measure: &Measure, runs: &[&RunReport]) -> Markup {
    let figure = Figure::of(measure, runs);
    let harm =
        matches!(measure, Measure::Fate(_)) && runs.iter().any(|run| is_above_zero(measure, run));
    let order = figure.order();
    let key = if order < f64::MAX { order.to_string() } else { "9e99".to_owned() };
    html! {
        td.n data-v=(key) {
            @if harm { span.alarm { (figure.text(measure.unit())) } }
            @else { (figure.text(measure.unit())) }
        }
    }
}

fn is_above_zero(measure: &Measure, run: &RunReport) -> bool {
    matches!(run.judgement.measures.get(measure), Some(crate::judge::Value::Exact(value)) if *value > 0.0)
}
