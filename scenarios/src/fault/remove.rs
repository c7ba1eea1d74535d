//! `remove`: a part of the system is deleted for good, as when nobody needs it any more.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// Stops and removes replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remove {
    /// Whom.
    pub selector: Selector,
}

impl Kind for Remove {
    fn read(item: &Item<'_>) -> Option<Self> {
        Selector::read(item).map(|selector| Self { selector })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("remove {whom}")
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        Ok(Injection {
            inject: victims.act(|replica| Action::Remove { replica }),
            felt: victims.look(|replica| [Check::Gone { replica }]),
            ..Injection::default()
        })
    }

    fn stays(&self) -> bool {
        true
    }
}
