//! `report.json`: every figure and the full timelines, in a versioned shape that
//! `reports/schema/report.schema.json` fixes.

use std::collections::BTreeMap;

use chaos_scenarios::measure::{Measure, Unit};
use chaos_scenarios::plan::RunKind;
use serde::Serialize;

use super::value::unit_name;
use super::{Artifact, RenderError};
use crate::chart::sampling::percentile;
use crate::judge::report::{Beside, Cell, ExperimentReport, RunReport};
use crate::judge::{
    ExpectationResult, Flag, InvariantResult, Marks, OrderEvidence, Reconciliation, Value, Verdict,
};
use crate::record::event::Host;
use crate::record::run_record::PendingSample;
use crate::record::window::{WINDOW_MICROS, Window};

#[derive(Serialize)]
struct Report<'a> {
    schema_version: u32,
    seed: u64,
    experiment: Experiment<'a>,
    runs: Vec<Run<'a>>,
    cells: Vec<Field<'a>>,
    /// No claims are judged yet; readers can rely on the field.
    claims: [(); 0],
}

#[derive(Serialize)]
struct Experiment<'a> {
    id: &'a str,
    started: String,
    version: &'a str,
    command: &'a str,
    host: &'a Host,
    #[serde(flatten)]
    beside: &'a Beside,
}

#[derive(Serialize)]
struct Run<'a> {
    id: &'a str,
    scenario: &'a str,
    target: &'a str,
    mode: &'a str,
    kind: RunKind,
    repeat: u32,
    verdict: Verdict,
    flags: &'a [Flag],
    measures: BTreeMap<String, Quantity<'a>>,
    reconciliation: Option<BTreeMap<&'static str, u64>>,
    invariants: &'a [InvariantResult],
    /// The worst orders, each with all that is known of it.
    orders: &'a [OrderEvidence],
    expectations: Vec<Asked<'a>>,
    timeline: Timeline<'a>,
}

#[derive(Serialize)]
struct Quantity<'a> {
    #[serde(flatten)]
    value: &'a Value,
    unit: &'static str,
}

#[derive(Serialize)]
struct Asked<'a> {
    text: String,
    observed: Quantity<'a>,
    held: Option<bool>,
}

#[derive(Serialize)]
struct Field<'a> {
    scenario: &'a str,
    target: &'a str,
    mode: &'a str,
    verdict: Verdict,
    runs: &'a [String],
    control: Option<&'a str>,
}

/// Everything over time, in microseconds since the run started.
#[derive(Serialize)]
struct Timeline<'a> {
    step: u64,
    marks: &'a Marks,
    phases: Vec<Stretch>,
    classes: BTreeMap<&'a str, Class>,
    pending: Vec<Pending<'a>>,
    /// Orders that reached their final state, by whole second.
    completions: &'a [u64],
}

#[derive(Serialize)]
struct Stretch {
    phase: &'static str,
    start: u64,
    end: Option<u64>,
}

#[derive(Serialize)]
struct Pending<'a> {
    at: u64,
    counts: &'a BTreeMap<String, u64>,
}

/// One class in columns: the n-th value of each belongs to the window that begins at
/// `start + n × step`.
#[derive(Serialize, Default)]
struct Class {
    start: u64,
    due: Vec<u32>,
    good: Vec<u32>,
    slow: Vec<u32>,
    wrong: Vec<u32>,
    fail: Vec<u32>,
    unknown: Vec<u32>,
    not_sent: Vec<u32>,
    acknowledged: Vec<u32>,
    p50: Vec<Option<u64>>,
    p95: Vec<Option<u64>>,
    p99: Vec<Option<u64>>,
}

/// Writes `report.json`.
pub(super) fn render(report: &ExperimentReport) -> Result<Vec<Artifact>, RenderError> {
    let header = &report.header;
    let document = Report {
        schema_version: report.schema_version,
        seed: header.seed,
        experiment: Experiment {
            id: &header.experiment,
            started: started(header.started),
            version: &header.version,
            command: &header.command,
            host: &header.host,
            beside: &report.beside,
        },
        runs: report.runs.iter().map(run).collect(),
        cells: report.cells.iter().map(field).collect(),
        claims: [],
    };
    let mut bytes = serde_json::to_vec(&document)?;
    bytes.push(b'\n');
    Ok(vec![Artifact { path: "report.json".to_owned(), bytes }])
}

