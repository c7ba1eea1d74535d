//! What a fault acts on: the chosen replicas, and what the target file says of them. Faults share
//! here how their lists are made.

use crate::action::{Action, Check, Hog, Injection, Replica};
use crate::quantity::Span;
use crate::target::{Component, Target};

/// Time that a process has to end where nobody says it, as Docker has it.
const USUAL_GRACE: Span = Span::seconds(10);

/// The replicas that a fault acts on.
#[derive(Debug, Clone, Copy)]
pub struct Victims<'a> {
    /// The system under test.
    pub target: &'a Target,
    /// The chosen replicas; none only for a fault of the load.
    pub replicas: &'a [Replica],
    /// All chance derives from it.
    pub seed: u64,
}

impl Victims<'_> {
    /// The component of a chosen replica.
    pub(super) fn component(&self, replica: &Replica) -> &Component {
        let component = self.target.component(&replica.component);
        component.expect("replicas are chosen from the components of the target")
    }

    /// The time that a replica has to end: as asked, as its file says, or the usual.
    pub(super) fn grace(&self, replica: &Replica, asked: Option<Span>) -> Span {
        asked.or(self.component(replica).stop_grace_period).unwrap_or(USUAL_GRACE)
    }

    /// One action for every replica.
    pub(super) fn act(&self, action: impl Fn(Replica) -> Action) -> Vec<Action> {
        self.replicas.iter().cloned().map(action).collect()
    }

    /// Some checks for every replica.
    pub(super) fn look<const COUNT: usize>(
        &self,
        checks: impl Fn(Replica) -> [Check; COUNT],
    ) -> Vec<Check> {
        self.replicas.iter().cloned().flat_map(checks).collect()
    }

    /// The undo of whatever ended a main process: it is started where it does not run.
    pub(super) fn start(&self) -> Vec<Action> {
        self.act(|replica| Action::Start { replica })
    }

    /// The proof that every replica works.
    pub(super) fn work(&self) -> Vec<Check> {
        self.look(|replica| [Check::Running { replica: replica.clone() }, Check::Ready { replica }])
    }
}

/// Something is used up inside every replica; at the end it is given back, and one that the kernel
/// killed for it is started.
pub(super) fn hogging(victims: &Victims<'_>, hog: impl Fn(&Replica) -> Hog) -> Injection {
    let mut heal = victims.act(|replica| Action::EndHog { hog: hog(&replica), replica });
    heal.extend(victims.start());
    let mut healed = victims.look(|replica| [Check::Unhogged { hog: hog(&replica), replica }]);
    healed.extend(victims.work());
    Injection {
        inject: victims.act(|replica| Action::Hog { hog: hog(&replica), replica }),
        felt: victims.look(|replica| [Check::Hogged { hog: hog(&replica), replica }]),
        heal,
        healed,
    }
}
