//! The picture of a scenario with its legend, and the numbers that a pointer shows.

use maud::{Markup, PreEscaped, html};

use crate::chart::STYLES;
use crate::chart::timeline::{Timeline, timeline};
use crate::render::RenderError;
use crate::render::view::ScenarioView;

/// The figure; nothing if no run of the scenario was under load.
pub(super) fn figure(scenario: &ScenarioView) -> Result<Markup, RenderError> {
    let runs = scenario.charted();
    let Some(timeline) = timeline(scenario.name, &runs) else {
        return Ok(html! { p.soft { "No run of this scenario came under load." } });
    };
    let data = numbers(&timeline)?;
    let repeated = scenario.cells.iter().any(|cell| cell.runs.len() > 1);
    Ok(html! {
        figure.timeline {
            (legend(&timeline))
            div.plot tabindex="0" role="group"
                aria-label="Timeline. The arrow keys move through time, Escape leaves." {
                svg.chart role="img" aria-label=(timeline.figure.description)
                    height=(timeline.figure.height() + 14) { (timeline.figure.draw()) }
                div.cursor hidden {}
                div.tip hidden role="status" {}
            }
            (caption(&timeline, repeated))
            script type="application/json" { (data) }
        }
    })
}

/// The numbers as JSON that no HTML parser takes for the end of a script.
fn numbers(timeline: &Timeline) -> Result<PreEscaped<String>, RenderError> {
    let text = serde_json::to_string(&timeline.data)?;
    Ok(PreEscaped(text.replace('<', "\\u003c")))
}

fn legend(timeline: &Timeline) -> Markup {
    html! {
        div.legend role="group" aria-label="Targets shown" {
            @for (n, run) in timeline.data.runs.iter().enumerate() {
                button type="button" aria-pressed="true" data-run=(n) {
                    svg.chart viewBox="0 0 28 8" aria-hidden="true" {
                        line class=(format!("line good s{}", n % STYLES)) x1="0" x2="28" y1="4" y2="4" {}
                    }
                    (run.name)
                }
            }
        }
    }
}

fn caption(timeline: &Timeline, repeated: bool) -> Markup {
    html! {
        figcaption {
            span { i.f {} "the fault acts" }
            span { i {} "users are served worse" }
            span { i.b {} "work is left over" }
            span { "▼ felt  ▲ healed  ● users served again  ◆ all work done" }
            "Each step stands for " (timeline.data.step) " s; requests stand where they were due."
            @if repeated { " Of repeated runs the first is drawn; the tables speak of all." }
        }
    }
}