fn started(micros: i64) -> String {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default();
    time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

fn run(run: &RunReport) -> Run<'_> {
    let judgement = &run.judgement;
    Run {
        id: &run.id,
        scenario: &run.plan.scenario,
        target: &run.plan.target,
        mode: &run.plan.mode,
        kind: run.plan.kind,
        repeat: run.plan.repeat,
        verdict: judgement.verdict,
        flags: &judgement.flags,
        measures: judgement.measures.iter().map(measure).collect(),
        reconciliation: judgement.reconciliation.as_ref().map(reconciliation),
        invariants: &judgement.invariants,
        orders: &judgement.orders,
        expectations: judgement.expectations.iter().map(asked).collect(),
        timeline: timeline(run),
    }
}

fn quantity(value: &Value, unit: Unit) -> Quantity<'_> {
    Quantity { value, unit: unit_name(unit) }
}

fn measure<'a>((measure, value): (&Measure, &'a Value)) -> (String, Quantity<'a>) {
    (measure.to_string(), quantity(value, measure.unit()))
}

fn reconciliation(found: &Reconciliation) -> BTreeMap<&'static str, u64> {
    let fates = found.fates.iter().map(|(fate, orders)| (fate.name(), *orders));
    fates.chain([("sent", found.sent)]).collect()
}

fn asked(result: &ExpectationResult) -> Asked<'_> {
    Asked {
        text: result.expectation.to_string(),
        observed: quantity(&result.observed, result.expectation.measure.unit()),
        held: result.held,
    }
}

fn field(cell: &Cell) -> Field<'_> {
    Field {
        scenario: &cell.scenario,
        target: &cell.target,
        mode: &cell.mode,
        verdict: cell.verdict,
        runs: &cell.runs,
        control: cell.control.as_deref(),
    }
}

fn timeline(run: &RunReport) -> Timeline<'_> {
    let phase = |span: &crate::record::run_record::PhaseSpan| Stretch {
        phase: span.phase.name(),
        start: span.start.0,
        end: span.end.map(|end| end.0),
    };
    Timeline {
        step: WINDOW_MICROS,
        marks: &run.judgement.marks,
        phases: run.record.phases.iter().map(phase).collect(),
        classes: run.record.windows.iter().map(|(name, of)| (name.as_str(), class(of))).collect(),
        pending: run.record.pending.iter().map(pending).collect(),
        completions: &run.judgement.completions,
    }
}

fn pending(sample: &PendingSample) -> Pending<'_> {
    Pending { at: sample.at.0, counts: &sample.counts }
}

/// Windows come ascending; one that is missing had no arrivals and counts as empty.
fn class(windows: &[Window]) -> Class {
    let first = windows.first().map_or(0, |window| window.index);
    let mut class = Class { start: first * WINDOW_MICROS, ..Class::default() };
    let mut next = first;
    for window in windows {
        let empty = Window::default();
        for _ in next..window.index {
            class.push(&empty);
        }
        class.push(window);
        next = window.index + 1;
    }
    class
}

impl Class {
    fn push(&mut self, window: &Window) {
        self.due.push(window.due);
        self.good.push(window.good);
        self.slow.push(window.slow);
        self.wrong.push(window.wrong);
        self.fail.push(window.fail);
        self.unknown.push(window.unknown);
        self.not_sent.push(window.not_sent);
        self.acknowledged.push(window.acknowledged);
        let latencies: BTreeMap<u64, u64> = window.latencies.iter().copied().collect();
        self.p50.push(percentile(&latencies, 0.50));
        self.p95.push(percentile(&latencies, 0.95));
        self.p99.push(percentile(&latencies, 0.99));
    }
}
