//! The measures of a scenario side by side, with units, bounds and the reasons for what is missing.

use chaos_scenarios::measure::Measure;
use maud::{Markup, html};

use crate::judge::Value;
use crate::judge::report::RunReport;
use crate::render::view::{Figure, ScenarioView};

/// A column: its head and its runs.
type Column<'a> = (String, Vec<&'a RunReport>);

/// The table; nothing if nothing was measured.
pub(super) fn block(scenario: &ScenarioView) -> Markup {
    let columns = columns(scenario);
    let measures = asked(&columns);
    if measures.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Measures" }
        div.wide { table {
            thead { tr {
                th scope="col" { "Measure" }
                @for (name, runs) in &columns {
                    th.n scope="col" { (name) @if runs.len() > 1 { " × " (runs.len()) } }
                }
            } }
            tbody { @for measure in &measures { (row(measure, &columns)) } }
        } }
        @if columns.iter().any(|(_, runs)| runs.len() > 1) {
            p { small { "Of repeated runs: the median, and in brackets the lowest and the highest." } }
        }
    }
}

fn columns<'a>(scenario: &ScenarioView<'a>) -> Vec<Column<'a>> {
    let measured = |runs: &[&RunReport]| runs.iter().any(|run| !run.judgement.measures.is_empty());
    let cells = scenario.cells.iter().map(|cell| (cell.name.clone(), cell.runs.clone()));
    let controls = scenario
        .cells
        .iter()
        .filter_map(|cell| Some((format!("{} (control)", cell.name), vec![cell.control?])));
    cells.chain(controls).filter(|(_, runs)| measured(runs)).collect()
}

/// Every measure that some run has, but the fates: they have a table of their own.
fn asked(columns: &[Column]) -> Vec<Measure> {
    let runs = columns.iter().flat_map(|(_, runs)| runs);
    let mut measures: Vec<Measure> = runs
        .flat_map(|run| run.judgement.measures.keys())
        .filter(|measure| !matches!(measure, Measure::Fate(_) | Measure::Sent))
        .cloned()
        .collect();
    measures.sort();
    measures.dedup();
    measures
}

fn row(measure: &Measure, columns: &[Column]) -> Markup {
    html! {
        tr {
            th.measure scope="row" { code { (measure) } small { (measure.describe()) } }
            @for (_, runs) in columns { (field(measure, runs)) }
        }
    }
}

fn field(measure: &Measure, runs: &[&RunReport]) -> Markup {
    let figure = Figure::of(measure, runs);
    html! {
        td.n {
            (figure.text(measure.unit()))
            @if let Some(Value::Absent(reason)) = figure.value() { small { (reason) } }
        }
    }
}
