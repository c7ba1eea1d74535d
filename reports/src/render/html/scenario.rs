//! Everything about one scenario, from the picture to the last order.

use maud::{Markup, html};

use super::{events, evidence, expectations, measures, orders, timeline};
use crate::render::RenderError;
use crate::render::view::{ScenarioView, slug};

/// The section.
pub(super) fn section(scenario: &ScenarioView) -> Result<Markup, RenderError> {
    let figure = timeline::figure(scenario)?;
    Ok(html! {
        section.scenario id={ "scenario-" (slug(scenario.name)) } {
            h2 { (scenario.title) }
            p.soft { code { (scenario.name) } }
            (figure)
            (expectations::block(scenario))
            (measures::block(scenario))
            (orders::block(scenario))
            (evidence::invariants(scenario))
            (evidence::worst_orders(scenario))
            (events::block(scenario))
        }
    })
}
