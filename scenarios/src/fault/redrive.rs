//! `redrive`: an operator sends again what was given up, after the cause was mended. What is sent
//! twice must not be done twice, and what was half done must come to its end.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// Has dead letters sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redrive {
    /// Whose.
    pub selector: Selector,
}

impl Kind for Redrive {
    fn read(item: &Item<'_>) -> Option<Self> {
        Selector::read(item).map(|selector| Self { selector })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("send the dead letters of {whom} again")
    }

    /// Every replica is asked, since only one of them may lead; felt where anything was sent.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let mut injection = Injection::default();
        for replica in victims.replicas {
            let name = &replica.component;
            let mut places = victims.target.redrive.iter();
            let place = places.find(|endpoint| endpoint.component == *name).ok_or_else(|| {
                let target = &victims.target.name;
                format!("{target} names no place under `redrive` in `x-chaos` for `{name}`")
            })?;
            let (port, path) = (place.port, place.path.clone());
            injection.inject.push(Action::Redrive { replica: replica.clone(), port, path });
            injection.felt.push(Check::Redriven { replica: replica.clone() });
        }
        Ok(injection)
    }

    fn stays(&self) -> bool {
        true
    }
}
