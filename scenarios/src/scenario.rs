//! A scenario as its file says it: what must hold before, what is done when, and what is expected of
//! each target. Nothing is resolved here; see [`Plan`](crate::plan::Plan) for that.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::expectation::Expectation;
use crate::fault::Fault;
use crate::plan::Need;
use crate::plan::profile::Profile;
use crate::quantity::{Rate, Span};
use crate::selector::Selector;
use crate::text::{Diagnostics, Positions};
use crate::workload::Arrival;

mod decode;
mod method;

pub use decode::decode;

/// The readers of the mappings of a file, whose keys a schema is made of.
pub(crate) mod readers {
    pub(crate) use super::decode::{anonymous as scenario, hypothesis, load};
    pub(crate) use super::method::{
        MOST_PULSES, MOST_STEPS, any_analogue as analogue, first as step, pulse,
    };
}

/// The mode of a target that is meant where none is said.
pub const DEFAULT_MODE: &str = "hardened";
/// The name that stands for every target without a block of its own.
pub const DEFAULT_BLOCK: &str = "default";
/// No fault lasts longer.
pub const FAULT_LIMIT: Span = Span::seconds(600);
/// No timeline ends later: long enough for an hour of faults that come and go.
pub const TIMELINE_LIMIT: Span = Span::seconds(7200);

/// How long a fault lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Length {
    /// As long as the profile says.
    OfProfile,
    /// The same in every profile.
    Always(Span),
    /// By name of the profile; as long as the profile says where it is not named.
    PerProfile(BTreeMap<String, Span>),
}

impl Length {
    /// The length under a profile.
    pub fn under(&self, profile: Profile) -> Span {
        match self {
            Self::OfProfile => profile.lengths().fault,
            Self::Always(span) => *span,
            Self::PerProfile(spans) => {
                spans.get(profile.name()).copied().unwrap_or(profile.lengths().fault)
            }
        }
    }
}

/// What it means that a target has no such component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnMissing {
    /// The scenario is wrong for this target.
    #[default]
    Error,
    /// The scenario does not apply to this target.
    NotApplicable,
}

/// When a step of the method begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Begin {
    /// Offset from the start of the test phase.
    At(Span),
    /// Once the fault of an earlier step is undone and its components are ready again.
    After {
        /// Index of the earlier step.
        step: usize,
        /// Time after that.
        plus: Span,
    },
}

/// A fault that comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    /// How long each fault lasts.
    pub off: Span,
    /// Time between ready components and the next fault.
    pub on: Span,
    /// How many faults there are, at least 2.
    pub times: u32,
}

/// Who plays the same part in another target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analogue {
    /// The replicas that the fault acts on there.
    pub selector: Selector,
    /// For a fault of the network: who is at the other end there, if it is not who the fault says.
    pub to: Option<Selector>,
}

/// One fault of the method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// When it begins.
    pub begin: Begin,
    /// How long it lasts; a pulse has lengths of its own.
    pub length: Length,
    /// For a fault that comes and goes: its rhythm.
    pub pulse: Option<Pulse>,
    /// What is done.
    pub fault: Fault,
    /// What it means that the target has no such component.
    pub on_missing: OnMissing,
    /// By name of the target: other replicas, which play the same part there.
    pub analogue: BTreeMap<String, Analogue>,
}

/// What must hold before anything is injected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// In words.
    pub title: String,
    /// In numbers.
    pub probes: Vec<Expectation>,
}

/// From `at` on, arrivals come at `rate`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RateChange {
    /// Offset from the start of the test phase.
    pub at: Span,
    /// Arrivals per second.
    pub rate: Rate,
}

/// The load that a scenario asks for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Load {
    /// Arrivals per second at the start, if not the usual ones.
    pub rate: Option<Rate>,
    /// How arrivals follow each other, if not as usual.
    pub arrival: Option<Arrival>,
    /// Changes of the rate, sorted by time.
    pub stages: Vec<RateChange>,
}

/// A scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Name of its file without folder and ending.
    pub name: String,
    /// One line that says what happens.
    pub title: String,
    /// Names of the claims that it puts to the test.
    pub claims: Vec<String>,
    /// Words to choose it by.
    pub tags: Vec<String>,
    /// What must hold before anything is injected.
    pub hypothesis: Hypothesis,
    /// The faults; none for a control.
    pub method: Vec<Step>,
    /// What is expected: by `target`, `target@mode` or `default`.
    pub expect: BTreeMap<String, Vec<Expectation>>,
    /// What ends a run early.
    pub stop_conditions: Vec<Expectation>,
    /// The load, where it is not the usual one.
    pub load: Load,
    /// What must be the case at the moment of an injection.
    pub needs: Vec<Need>,
    /// What the scenario is repeated for, each in a run of its own.
    pub for_each: Option<ForEach>,
}

/// What a scenario is repeated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForEach {
    /// Every component of a target; under the quick profile, the first of each role.
    Component,
}

impl Step {
    /// The fault as it is put to a target: its edges are those of the analogue there.
    pub fn fault_on(&self, target: &str) -> Cow<'_, Fault> {
        let Some(analogue) = self.analogue.get(target) else { return Cow::Borrowed(&self.fault) };
        let mut fault = self.fault.clone();
        if let Some(traffic) = fault.traffic_mut() {
            traffic.selector = analogue.selector.clone();
            traffic.to = analogue.to.clone().or_else(|| traffic.to.take());
        }
        Cow::Owned(fault)
    }

    /// How long all of it takes if nothing takes time but its faults.
    pub fn span(&self, profile: Profile) -> Span {
        match (self.pulse, self.fault.gap()) {
            (Some(Pulse { off, on, times }), _) => {
                let rounds = (1..times).fold(Span::ZERO, |sum, _| sum + off + on);
                rounds + off
            }
            (None, Some(_)) => Span::ZERO,
            (None, None) => self.length.under(profile),
        }
    }
}

impl Scenario {
    /// The block of expectations for a target and mode, with its name in the file. The nearest
    /// counts: the target in this mode, the default in this mode, the default.
    pub fn expected_of(&self, target: &str, mode: &str) -> Option<(&str, &[Expectation])> {
        let plain = (mode == DEFAULT_MODE).then(|| target.to_owned());
        let names = [
            Some(format!("{target}@{mode}")),
            plain,
            Some(format!("{DEFAULT_BLOCK}@{mode}")),
            Some(DEFAULT_BLOCK.to_owned()),
        ];
        let found = names.iter().flatten().find_map(|name| self.expect.get_key_value(name));
        found.map(|(name, expected)| (name.as_str(), expected.as_slice()))
    }

    /// The modes of a target of which the scenario says what it expects, apart from the default.
    pub fn modes_of(&self, target: &str) -> Vec<&str> {
        let named = self.expect.keys().filter_map(|name| name.split_once('@'));
        let mut modes: Vec<&str> = named
            .filter(|(name, mode)| {
                (*name == target || *name == DEFAULT_BLOCK) && *mode != DEFAULT_MODE
            })
            .map(|(_, mode)| mode)
            .collect();
        modes.sort_unstable();
        modes.dedup();
        modes
    }
}

/// A scenario together with its file, so that what turns out to be wrong later can be shown there.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenarioFile {
    /// What the file says.
    pub scenario: Scenario,
    /// Name of the file.
    pub file: String,
    /// Its text.
    pub text: String,
    /// Where everything in it stands.
    pub positions: Positions,
}

impl ScenarioFile {
    /// No mistakes yet.
    pub fn diagnostics(&self) -> Diagnostics {
        Diagnostics::new(&self.file, &self.text)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong_tests;
