//! `disconnect`: a replica that works and that nobody finds, as when its host loses the network.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// Takes replicas off their networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnect {
    /// Whom.
    pub selector: Selector,
}

impl Kind for Disconnect {
    fn read(item: &Item<'_>) -> Option<Self> {
        Selector::read(item).map(|selector| Self { selector })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("disconnect {whom}")
    }

    /// Every replica is on no network and cannot be reached; undone, it is found under all its
    /// names again.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        // One that somebody else removed meanwhile is made again.
        let mut heal = victims.start();
        heal.extend(victims.act(|replica| Action::Connect { replica }));
        Ok(Injection {
            inject: victims.act(|replica| Action::Disconnect { replica }),
            felt: victims.look(|replica| {
                [Check::Detached { replica: replica.clone() }, Check::Unreachable { replica }]
            }),
            heal,
            healed: victims.look(|replica| {
                [Check::Attached { replica: replica.clone() }, Check::Ready { replica }]
            }),
        })
    }
}
