//! `stop`: the planned end of a process, which may finish what it has in hand.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims, grace};
use crate::action::{Action, Check, Injection};
use crate::quantity::Span;
use crate::selector::Selector;
use crate::text::Item;

/// Asks the main process of replicas to end, and kills it after a grace period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Whom.
    pub selector: Selector,
    /// How long it may take; none leaves it to the target file.
    pub grace: Option<Span>,
}

impl Kind for Stop {
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
        format!("stop {whom} gracefully")
    }

    /// Every replica ends, and its exit code tells whether in time.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let stop = |replica| Action::Stop { grace: victims.grace(&replica, self.grace), replica };
        Ok(Injection {
            inject: victims.act(stop),
            felt: victims.look(|replica| {
                [Check::Ended { replica: replica.clone() }, Check::Unreachable { replica }]
            }),
            heal: victims.start(),
            healed: victims.work(),
        })
    }
}
