//! The judgement of a run: verdict, measures, reconciliation and findings, as data that every
//! report format shows.

mod expectation;
mod experiment;
#[cfg(test)]
mod experiment_tests;
mod finding;
pub mod report;
#[cfg(test)]
mod tests;
mod validity;
mod verdict;

use std::collections::BTreeMap;

use chaos_scenarios::expectation::{Expectation, show};
use chaos_scenarios::measure::{Fate, Measure, Unit};
use serde::{Deserialize, Serialize};

use crate::record::Moment;
use crate::record::final_state::SourcedRow;
use crate::record::order::OrderRecord;

pub use experiment::exit_code;
pub use finding::judge;

/// What a run says about its system. Ordered from best to worst, so that the verdict of a whole is
/// the worst of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The scenario cannot be put to this target.
    NotApplicable,
    /// Every expectation held.
    Held,
    /// It cannot be told.
    Inconclusive,
    /// A stop condition ended it.
    Aborted,
    /// The system did not do what is expected.
    Deviated,
    /// It was not healthy before the fault; nothing was injected.
    NotSteady,
    /// The harness or its environment failed.
    Error,
    /// A signal ended it.
    Interrupted,
}

impl Verdict {
    /// Every verdict, from best to worst.
    pub const ALL: [Self; 8] = [
        Self::NotApplicable,
        Self::Held,
        Self::Inconclusive,
        Self::Aborted,
        Self::Deviated,
        Self::NotSteady,
        Self::Error,
        Self::Interrupted,
    ];

    /// The name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotApplicable => "not-applicable",
            Self::Held => "held",
            Self::Inconclusive => "inconclusive",
            Self::Aborted => "aborted",
            Self::Deviated => "deviated",
            Self::NotSteady => "not-steady",
            Self::Error => "error",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What qualifies a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flag {
    /// Something could not be undone or removed.
    Dirty,
    /// Repeats disagree.
    Flaky,
}

/// The value of a measure, in the unit of the measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Known.
    #[serde(rename = "value")]
    Exact(f64),
    /// Not reached within what was watched: at least this.
    AtLeast(f64),
    /// Not known, and why.
    Absent(String),
}

impl Value {
    /// The value in a unit as a person reads it: `9.42s`, `at least 36s`, `unknown (why)`.
    pub fn show(&self, unit: Unit) -> String {
        match self {
            Self::Exact(value) => show(*value, unit),
            Self::AtLeast(limit) => format!("at least {}", show(*limit, unit)),
            Self::Absent(reason) => format!("unknown ({reason})"),
        }
    }
}

/// An expectation and what was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpectationResult {
    /// What was asked.
    pub expectation: Expectation,
    /// What was seen.
    pub observed: Value,
    /// Whether it held; none if it cannot be told.
    pub held: Option<bool>,
}

/// How many orders met each fate. The fates sum to `sent`, always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reconciliation {
    /// Ledgered operations that were due and sent.
    pub sent: u64,
    /// Orders by fate; every fate is present.
    pub fates: BTreeMap<Fate, u64>,
    /// Client's view × final state → orders: the cells of the matrix, by their names.
    pub matrix: BTreeMap<String, BTreeMap<String, u64>>,
    /// Whether effects could be judged, or just states.
    pub effects_judged: bool,
}

/// All that is known about one order whose fate is worth showing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvidence {
    /// What its client saw.
    pub order: OrderRecord,
    /// Its fate.
    pub fate: Fate,
    /// Why, in one sentence.
    pub reason: String,
    /// The rows of the audit that speak of it, by table.
    pub rows: Vec<SourcedRow>,
}

/// One invariant on the final state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvariantResult {
    /// `I1` to `I13`, or `A1` where two auditors are compared.
    pub id: String,
    /// What must be true, in words.
    pub text: String,
    /// Whether it is; none if it could not be judged.
    pub held: Option<bool>,
    /// Violations, what shows that it is kept, or the reason why it could not be judged; at most 20
    /// lines.
    pub evidence: Vec<String>,
}

/// The moments that a timeline marks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// First fault acts.
    pub felt: Option<Moment>,
    /// Last heal is effective.
    pub healed: Option<Moment>,
    /// Components ready again.
    pub ready: Option<Moment>,
    /// First bad request of the impact.
    pub impact: Option<Moment>,
    /// Users served again.
    pub recovered: Option<Moment>,
    /// Pending work and completions in band again.
    pub recovered_fully: Option<Moment>,
    /// The test interval.
    pub test_interval: Option<(Moment, Moment)>,
}

/// What a run means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What qualifies it.
    pub flags: Vec<Flag>,
    /// Why, in sentences, most important first.
    pub reasons: Vec<String>,
    /// Every measure that could be asked of this run.
    pub measures: BTreeMap<Measure, Value>,
    /// What became of the orders; none if nothing was ledgered.
    pub reconciliation: Option<Reconciliation>,
    /// Invariants on the final state.
    pub invariants: Vec<InvariantResult>,
    /// Expectations and what was seen.
    pub expectations: Vec<ExpectationResult>,
    /// The hypothesis before the fault.
    pub hypothesis: Vec<ExpectationResult>,
    /// The worst orders with their evidence; at most 50.
    pub orders: Vec<OrderEvidence>,
    /// Moments to mark.
    pub marks: Marks,
    /// Orders in flight when the fault was felt.
    pub in_flight: Option<u64>,
    /// Orders that reached their final state, by whole second since the run started.
    pub completions: Vec<u64>,
}
