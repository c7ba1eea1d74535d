//! The timeline of a scenario: all its targets over the same time, with second 0 where the fault
//! was felt.

mod lanes;
mod plots;

use serde::Serialize;

use super::STYLES;
use super::axis::Axis;
use super::figure::Figure;
use super::sampling::{Samples, Steps};
use crate::judge::report::RunReport;
use crate::record::Moment;
use crate::record::event::Phase;
use crate::record::run_record::RunRecord;
use crate::record::window::Window;

/// The class that charts show when a plan names none.
const USUAL_CLASS: &str = "order";

/// A scenario's figure and the numbers behind it.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The drawing.
    pub figure: Figure,
    /// What a pointer shows.
    pub data: TimelineData,
}

/// The numbers of a figure for the page's script.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimelineData {
    /// Beginning of the first step, seconds.
    pub start: f64,
    /// Length of a step, seconds.
    pub step: f64,
    /// Low and high end of the time axis, seconds.
    pub range: (f64, f64),
    /// One entry per run, in the order of the lanes.
    pub runs: Vec<RunData>,
}

/// The numbers of one run: per step, with gaps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunData {
    /// Target and mode.
    pub name: String,
    /// Requests due.
    pub due: Vec<Option<u64>>,
    /// Good requests.
    pub good: Vec<Option<u64>>,
    /// Orders completed, per second.
    pub completed: Vec<Option<f64>>,
    /// Median response time, microseconds.
    pub p50: Vec<Option<u64>>,
    /// 95th percentile, microseconds.
    pub p95: Vec<Option<u64>>,
    /// 99th percentile, microseconds.
    pub p99: Vec<Option<u64>>,
    /// Pending work.
    pub pending: Vec<Option<u64>>,
    /// Beginning (seconds) and name of each phase.
    pub phases: Vec<(f64, &'static str)>,
}

/// A run with the place of its second 0.
struct Placed<'a> {
    run: &'a RunReport,
    name: String,
    style: usize,
    zero: Moment,
    from: Moment,
}

impl Placed<'_> {
    fn seconds(&self, at: Moment) -> f64 {
        at.seconds_since(self.zero)
    }

    fn record(&self) -> &RunRecord {
        &self.run.record
    }
}

/// Draws runs of one scenario; none if no run was under load.
pub fn timeline(scenario: &str, runs: &[(String, &RunReport)]) -> Option<Timeline> {
    let placed = place(runs);
    let class = runs.first().map_or(USUAL_CLASS, |(_, run)| class_of(run)).to_owned();
    let (from, to) = extent(&placed)?;
    let steps = Steps::over(from, to, rate(&placed, &class));
    let time = Axis::exact(steps.start(), steps.end(), 9);
    let samples: Vec<Samples> = placed
        .iter()
        .map(|run| {
            let samples = Samples::take(run.record(), &class, steps, run.zero, run.from);
            let completed = &run.run.judgement.completions;
            samples.with_completions(completed, steps, run.zero, (run.from, last(run.record())))
        })
        .collect();
    let figure = Figure {
        description: description(scenario, &placed, &class),
        zero: zero_text(&placed).to_owned(),
        steps: usize::try_from(steps.count).unwrap_or(0),
        lanes: placed.iter().map(|run| lanes::lane(run, &time)).collect(),
        panels: plots::panels(&placed, &samples, &class, steps.seconds()),
        faults: faults(&placed),
        rules: rules(&placed),
        time,
    };
    Some(Timeline { figure, data: data(&placed, samples, steps) })
}

fn class_of(run: &RunReport) -> &str {
    run.record.plan().map_or(USUAL_CLASS, |plan| plan.load.workload.headline.as_str())
}

