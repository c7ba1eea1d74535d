//! What was expected and what was seen, target by target, with the reasons for the verdict.

use chaos_scenarios::measure::Unit;
use chaos_scenarios::plan::RunKind;
use maud::{Markup, html};

use super::{badge, prose};
use crate::judge::report::RunReport;
use crate::judge::{ExpectationResult, Value, Verdict};
use crate::render::value;
use crate::render::view::ScenarioView;

/// The block; nothing if nothing was run.
pub(super) fn block(scenario: &ScenarioView) -> Markup {
    let (made, not_made): (Vec<_>, Vec<_>) =
        scenario.runs().into_iter().partition(|(_, run)| is_made(run));
    // A target that the scenario does not touch is told of in the matrix.
    let runs = if made.is_empty() { not_made } else { made };
    if runs.is_empty() {
        return html! {};
    }
    html! {
        h3 { "Expected and seen" }
        div.split { @for (name, run) in &runs { (of_run(name, run)) } }
    }
}

fn is_made(run: &RunReport) -> bool {
    run.judgement.verdict != Verdict::NotApplicable
}

fn of_run(name: &str, run: &RunReport) -> Markup {
    let judgement = &run.judgement;
    let control = if run.plan.kind == RunKind::Control { " (control)" } else { "" };
    let asked: Vec<(&str, &ExpectationResult)> = judgement
        .hypothesis
        .iter()
        .map(|result| ("before the fault", result))
        .chain(judgement.expectations.iter().map(|result| ("", result)))
        .collect();
    html! {
        div {
            h4.titled { (name) (control) " " (badge::verdict(judgement.verdict, &judgement.flags)) }
            @for reason in &judgement.reasons { p { small { (prose(reason)) } } }
            @if !asked.is_empty() {
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Expected" }
                        th.n scope="col" { "Seen" }
                        th scope="col" { "Result" }
                    } }
                    tbody { @for (when, result) in asked { (row(when, result)) } }
                } }
            }
            @if let Some(orders) = judgement.in_flight {
                p { small { "Orders in flight when the fault was felt: " (orders) "." } }
            }
        }
    }
}

fn row(when: &str, result: &ExpectationResult) -> Markup {
    html! {
        tr {
            td { code { (result.expectation) } @if !when.is_empty() { div { small { (when) } } } }
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
