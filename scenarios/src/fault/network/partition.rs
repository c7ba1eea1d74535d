//! `partition`: two components lose sight of each other, while others see both.

use serde::{Deserialize, Serialize};

use super::{Kind, Traffic, Victims, direction, same};
use crate::action::Injection;
use crate::action::network::{Behaviour, Direction, Effect};
use crate::selector::{By, Mode, Selector};
use crate::text::Item;

const BEHAVIOURS: [(&str, Behaviour); 2] =
    [("drop", Behaviour::Drop), ("reject", Behaviour::Reject)];

/// Cuts a component off from another one.
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
        let from = fields.required("from").and_then(|item| item.text());
        let to = fields.required("to").and_then(|item| {
            let to = item.text()?;
            if from.as_ref() == Some(&to) { same(&item, &to) } else { Some(to) }
        });
        let direction = direction(&mut fields);
        let behaviour = fields.optional("behaviour");
        let behaviour = behaviour
            .map_or(Some(Behaviour::default()), |item| item.one_of("behaviour", &BEHAVIOURS));
        fields.finish();
        let selector = Selector { by: By::Name(from?), mode: Mode::All };
        let traffic = Traffic { selector, direction: direction?, to: Some(to?) };
        Some(Self { traffic, behaviour: behaviour? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.traffic.selector)
    }

    fn title(&self, whom: &str) -> String {
        let peer = self.traffic.to.as_deref().unwrap_or_default();
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