/// Second 0 is where the fault was felt; a control stands beside the faulted run as if it had been
/// struck as long after the start of its test phase, and controls alone count from their baseline.
fn place<'a>(runs: &'a [(String, &'a RunReport)]) -> Vec<Placed<'a>> {
    let offset = runs.iter().find_map(|(_, run)| {
        let test = run.record.phase(Phase::Test)?.start;
        Some(run.judgement.marks.felt?.0.saturating_sub(test.0))
    });
    let loaded = runs.iter().filter(|(_, run)| run.record.windows.values().any(|w| !w.is_empty()));
    let place = |(number, (name, run)): (usize, &'a (String, &'a RunReport))| {
        let start = |phase| run.record.phase(phase).map(|span| span.start);
        let from = start(Phase::Baseline).or(run.record.load_started).unwrap_or_default();
        let beside = offset.and_then(|offset| Some(start(Phase::Test)?.plus(offset)));
        let zero = run.judgement.marks.felt.or(beside).unwrap_or(from);
        Placed { run, name: name.clone(), style: number % STYLES, zero, from }
    };
    loaded.enumerate().map(place).collect()
}

/// From the first baseline to the last moment at which anything was watched.
fn extent(placed: &[Placed]) -> Option<(f64, f64)> {
    let from = placed.iter().map(|run| run.seconds(run.from)).reduce(f64::min)?;
    let to = placed.iter().map(|run| run.seconds(last(run.record()))).reduce(f64::max)?;
    Some((from.min(0.0), to.max(0.0)))
}

fn last(record: &RunRecord) -> Moment {
    let window = record.windows.values().flatten().map(Window::end).max();
    let drained = record.phase(Phase::Drain).and_then(|span| span.end);
    window.max(drained).unwrap_or(record.last)
}

/// Requests of a class per second, on average over the first run's windows.
fn rate(placed: &[Placed], class: &str) -> f64 {
    let windows = placed.first().and_then(|run| run.record().windows.get(class));
    let windows = windows.map_or(&[][..], Vec::as_slice);
    let due: u64 = windows.iter().map(|window| u64::from(window.due)).sum();
    due as f64 * 10.0 / windows.len().max(1) as f64
}

fn zero_text(placed: &[Placed]) -> &'static str {
    if placed.iter().any(|run| run.run.judgement.marks.felt.is_some()) {
        "seconds since the fault was felt"
    } else {
        "seconds since the baseline began"
    }
}

fn description(scenario: &str, placed: &[Placed], class: &str) -> String {
    let names: Vec<&str> = placed.iter().map(|run| run.name.as_str()).collect();
    format!(
        "Timeline of {scenario} for {}: good requests of class {class} per second, response times \
         and pending work. The tables below hold the numbers.",
        names.join(", ")
    )
}

fn faults(placed: &[Placed]) -> Vec<(f64, f64)> {
    let felt = |run: &Placed| run.run.judgement.marks.felt.map(|felt| run.seconds(felt));
    let healed = |run: &Placed| {
        let marks = &run.run.judgement.marks;
        marks.felt.map(|_| run.seconds(marks.healed.unwrap_or(last(run.record()))))
    };
    let from = placed.iter().filter_map(felt).reduce(f64::min);
    let to = placed.iter().filter_map(healed).reduce(f64::max);
    from.zip(to).into_iter().collect()
}

fn rules(placed: &[Placed]) -> Vec<f64> {
    let mut rules: Vec<f64> =
        faults(placed).into_iter().flat_map(|(from, to)| [from, to]).collect();
    for run in placed.iter().filter(|run| run.run.judgement.marks.impact.is_some()) {
        rules.extend(run.run.judgement.marks.recovered.map(|at| run.seconds(at)));
    }
    rules
}

fn data(placed: &[Placed], samples: Vec<Samples>, steps: Steps) -> TimelineData {
    let run = |(run, of): (&Placed, Samples)| {
        let shown = run.record().phases.iter().filter(|span| span.phase > Phase::WarmUp);
        RunData {
            name: run.name.clone(),
            due: of.due,
            good: of.good,
            completed: of.completed,
            p50: of.p50.into_iter().map(three_digits).collect(),
            p95: of.p95.into_iter().map(three_digits).collect(),
            p99: of.p99.into_iter().map(three_digits).collect(),
            pending: of.pending,
            phases: shown.map(|span| (run.seconds(span.start), span.phase.name())).collect(),
        }
    };
    TimelineData {
        start: steps.start(),
        step: steps.seconds(),
        range: (steps.start(), steps.end()),
        runs: placed.iter().zip(samples).map(run).collect(),
    }
}

/// Three digits are as much as the histograms hold, and half the size of the page's numbers.
fn three_digits(value: Option<u64>) -> Option<u64> {
    let value = value?;
    let digits = value.checked_ilog10().map_or(0, |last| last.saturating_sub(2));
    let unit = 10_u64.pow(digits);
    Some((value + unit / 2) / unit * unit)
}
