//! `crash`: the main process dies from inside, as it does by a defect of its own. Unlike a kill
//! through Docker this fires the container's restart policy, so self-healing is what is measured.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// Kills the main process of replicas from inside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crash {
    /// Whom.
    pub selector: Selector,
}

impl Kind for Crash {
    fn read(item: &Item<'_>) -> Option<Self> {
        Selector::read(item).map(|selector| Self { selector })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("crash {whom}")
    }

    /// Every replica dies; at the end, what its restart policy left down is started.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let first = |replica: &&_| !victims.component(replica).init;
        if let Some(replica) = victims.replicas.iter().find(first) {
            let name = &replica.component;
            return Err(format!(
                "`{name}` cannot be crashed, because the kernel protects process 1 of a container \
                 from inside: set `init: true` for it"
            ));
        }
        Ok(Injection {
            inject: victims.act(|replica| Action::Crash { replica }),
            felt: victims.look(|replica| [Check::Died { replica }]),
            heal: victims.start(),
            healed: victims.work(),
        })
    }
}
