//! `partition`: two groups of components lose sight of each other, while others see both.

use serde::{Deserialize, Serialize};

use super::traffic::{direction, peer};
use super::{Kind, Traffic, Victims};
use crate::action::Injection;
use crate::action::network::{Behaviour, Direction, Effect};
use crate::selector::Selector;
use crate::text::Item;

const BEHAVIOURS: [(&str, Behaviour); 2] =
    [("drop", Behaviour::Drop), ("reject", Behaviour::Reject)];

/// Cuts components off from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partition {
    /// Which packets of whom.
    pub traffic: Traffic,
    /// What a sender sees.
    pub behaviour: Behaviour,
}

impl Kind for Partition {
    /// Reads `{from, to, direction, behaviour}`; the direction is as `from` sees it.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let from = fields.required("from").and_then(|item| Selector::end(&item));
        let to = fields.required("to").and_then(|item| peer(&item, from.as_ref()));
        let direction = direction(&mut fields);
        let behaviour = fields.optional("behaviour");
        let behaviour = behaviour
            .map_or(Some(Behaviour::default()), |item| item.one_of("behaviour", &BEHAVIOURS));
        fields.finish();
        let traffic = Traffic { selector: from?, direction: direction?, to: Some(to?) };
        Some(Self { traffic, behaviour: behaviour? })
    }

    fn traffic(&self) -> Option<&Traffic> {
        Some(&self.traffic)
    }

    fn traffic_mut(&mut self) -> Option<&mut Traffic> {
        Some(&mut self.traffic)
    }

    fn title(&self, whom: &str) -> String {
        let peer = self.traffic.to.as_ref().map(Selector::plain).unwrap_or_default();
        let how = match self.behaviour {
            Behaviour::Drop => "",
            Behaviour::Reject => ", rejecting what is sent",
        };
        match self.traffic.direction {
            Direction::Both => format!("cut {whom} off from {peer}{how}"),
            Direction::In => format!("let nothing reach {whom} from {peer}{how}"),
            Direction::Out => format!("let nothing from {whom} reach {peer}{how}"),
        }
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        self.traffic.meets(Effect::Partition(self.behaviour), victims)
    }
}
