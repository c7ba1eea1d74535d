//! `kill`: the main process ends by a signal, and the container stays down until it is healed.

use serde::{Deserialize, Serialize};

use crate::action::{Action, Check, Injection, Replica};
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

impl Kill {
    /// Reads `{role | name, mode, signal}`; the signal is `KILL` unless said.
    pub fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let signal = fields
            .optional("signal")
            .map_or(Some("KILL"), |signal| signal.one_of("signal", &SIGNALS));
        fields.finish();
        Some(Self { selector: selector?, signal: signal?.to_owned() })
    }

    /// The replicas that it asks for.
    pub fn selector(&self) -> &Selector {
        &self.selector
    }

    /// One line for people.
    pub fn title(&self, whom: &str) -> String {
        format!("kill {whom} with SIG{}", self.signal)
    }

    /// Every replica ends and cannot be reached; undone, every replica runs and is ready.
    pub fn injection(&self, replicas: &[Replica]) -> Injection {
        let each = || replicas.iter().cloned();
        let kill = |replica| Action::Kill { replica, signal: self.signal.clone() };
        Injection {
            inject: each().map(kill).collect(),
            felt: each()
                .flat_map(|replica| {
                    [Check::Ended { replica: replica.clone() }, Check::Unreachable { replica }]
                })
                .collect(),
            heal: each().map(|replica| Action::Start { replica }).collect(),
            healed: each()
                .flat_map(|replica| {
                    [Check::Running { replica: replica.clone() }, Check::Ready { replica }]
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selector::{By, Mode};

    #[test]
    fn every_replica_is_killed_proved_started_and_proved() {
        let replica = |number| Replica { component: "app".to_owned(), number };
        let selector = Selector { by: By::Name("app".to_owned()), mode: Mode::All };
        let kill = Kill { selector, signal: "KILL".to_owned() };
        let injection = kill.injection(&[replica(1), replica(2)]);
        let shown = |list: Vec<String>| list.join("; ");
        let inject = shown(injection.inject.iter().map(ToString::to_string).collect());
        assert_eq!(inject, "kill app-1 with SIGKILL; kill app-2 with SIGKILL");
        let felt = shown(injection.felt.iter().map(ToString::to_string).collect());
        assert_eq!(
            felt,
            "app-1 has ended; app-1 cannot be reached; app-2 has ended; app-2 cannot be reached"
        );
        let heal = shown(injection.heal.iter().map(ToString::to_string).collect());
        assert_eq!(heal, "start app-1; start app-2");
        let healed = shown(injection.healed.iter().map(ToString::to_string).collect());
        assert_eq!(healed, "app-1 runs; app-1 is ready; app-2 runs; app-2 is ready");
    }
}
