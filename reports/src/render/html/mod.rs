//! `index.html`: one page with everything, for people. It stands alone: no network, no other file,
//! and nothing that a container, a file or a log said is taken for markup.

mod badge;
mod events;
mod evidence;
mod expectations;
mod headline;
mod matrix;
mod measures;
mod method;
mod orders;
mod scenario;
mod timeline;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::view::{clock, scenarios, slug};
use super::{Artifact, RenderError};
use crate::judge::report::ExperimentReport;

const STYLE: &str = include_str!("style.css");
const CHART_STYLE: &str = include_str!("../../chart/figure.css");
const SCRIPT: &str = include_str!("script.js");

/// The page loads nothing: what it needs stands in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data:; base-uri 'none'; form-action 'none'";

/// Writes `index.html`.
pub(super) fn render(report: &ExperimentReport) -> Result<Vec<Artifact>, RenderError> {
    Ok(vec![Artifact::text("index.html", page(report)?.into_string())])
}

fn page(report: &ExperimentReport) -> Result<Markup, RenderError> {
    let scenarios = scenarios(report);
    let mut sections = Vec::new();
    for scenario in &scenarios {
        sections.push(scenario::section(scenario)?);
    }
    let names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name).collect();
    Ok(html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { "Chaos report: " (names.join(", ")) }
                style { (PreEscaped(STYLE)) (PreEscaped(CHART_STYLE)) }
            }
            body {
                (header(&names))
                main {
                    (headline::section(report, &scenarios))
                    (matrix::section(&scenarios))
                    @for section in sections { (section) }
                    (method::section(report, &scenarios))
                }
                footer {
                    "chaos " (report.header.version) " · experiment " (report.header.experiment)
                    " · " (clock(report.header.started))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    })
}

fn header(names: &[&str]) -> Markup {
    html! {
        header {
            b { "chaos" }
            nav aria-label="Sections" {
                a href="#headline" { "Headline" }
                a href="#matrix" { "Matrix" }
                @for name in names { a href={ "#scenario-" (slug(name)) } { (name) } }
                a href="#method" { "Method" }
            }
            button id="theme" type="button" hidden aria-label="Switch between light and dark" {}
        }
    }
}

/// Text in which what stands between backticks is code.
fn prose(text: &str) -> Markup {
    html! {
        @for (n, part) in text.split('`').enumerate() {
            @if n.is_multiple_of(2) { (part) } @else { code { (part) } }
        }
    }
}
