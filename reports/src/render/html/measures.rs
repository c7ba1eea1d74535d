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
    let (known, unknown): (Vec<Measure>, Vec<Measure>) =
        asked(&columns).into_iter().partition(|measure| is_known(measure, &columns));
    if known.is_empty() {
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
                th scope="col" { "What it says" }
            } }
            tbody { @for measure in &known { (row(measure, &columns)) } }
        } }
        @if columns.iter().any(|(_, runs)| runs.len() > 1) {
            p { small { "Of repeated runs: the median, and in brackets the lowest and the highest." } }
        }
        @if !unknown.is_empty() { (without_value(&unknown, &columns)) }
    }
}

fn is_known(measure: &Measure, columns: &[Column]) -> bool {
    let figures = columns.iter().map(|(_, runs)| Figure::of(measure, runs));
    figures
        .into_iter()
        .any(|figure| matches!(figure.value(), Some(Value::Exact(_) | Value::AtLeast(_))))
}

/// Measures that no column knows, with the first reason given.
fn without_value(measures: &[Measure], columns: &[Column]) -> Markup {
    let reason = |measure: &Measure| {
        columns.iter().find_map(|(_, runs)| match Figure::of(measure, runs).value() {
            Some(Value::Absent(reason)) => Some(reason.clone()),
            _ => None,
        })
    };
    html! {
        p.spaced { small {
            "Without a value: "
            @for (n, measure) in measures.iter().enumerate() {
                @if n > 0 { "; " }
                code { (measure) }
                @if let Some(reason) = reason(measure) { " (" (reason) ")" }
            }
            "."
        } }
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

/// What is told elsewhere on the page, or says nothing about the target.
const fn is_elsewhere(measure: &Measure) -> bool {
    matches!(
        measure,
        Measure::Fate(_)
            | Measure::Sent
            | Measure::Elapsed
            | Measure::HostMemoryFree
            | Measure::GeneratorLag
            | Measure::GeneratorNotSent
    )
}

/// Every measure that some run has, in the order of documentation; classes follow availability.
fn asked(columns: &[Column]) -> Vec<Measure> {
    let documented: Vec<Measure> = Measure::all().collect();
    let place = |measure: &Measure| {
        let known = match measure {
            Measure::AvailabilityOf(_) => &Measure::AvailabilityTime,
            other => other,
        };
        documented.iter().position(|other| other == known)
    };
    let runs = columns.iter().flat_map(|(_, runs)| runs);
    let mut measures: Vec<Measure> = runs
        .flat_map(|run| run.judgement.measures.keys())
        .filter(|measure| !is_elsewhere(measure))
        .cloned()
        .collect();
    measures.sort_by_key(|measure| (place(measure), measure.clone()));
    measures.dedup();
    measures
}

fn row(measure: &Measure, columns: &[Column]) -> Markup {
    html! {
        tr {
            th.measure scope="row" { code { (measure) } }
            @for (_, runs) in columns { (field(measure, runs)) }
            td.soft.says { small { (measure.describe()) } }
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
