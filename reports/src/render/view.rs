//! The experiment as reports show it: scenarios in the order of their first runs, with their cells
//! and the runs of each.

use chaos_scenarios::measure::{Measure, Unit};

use super::value;
use crate::judge::report::{Cell, ExperimentReport, RunReport};
use crate::judge::{Value, Verdict};
use crate::record::Moment;

/// The mode that needs no mention.
const USUAL_MODE: &str = "hardened";

/// A scenario of the experiment.
#[derive(Debug)]
pub(super) struct ScenarioView<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its title; the name if nothing ran.
    pub(super) title: &'a str,
    /// Its cells.
    pub(super) cells: Vec<CellView<'a>>,
}

/// A cell with its runs.
#[derive(Debug)]
pub(super) struct CellView<'a> {
    /// The cell.
    pub(super) cell: &'a Cell,
    /// Target, with its mode if that is not the usual one.
    pub(super) name: String,
    /// Runs with faults, or without if the scenario has none.
    pub(super) runs: Vec<&'a RunReport>,
    /// The run without a fault that stands beside it.
    pub(super) control: Option<&'a RunReport>,
}

/// Target, with its mode if that is not the usual one.
pub(super) fn target_name(target: &str, mode: &str) -> String {
    if mode == USUAL_MODE { target.to_owned() } else { format!("{target}@{mode}") }
}

/// The scenarios of an experiment.
pub(super) fn scenarios(report: &ExperimentReport) -> Vec<ScenarioView<'_>> {
    let mut scenarios: Vec<ScenarioView> = Vec::new();
    for cell in &report.cells {
        let view = cell_view(report, cell);
        match scenarios.iter_mut().find(|scenario| scenario.name == cell.scenario) {
            Some(scenario) => scenario.cells.push(view),
            None => scenarios.push(ScenarioView {
                name: &cell.scenario,
                title: title(report, &cell.scenario),
                cells: vec![view],
            }),
        }
    }
    for scenario in &mut scenarios {
        // What was put to the test comes first; the others keep their order behind it.
        scenario.cells.sort_by_key(|view| view.cell.verdict == Verdict::NotApplicable);
    }
    scenarios
}

fn cell_view<'a>(report: &'a ExperimentReport, cell: &'a Cell) -> CellView<'a> {
    CellView {
        cell,
        name: target_name(&cell.target, &cell.mode),
        runs: cell.runs.iter().filter_map(|id| report.run(id)).collect(),
        control: cell.control.as_deref().and_then(|id| report.run(id)),
    }
}

fn title<'a>(report: &'a ExperimentReport, scenario: &'a str) -> &'a str {
    let run = report.runs.iter().find(|run| run.plan.scenario == scenario);
    run.map(|run| run.plan.title.as_str()).filter(|title| !title.is_empty()).unwrap_or(scenario)
}

impl<'a> ScenarioView<'a> {
    /// Every run, with the name of its target: those with faults first, then the controls.
    pub(super) fn runs(&self) -> Vec<(String, &'a RunReport)> {
        let faulted = self.cells.iter().flat_map(|cell| named(&cell.name, &cell.runs));
        let controls = self
            .cells
            .iter()
            .flat_map(|cell| cell.control.into_iter().map(|run| (cell.name.clone(), run)));
        faulted.chain(controls).collect()
    }

    /// The runs that a chart shows: the first of each cell and of each control.
    pub(super) fn charted(&self) -> Vec<(String, &'a RunReport)> {
        let first = |cell: &CellView<'a>| Some((cell.name.clone(), *cell.runs.first()?));
        let faulted = self.cells.iter().filter_map(first);
        let controls = self
            .cells
            .iter()
            .filter_map(|cell| Some((format!("{} (control)", cell.name), cell.control?)));
        faulted.chain(controls).collect()
    }

    /// The worst verdict of its cells.
    pub(super) fn verdict(&self) -> Verdict {
        let worst = self.cells.iter().map(|cell| cell.cell.verdict).max();
        worst.unwrap_or(Verdict::NotApplicable)
    }
}

fn named<'a>(name: &str, runs: &[&'a RunReport]) -> Vec<(String, &'a RunReport)> {
    let repeated = runs.len() > 1;
    let name = |run: &RunReport| {
        if repeated { format!("{name} #{}", run.plan.repeat) } else { name.to_owned() }
    };
    runs.iter().map(|run| (name(run), *run)).collect()
}

/// A measure over the repeats of a cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figure {
    /// One run.
    Single(Value),
    /// Several: median, lowest and highest.
    Spread {
        /// Middle value; of an even number the lower one, so that it was really observed.
        median: Value,
        /// Lowest.
        low: Value,
        /// Highest.
        high: Value,
    },
    /// Nobody asked for it.
    Unasked,
}

impl Figure {
    /// A measure of runs.
    pub(super) fn of(measure: &Measure, runs: &[&RunReport]) -> Self {
        let mut values: Vec<&Value> =
            runs.iter().filter_map(|run| run.judgement.measures.get(measure)).collect();
        match values.as_slice() {
            [] => return Self::Unasked,
            [only] => return Self::Single((*only).clone()),
            _ => {}
        }
        values.sort_by(|one, other| order(one).total_cmp(&order(other)));
        let known: Vec<&Value> =
            values.iter().copied().filter(|value| !matches!(value, Value::Absent(_))).collect();
        match (known.first(), known.last()) {
            (Some(low), Some(high)) => Self::Spread {
                median: known[(known.len() - 1) / 2].clone(),
                low: (*low).clone(),
                high: (*high).clone(),
            },
            _ => Self::Single(values[0].clone()),
        }
    }

    /// The value, or the median.
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Single(value) | Self::Spread { median: value, .. } => Some(value),
            Self::Unasked => None,
        }
    }

    /// In words: `9.40 s`, `9.40 s (8.10 s – 12.0 s)` or `—`.
    pub(super) fn text(&self, unit: Unit) -> String {
        match self {
            Self::Single(value) => value::text(value, unit),
            Self::Spread { median, low, high } if low == high => value::text(median, unit),
            Self::Spread { median, low, high } => format!(
                "{} ({} – {})",
                value::text(median, unit),
                value::text(low, unit),
                value::text(high, unit)
            ),
            Self::Unasked => "—".to_owned(),
        }
    }

    /// The number to sort by; what is not known comes last.
    pub(super) fn order(&self) -> f64 {
        self.value().map_or(f64::MAX, order)
    }
}

/// A bound comes behind a known value of the same size.
fn order(value: &Value) -> f64 {
    match value {
        Value::Exact(value) => *value,
        Value::AtLeast(value) => value.next_up(),
        Value::Absent(_) => f64::MAX,
    }
}

/// How a moment of a run reads: with its sign since the fault was felt, or since the run started.
pub(super) fn seconds_of(run: &RunReport) -> impl Fn(Moment) -> String + use<> {
    let felt = run.judgement.marks.felt;
    move |at| match felt {
        Some(felt) => {
            let seconds = at.seconds_since(felt);
            let sign = if seconds < 0.0 { '−' } else { '+' };
            format!("{sign}{:.3} s", seconds.abs())
        }
        None => at.to_string(),
    }
}

/// A wall clock in microseconds since 1970 as people read it, in UTC.
pub(super) fn clock(micros: i64) -> String {
    chrono::DateTime::from_timestamp_micros(micros).map_or_else(
        || "unknown".to_owned(),
        |time| time.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// A name as part of a file's name and of an anchor: letters, digits and `-`.
pub(super) fn slug(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(keep).collect()
}
