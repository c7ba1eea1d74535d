//! What was expected and what was seen, target by target, with the reasons for the verdict.

use chaos_scenarios::measure::Unit;
use chaos_scenarios::plan::RunKind;
use maud::{Markup, html};

use super::{badge, prose};
use crate::judge::report::RunReport;
use crate::judge::{ExpectationResult, Value};
use crate::render::value;
use crate::render::view::ScenarioView;

/// The block; nothing if nothing was run.
pub(super) fn block(scenario: &ScenarioView) -> Markup {
    let runs = scenario.runs();
    if runs.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Expected and seen" }
        div.wide { table {
            thead { tr {
                th scope="col" { "Target" }
                th scope="col" { "Expected" }
                th.n scope="col" { "Seen" }
                th scope="col" { "Result" }
            } }
            @for (name, run) in &runs { (rows(name, run)) }
        } }
    }
}

fn rows(name: &str, run: &RunReport) -> Markup {
    let judgement = &run.judgement;
    let title = match run.plan.kind {
        RunKind::Control => format!("{name} (control)"),
        RunKind::Fault => name.to_owned(),
    };
    html! {
        tbody {
            tr {
                th scope="rowgroup" { (title) }
                td colspan="2" {
                    @for reason in &judgement.reasons { div { (prose(reason)) } }
                    @if let Some(orders) = judgement.in_flight {
                        small { (orders) " orders were in flight when the fault was felt." }
                    }
                }
                td { (badge::verdict(judgement.verdict, &judgement.flags)) }
            }
            @for result in &judgement.hypothesis { (row("before the fault", result)) }
            @for result in &judgement.expectations { (row("", result)) }
        }
    }
}

fn row(when: &str, result: &ExpectationResult) -> Markup {
    html! {
        tr {
            td.soft { small { (when) } }
            td { code { (result.expectation) } }
            td.n { (observed(&result.observed, result.expectation.measure.unit())) }
            td { (badge::held(result.held)) }
        }
    }
}

fn observed(seen: &Value, unit: Unit) -> Markup {
    html! {
        (value::text(seen, unit))
        @if let Value::Absent(reason) = seen { small { (reason) } }
    }
}
