//! `duplicate`: packets arrive twice; numbers in them should tell.

use serde::{Deserialize, Serialize};

use super::traffic::{from, to};
use super::{Kind, Traffic, Victims, share};
use crate::action::Injection;
use crate::action::network::{Direction, Effect, Share};
use crate::text::Item;

/// Sends a share of the packets twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duplicate {
    /// Which packets of whom.
    pub traffic: Traffic,
    /// How many of them.
    pub share: Share,
}

impl Kind for Duplicate {
    /// Reads `{from | role | name, mode, share, to}`. A packet is sent again by who sent it, so only what
    /// leaves a replica can be doubled.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = from(&mut fields);
        let to = to(&mut fields, selector.as_ref());
        let traffic = selector.zip(to).map(|(selector, to)| Traffic {
            selector,
            direction: Direction::Out,
            to,
        });
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
        format!("double {} of {}", self.share, self.traffic.of(whom))
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        self.traffic.meets(Effect::Duplicate(self.share), victims)
    }
}
