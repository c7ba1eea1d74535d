//! `pause`: the failure that is hardest to tell from slowness. The kernel still takes connections,
//! and nobody answers.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// Freezes all processes of replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Whom.
    pub selector: Selector,
}

impl Kind for Pause {
    fn read(item: &Item<'_>) -> Option<Self> {
        Selector::read(item).map(|selector| Self { selector })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("pause {whom}")
    }

    /// Every replica is frozen and does not answer; undone, it goes on. One that somebody else
    /// killed meanwhile is started.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let mut heal = victims.act(|replica| Action::Unpause { replica });
        heal.extend(victims.start());
        Ok(Injection {
            inject: victims.act(|replica| Action::Pause { replica }),
            felt: victims.look(|replica| {
                [Check::Frozen { replica: replica.clone() }, Check::Silent { replica }]
            }),
            heal,
            healed: victims.work(),
        })
    }
}
