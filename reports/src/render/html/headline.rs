//! The top of the page: what happened, in sentences with numbers, and how to see it again.

use maud::{Markup, html};

use super::{badge, prose};
use crate::judge::Verdict;
use crate::judge::report::ExperimentReport;
use crate::render::headline::{circumstance, sentences};
use crate::render::value;
use crate::render::view::{ScenarioView, clock, slug};

/// The section.
pub(super) fn section(report: &ExperimentReport, scenarios: &[ScenarioView]) -> Markup {
    html! {
        section #headline {
            h1 { (title(report)) }
            @for scenario in scenarios { (verse(scenario)) }
            (facts(report))
            h4 { "Repeat it" }
            pre { code { (report.header.command) } }
        }
    }
}

/// How many results there are of each verdict, worst first; then how many controls, which stand
/// beside targets that a scenario does not apply to, did not hold; then what is missing.
fn title(report: &ExperimentReport) -> String {
    let beside = report.cells.iter().filter(|cell| cell.verdict == Verdict::NotApplicable);
    let controls = beside.filter_map(|cell| report.run(cell.control.as_deref()?));
    let controls = match controls.filter(|run| run.judgement.verdict != Verdict::Held).count() {
        0 => None,
        1 => Some("one control did not hold".to_owned()),
        several => Some(format!("{several} controls did not hold")),
    };
    let parts = [Some(results(report)), controls, report.beside.told()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn results(report: &ExperimentReport) -> String {
    let put = report.cells.iter().filter(|cell| cell.verdict != Verdict::NotApplicable);
    let verdicts: Vec<Verdict> = put.map(|cell| cell.verdict).collect();
    let count = |verdict| verdicts.iter().filter(|other| **other == verdict).count();
    match (verdicts.len(), count(Verdict::Held)) {
        (0, _) => "Nothing was put to the test".to_owned(),
        (1, 1) => "The system did what is expected of it".to_owned(),
        (all, held) if all == held => format!("All {all} results are as expected"),
        (all, _) => {
            let worse = [
                (Verdict::Interrupted, "interrupted"),
                (Verdict::Error, "could not be measured"),
                (Verdict::NotSteady, "not steady before the fault"),
                (Verdict::Deviated, "not as expected"),
                (Verdict::Aborted, "stopped early"),
                (Verdict::Inconclusive, "inconclusive"),
            ];
            let parts: Vec<String> = worse
                .into_iter()
                .filter(|(verdict, _)| count(*verdict) > 0)
                .map(|(verdict, words)| format!("{} {words}", count(verdict)))
                .collect();
            let noun = if all == 1 { "result" } else { "results" };
            format!("Of {all} {noun}: {}", parts.join(", "))
        }
    }
}

fn verse(scenario: &ScenarioView) -> Markup {
    let verdict_of = |subject: &str| {
        scenario.cells.iter().find(|cell| cell.name == subject).map(|cell| cell.cell)
    };
    html! {
        p {
            a href={ "#scenario-" (slug(scenario.name)) } { (scenario.name) }
            @match circumstance(scenario) {
                Some(what) => { span.soft { " — " (what) ":" } }
                None => { span.soft { " — " (scenario.title) ":" } }
            }
        }
        ul.verse {
            @for sentence in sentences(scenario) {
                li {
                    span {
                        @if let Some(cell) = verdict_of(&sentence.subject) {
                            (badge::verdict(cell.verdict, &cell.flags))
                        }
                    }
                    p { b { (sentence.subject) } " " (prose(&sentence.text)) "." }
                }
            }
        }
    }
}

fn facts(report: &ExperimentReport) -> Markup {
    let header = &report.header;
    let host = &header.host;
    let memory = value::number(host.memory as f64, chaos_scenarios::measure::Unit::Bytes);
    html! {
        dl.facts {
            div { dt { "Started" } dd { (clock(header.started)) } }
            div { dt { "Seed" } dd { (header.seed) } }
            div { dt { "Host" } dd { (host.name) ", " (host.cores) " cores, " (memory) } }
            div { dt { "Software" } dd { "chaos " (header.version) ", Docker " (host.docker) ", Linux " (host.kernel) } }
        }
    }
}
