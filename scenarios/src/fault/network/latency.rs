//! `latency`: packets arrive late, as from another continent or through a full link.

use serde::{Deserialize, Serialize};

use super::{Kind, Traffic, Victims, held};
use crate::action::Injection;
use crate::action::network::{Distribution, Effect};
use crate::quantity::Span;
use crate::text::{Fields, Item};

/// Holds packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Which packets of whom.
    pub traffic: Traffic,
    /// For how long, each way.
    pub delay: Span,
    /// How far around that.
    pub jitter: Span,
    /// In which way.
    pub distribution: Distribution,
}

impl Kind for Latency {
    /// Reads `{from | role | name, mode, delay, jitter, distribution, direction, to}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let traffic = Traffic::read(&mut fields);
        let delay = fields.required("delay").and_then(|item| held(&item));
        let jitter = jitter(&mut fields, delay);
        let distribution = fields.optional("distribution");
        let distribution = distribution.map_or(Some(Distribution::default()), |item| {
            item.one_of("distribution", &Distribution::ALL)
        });
        fields.finish();
        Some(Self {
            traffic: traffic?,
            delay: delay?,
            jitter: jitter?,
            distribution: distribution?,
        })
    }

    fn traffic(&self) -> Option<&Traffic> {
        Some(&self.traffic)
    }

    fn traffic_mut(&mut self) -> Option<&mut Traffic> {
        Some(&mut self.traffic)
    }

    fn title(&self, whom: &str) -> String {
        let jitter = match self.jitter {
            Span::ZERO => String::new(),
            jitter => format!(" ± {jitter}"),
        };
        format!("delay {} by {}{jitter}", self.traffic.of(whom), self.delay)
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let Self { delay, jitter, distribution, .. } = *self;
        self.traffic.meets(Effect::Delay { delay, jitter, distribution }, victims)
    }
}

/// None unless said; no more than the delay, since nothing arrives before it was sent.
fn jitter(fields: &mut Fields<'_>, delay: Option<Span>) -> Option<Span> {
    let Some(item) = fields.optional("jitter") else { return Some(Span::ZERO) };
    let jitter = held(&item)?;
    match delay {
        Some(delay) if jitter > delay => {
            item.wrong(format!("a jitter of {jitter} is more than the delay of {delay}"), None)
        }
        _ => Some(jitter),
    }
}
