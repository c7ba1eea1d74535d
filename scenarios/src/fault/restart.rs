//! `restart`: what an operator or a deployment does, on purpose and gracefully.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims, grace};
use crate::action::{Action, Check, Injection};
use crate::quantity::Span;
use crate::selector::Selector;
use crate::text::Item;

/// Stops replicas gracefully and starts them at once, all at the same time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// Whom.
    pub selector: Selector,
    /// How long the end may take; none leaves it to the target file.
    pub grace: Option<Span>,
}

impl Kind for Restart {
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let grace = grace(&mut fields);
        fields.finish();
        Some(Self { selector: selector?, grace: grace? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("restart {whom} gracefully")
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        Ok(restarted(victims, self.grace))
    }
}

/// Every replica dies and is started; at the end it runs, or is started once more.
pub(super) fn restarted(victims: &Victims<'_>, grace: Option<Span>) -> Injection {
    let restart = |replica| Action::Restart { grace: victims.grace(&replica, grace), replica };
    Injection {
        inject: victims.act(restart),
        felt: victims.look(|replica| {
            [Check::Died { replica: replica.clone() }, Check::Restarted { replica }]
        }),
        heal: victims.start(),
        healed: victims.work(),
    }
}
