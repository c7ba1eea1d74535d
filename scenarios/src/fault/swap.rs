//! `swap`: another program takes the place of a component under load, with its names, its ports and
//! its data: another version, or another technology.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// Puts containers of another image in the place of replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swap {
    /// Whom.
    pub selector: Selector,
    /// The other image.
    pub image: String,
    /// Whether it stays.
    pub keep: bool,
}

impl Kind for Swap {
    /// Reads `{role | name, mode, image, keep}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let image = fields.required("image").and_then(|item| item.text());
        let keep = fields.optional("keep").map_or(Some(false), |item| item.boolean());
        fields.finish();
        Some(Self { selector: selector?, image: image?, keep: keep? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("put {} in the place of {whom}", self.image)
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let to =
            |image: Option<String>| move |replica| Action::Swap { replica, image: image.clone() };
        let runs = |image: Option<String>| {
            move |replica: crate::action::Replica| {
                [
                    Check::RunsImage { replica: replica.clone(), image: image.clone() },
                    Check::Running { replica },
                ]
            }
        };
        let other = Some(self.image.clone());
        let mut injection = Injection {
            inject: victims.act(to(other.clone())),
            felt: victims.look(runs(other)),
            ..Injection::default()
        };
        if !self.keep {
            injection.heal = victims.act(to(None));
            injection.healed = victims.look(runs(None));
            injection.healed.extend(victims.look(|replica| [Check::Ready { replica }]));
        }
        Ok(injection)
    }

    fn stays(&self) -> bool {
        self.keep
    }
}
