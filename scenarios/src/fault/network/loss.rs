//! `loss`: packets vanish, as on a bad link; who sends them has to notice.

use serde::{Deserialize, Serialize};

use super::{Kind, Traffic, Victims, share};
use crate::action::Injection;
use crate::action::network::{Effect, Share};
use crate::text::Item;

/// Drops a share of the packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Which packets of whom.
    pub traffic: Traffic,
    /// How many of them.
    pub share: Share,
}

impl Kind for Loss {
    /// Reads `{from | role | name, mode, share, direction, to}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let traffic = Traffic::read(&mut fields);
        let share = fields.required("share").and_then(|item| share(&item));
        fields.finish();
        Some(Self { traffic: traffic?, share: share? })
    }

    fn traffic(&self) -> Option<&Traffic> {
        Some(&self.traffic)
    }

    fn traffic_mut(&mut self) -> Option<&mut Traffic> {
        Some(&mut self.traffic)
    }

    fn title(&self, whom: &str) -> String {
        format!("drop {} of {}", self.share, self.traffic.of(whom))
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        self.traffic.meets(Effect::Loss(self.share), victims)
    }
}
