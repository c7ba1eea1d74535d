//! A whole experiment as data: what every report format shows, and what the exit code follows from.

use chaos_scenarios::plan::{Plan, RunKind};
use serde::{Deserialize, Serialize};

use super::{Flag, Judgement, Verdict};
use crate::record::event::Host;
use crate::record::run_record::RunRecord;

/// Version of `report.json`; it grows when a reader of an older one would misread.
pub const SCHEMA_VERSION: u32 = 1;

/// What a run was made for, without the details of its target and load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// Name of the scenario.
    pub scenario: String,
    /// Title of the scenario.
    pub title: String,
    /// Name of the target.
    pub target: String,
    /// Mode of the target.
    pub mode: String,
    /// Safeguards switched off one by one.
    pub safeguards_off: Vec<String>,
    /// Why the run was made.
    pub kind: RunKind,
    /// Which repeat it was, from 1.
    pub repeat: u32,
    /// All chance derived from it.
    pub seed: u64,
    /// Name of the profile that set the phases.
    pub profile: String,
    /// Why the scenario cannot be put to this target, if it cannot.
    pub not_applicable: Option<String>,
}

impl From<&Plan> for PlanSummary {
    fn from(plan: &Plan) -> Self {
        Self {
            scenario: plan.scenario.clone(),
            title: plan.title.clone(),
            target: plan.target.name.clone(),
            mode: plan.mode.clone(),
            safeguards_off: plan.safeguards_off.clone(),
            kind: plan.kind,
            repeat: plan.repeat,
            seed: plan.seed,
            profile: plan.profile.clone(),
            not_applicable: plan.not_applicable.clone(),
        }
    }
}

/// One run with what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// Unique in the experiment, such as `broker-down/broker@hardened/1`.
    pub id: String,
    /// What it was made for.
    pub plan: PlanSummary,
    /// What happened.
    pub record: RunRecord,
    /// What it means.
    pub judgement: Judgement,
    /// Its folder, relative to the experiment's.
    pub folder: String,
}

/// One field of the matrix scenario × target@mode, over its repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the target.
    pub target: String,
    /// Mode of the target.
    pub mode: String,
    /// The worst verdict of its runs.
    pub verdict: Verdict,
    /// What qualifies it.
    pub flags: Vec<Flag>,
    /// Ids of its runs with faults, in the order of their repeats.
    pub runs: Vec<String>,
    /// Id of the run without a fault that stands beside it, if one was made.
    pub control: Option<String>,
    /// Why the scenario cannot be put to this target, if it cannot.
    pub not_applicable: Option<String>,
}

/// What is known of an experiment apart from its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExperimentHeader {
    /// Label of the experiment's objects.
    pub experiment: String,
    /// All chance derived from it.
    pub seed: u64,
    /// Wall clock at its start, microseconds since 1970.
    pub started: i64,
    /// Version of the harness.
    pub version: String,
    /// The machine.
    pub host: Host,
    /// The command that repeats it.
    pub command: String,
}

/// A whole experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentReport {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What is known apart from the runs.
    pub header: ExperimentHeader,
    /// Runs, in the order in which they were made.
    pub runs: Vec<RunReport>,
    /// The matrix, in the order of its first runs.
    pub cells: Vec<Cell>,
    /// What else belongs to it.
    pub beside: Beside,
}

/// What of an experiment is not among its runs, so that nobody takes a part for the whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Beside {
    /// Ids of runs that were planned and not made, in their order.
    pub unmade: Vec<String>,
    /// Folders of attempts that told nothing and were made again, relative to the experiment's.
    pub set_aside: Vec<String>,
}

impl Beside {
    /// In words; none if the runs are the whole.
    pub fn told(&self) -> Option<String> {
        let unmade = match self.unmade.len() {
            0 => None,
            1 => Some("1 planned run was not made".to_owned()),
            number => Some(format!("{number} planned runs were not made")),
        };
        let set_aside = match self.set_aside.len() {
            0 => None,
            1 => Some("1 attempt told nothing and was made again".to_owned()),
            number => Some(format!("{number} attempts told nothing and were made again")),
        };
        let parts: Vec<String> = [unmade, set_aside].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl ExperimentReport {
    /// The run of an id.
    pub fn run(&self, id: &str) -> Option<&RunReport> {
        self.runs.iter().find(|run| run.id == id)
    }
}
