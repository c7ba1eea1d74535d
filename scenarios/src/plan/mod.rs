//! The plan of one run: everything resolved, sorted, drawn and bounded, before anything starts.
//! A plan is a value; printing it is `chaos plan`, comparing it is a test.

use serde::{Deserialize, Serialize};

pub mod capability;
pub mod compile;
mod conflict;
pub mod control;
mod draft;
pub mod profile;
mod render;
mod timeline;

pub use compile::{CompileError, Overrides, PlanRequest};
pub use control::control_of;
pub use render::render;

use crate::action::{Action, Injection};
use crate::expectation::Expectation;
use crate::quantity::Span;
use crate::target::Target;
use crate::workload::{Arrival, Stage, Workload};

/// How long things take: the sizes of a run's phases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Load whose results are dropped.
    pub warm_up: Span,
    /// Load that must be within the hypothesis.
    pub baseline: Span,
    /// The timeline of faults.
    pub test: Span,
    /// Load goes on at least this long after the test.
    pub horizon: Span,
    /// Recovery is waited for at most this long after the test.
    pub recovery_limit: Span,
    /// Watch for relapse after recovery.
    pub keep: Span,
    /// Pending work is waited for at most this long after the load.
    pub drain_limit: Span,
}

/// What load is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadPlan {
    /// What users do.
    pub workload: Workload,
    /// How arrivals follow each other.
    pub arrival: Arrival,
    /// Rates over time; the first begins at zero; the last lasts.
    pub stages: Vec<Stage>,
    /// Which generator: `goose` or `direct`.
    pub engine: String,
    /// Concurrent workers: highest rate × (timeout + 0.2 s), rounded up.
    pub users: u32,
}

/// A fault of the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFault {
    /// Its number in the plan, from 1.
    pub id: u32,
    /// Name of the fault, such as `kill`.
    pub name: String,
    /// One line for people: the fault and its components.
    pub title: String,
    /// Offset from the start of the test phase.
    pub at: Span,
    /// Offset of its end; none for a fault that stays.
    pub until: Option<Span>,
    /// For a fault that waits for another one: both times count from there, if that is later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// The components it acts on.
    pub components: Vec<String>,
    /// What is done, proved and undone.
    pub injection: Injection,
}

/// The fault that another one waits for, until it is undone and its components are ready again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct After {
    /// Its number in the plan, which is lower.
    pub fault: u32,
    /// Time after that.
    pub plus: Span,
}

/// What must be the case when a fault is injected, so that the run tests what it is meant to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// At least one ledgered order is in flight; the injection waits for one.
    InFlight,
}

/// Why a run is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    /// Faults are injected.
    Fault,
    /// The same load without a fault.
    Control,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the scenario.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// The system under test.
    pub target: Target,
    /// Mode of the target.
    pub mode: String,
    /// Safeguards switched off one by one.
    pub safeguards_off: Vec<String>,
    /// Defects planted in the target, for an exam of the auditor; else none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mutants: Vec<String>,
    /// Why the run is made.
    pub kind: RunKind,
    /// Which repeat it is, from 1.
    pub repeat: u32,
    /// All chance derives from it.
    pub seed: u64,
    /// Name of the profile that set the phases.
    pub profile: String,
    /// Lengths of the phases.
    pub phases: Phases,
    /// The load.
    pub load: LoadPlan,
    /// Faults, sorted by their time.
    pub timeline: Vec<PlannedFault>,
    /// What must hold before a fault.
    pub hypothesis: Vec<Expectation>,
    /// What is expected of this target and mode.
    pub expect: Vec<Expectation>,
    /// What ends the run early.
    pub stop_conditions: Vec<Expectation>,
    /// For a scenario that cannot be put to this target: why. Such a plan is not run.
    pub not_applicable: Option<String>,
    /// What must be the case at the moment of an injection.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// For a fault that this machine cannot inject: why. Such a plan is not run either, and
    /// nothing is known about the target.
    #[serde(default)]
    pub host_lacks: Option<String>,
}

impl Plan {
    /// Whether a fault is done by a program of ours inside a container.
    pub fn acts_inside(&self) -> bool {
        let actions = self.timeline.iter().flat_map(|fault| &fault.injection.inject);
        actions.into_iter().any(Action::acts_inside)
    }

    /// Whether something becomes of packets, for which a program of ours is needed in a network
    /// namespace.
    pub fn impairs(&self) -> bool {
        let faults = self.timeline.iter();
        faults.flat_map(|fault| &fault.injection.inject).any(Action::impairs)
    }

    /// Whether a fault uses the chaos switch of an application.
    pub fn uses_switch(&self) -> bool {
        let mut actions = self.timeline.iter().flat_map(|fault| &fault.injection.inject);
        actions.any(|action| matches!(action, Action::Http { .. }))
    }

    /// Images that faults put in the place of others.
    pub fn swapped_images(&self) -> impl Iterator<Item = &str> {
        let actions = self.timeline.iter().flat_map(|fault| &fault.injection.inject);
        actions.filter_map(|action| match action {
            Action::Swap { image, .. } => image.as_deref(),
            _ => None,
        })
    }
}

#[cfg(test)]
mod edge_tests;
#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod timing_tests;
