//! `kill`: the main process ends by a signal, and the container stays down until it is healed.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// Signals that end a process, without their `SIG`.
const SIGNALS: [(&str, &str); 6] = [
    ("KILL", "KILL"),
    ("TERM", "TERM"),
    ("INT", "INT"),
    ("QUIT", "QUIT"),
    ("HUP", "HUP"),
    ("ABRT", "ABRT"),
];

/// Ends the main process of replicas by a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// Whom.
    pub selector: Selector,
    /// Signal without its `SIG`.
    pub signal: String,
}

impl Kind for Kill {
    /// Reads `{role | name, mode, signal}`; the signal is `KILL` unless said.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let signal = fields
            .optional("signal")
            .map_or(Some("KILL"), |signal| signal.one_of("signal", &SIGNALS));
        fields.finish();
        Some(Self { selector: selector?, signal: signal?.to_owned() })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("kill {whom} with SIG{}", self.signal)
    }

    /// Every replica ends and cannot be reached; undone, every replica runs and is ready.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        Ok(Injection {
            inject: victims.act(|replica| Action::Kill { replica, signal: self.signal.clone() }),
            felt: victims.look(|replica| {
                [Check::Ended { replica: replica.clone() }, Check::Unreachable { replica }]
            }),
            heal: victims.start(),
            healed: victims.work(),
        })
    }
}
