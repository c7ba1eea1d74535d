//! `reorder`: some packets are overtaken, as where several ways lead to the same place.

use serde::{Deserialize, Serialize};

use super::{Kind, Traffic, Victims, held, share};
use crate::action::Injection;
use crate::action::network::{Effect, Share};
use crate::quantity::Span;
use crate::text::Item;

/// How long a packet waits for others to pass, unless said.
const USUAL: Span = Span::milliseconds(20);

/// Lets packets overtake others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reorder {
    /// Which packets of whom.
    pub traffic: Traffic,
    /// How many of them wait.
    pub share: Share,
    /// For how long.
    pub delay: Span,
}

impl Kind for Reorder {
    /// Reads `{from | role | name, mode, share, delay, direction, to}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let traffic = Traffic::read(&mut fields);
        let share = fields.required("share").and_then(|item| share(&item));
        let delay = fields.optional("delay").map_or(Some(USUAL), |item| held(&item));
        fields.finish();
        Some(Self { traffic: traffic?, share: share?, delay: delay? })
    }

    fn traffic(&self) -> Option<&Traffic> {
        Some(&self.traffic)
    }

    fn traffic_mut(&mut self) -> Option<&mut Traffic> {
        Some(&mut self.traffic)
    }

    fn title(&self, whom: &str) -> String {
        format!("hold {} of {} for {}", self.share, self.traffic.of(whom), self.delay)
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        self.traffic.meets(Effect::Reorder { share: self.share, delay: self.delay }, victims)
    }
}
