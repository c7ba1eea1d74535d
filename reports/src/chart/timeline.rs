//! The timeline of a scenario: all its targets over the same time, with second 0 where the fault
//! was felt.

use chaos_scenarios::plan::RunKind;
use serde::Serialize;

use super::STYLES;
use super::axis::Axis;
use super::figure::Figure;
use super::lane::{Bar, BarKind, Lane, Mark, PhaseStretch};
use super::panel::{Line, Panel};
use super::sampling::{Samples, Steps};
use crate::judge::Verdict;
use crate::judge::report::RunReport;
use crate::record::Moment;
use crate::record::event::Phase;
use crate::record::run_record::RunRecord;

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
        .map(|run| Samples::take(run.record(), &class, steps, run.zero, run.from))
        .collect();
    let figure = Figure {
        description: description(scenario, &placed, &class),
        zero: zero_text(&placed).to_owned(),
        steps: usize::try_from(steps.count).unwrap_or(0),
        lanes: placed.iter().map(|run| lane(run, &time)).collect(),
        panels: panels(&placed, &samples, &class, steps.seconds()),
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
    let window = record.windows.values().flatten().map(crate::record::window::Window::end).max();
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

fn lane(run: &Placed, time: &Axis) -> Lane {
    let share = |at: Moment| time.share(run.seconds(at));
    let phase = |span: &crate::record::run_record::PhaseSpan| PhaseStretch {
        name: span.phase.name(),
        from: share(span.start),
        to: share(span.end.unwrap_or(run.record().last)),
    };
    let shown = |span: &&crate::record::run_record::PhaseSpan| {
        span.phase > Phase::WarmUp && run.seconds(span.start) < time.high()
    };
    Lane {
        style: run.style,
        name: run.name.clone(),
        note: note(run),
        phases: run.record().phases.iter().filter(shown).map(phase).collect(),
        bars: bars(run, &share),
        marks: marks(run, &share),
    }
}

fn note(run: &Placed) -> String {
    let control = run.run.plan.kind == RunKind::Control;
    match (control, run.run.judgement.verdict) {
        (true, _) => "control, no fault".to_owned(),
        (false, Verdict::Held) => String::new(),
        (false, verdict) => verdict.name().to_owned(),
    }
}

fn bars(run: &Placed, share: &dyn Fn(Moment) -> f64) -> Vec<Bar> {
    let marks = &run.run.judgement.marks;
    let end = last(run.record());
    let mut bars = Vec::new();
    if let Some(felt) = marks.felt {
        let healed = marks.healed.unwrap_or(end);
        bars.push(Bar {
            kind: BarKind::Fault,
            from: share(felt),
            to: share(healed),
            text: format!("fault: {:.1} s", healed.seconds_since(felt)),
        });
    }
    let served = marks.impact.map(|impact| (impact, marks.recovered.unwrap_or(end)));
    if let Some((impact, recovered)) = served {
        bars.push(Bar {
            kind: BarKind::Impact,
            from: share(impact),
            to: share(recovered),
            text: format!("users felt it: {:.1} s", recovered.seconds_since(impact)),
        });
    }
    let idle = served.map(|(_, recovered)| recovered).or(marks.felt);
    if let (Some(from), Some(to)) = (idle, marks.recovered_fully)
        && to > from
    {
        bars.push(Bar {
            kind: BarKind::Backlog,
            from: share(from),
            to: share(to),
            text: format!("work was left over: {:.1} s", to.seconds_since(from)),
        });
    }
    bars
}

fn marks(run: &Placed, share: &dyn Fn(Moment) -> f64) -> Vec<Mark> {
    let marks = &run.run.judgement.marks;
    let mark = |at: Option<Moment>, sign, word: &str| {
        let at = at?;
        let text = format!("{word} {:.1} s", run.seconds(at));
        Some(Mark { at: share(at), sign, text })
    };
    let recovered = marks.impact.and(marks.recovered);
    let fully = marks.recovered_fully.filter(|fully| Some(*fully) > recovered.or(marks.felt));
    let felt = marks.felt.map(|at| Mark { at: share(at), sign: '▼', text: "felt".to_owned() });
    let mut found: Vec<Mark> = [
        felt,
        mark(marks.healed, '▲', "healed"),
        mark(recovered, '●', "recovered"),
        mark(fully, '◆', "all work done"),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.sort_by(|one, other| one.at.total_cmp(&other.at));
    found
}

fn panels(placed: &[Placed], samples: &[Samples], class: &str, step: f64) -> Vec<Panel> {
    let mut panels = vec![rates(placed, samples, class, step)];
    let axis = latency_axis(samples);
    for (run, samples) in placed.iter().zip(samples) {
        panels.push(latencies(run, samples, axis.clone()));
    }
    if samples.iter().any(|run| run.pending.iter().any(Option::is_some)) {
        panels.push(pending(placed, samples));
    }
    panels
}

fn rates(placed: &[Placed], samples: &[Samples], class: &str, step: f64) -> Panel {
    let per_second = |values: &[Option<u64>]| -> Vec<Option<f64>> {
        values.iter().map(|value| value.map(|count| count as f64 / step)).collect()
    };
    let line =
        |style, role, values| Line { style, role, values: per_second(values), filled: false };
    let due = placed.iter().zip(samples).map(|(run, of)| line(run.style, "due", &of.due));
    let good = placed.iter().zip(samples).map(|(run, of)| line(run.style, "good", &of.good));
    let lines: Vec<Line> = due.chain(good).collect();
    let highest = lines.iter().flat_map(|line| line.values.iter().flatten()).copied();
    let highest = highest.fold(0.0, f64::max);
    Panel {
        title: format!("Good requests of class {class} per second"),
        key: vec![("due", "due"), ("good", "good")],
        key_style: placed.first().map_or(0, |run| run.style),
        height: 190,
        axis: Axis::from_zero(highest * 1.05, 4),
        tick_text: |value| value.to_string(),
        lines,
    }
}

fn latency_axis(samples: &[Samples]) -> Axis {
    let all = |column: fn(&Samples) -> &Vec<Option<u64>>| {
        samples.iter().flat_map(move |of| column(of).iter().flatten().copied())
    };
    let low = all(|of| &of.p50).min().unwrap_or(1_000);
    let high = all(|of| &of.p99).max().unwrap_or(1_000_000);
    Axis::decades(low.max(100) as f64, high.max(1_000) as f64)
}

fn latencies(run: &Placed, samples: &Samples, axis: Axis) -> Panel {
    let line = |role, values: &[Option<u64>]| Line {
        style: run.style,
        role,
        values: values.iter().map(|value| value.map(|micros| micros as f64)).collect(),
        filled: false,
    };
    Panel {
        title: format!("Response time of {}", run.name),
        key: vec![("p50", "p50"), ("p95", "p95"), ("p99", "p99")],
        key_style: run.style,
        height: 110,
        axis,
        tick_text: |micros| match micros {
            _ if micros >= 1e6 => format!("{} s", micros / 1e6),
            _ if micros >= 1e3 => format!("{} ms", micros / 1e3),
            _ => format!("{} µs", micros.round()),
        },
        lines: vec![
            line("p99", &samples.p99),
            line("p95", &samples.p95),
            line("p50", &samples.p50),
        ],
    }
}

fn pending(placed: &[Placed], samples: &[Samples]) -> Panel {
    let line = |(run, of): (&Placed, &Samples)| Line {
        style: run.style,
        role: "pending",
        values: of.pending.iter().map(|value| value.map(|count| count as f64)).collect(),
        filled: true,
    };
    let highest = samples.iter().flat_map(|of| of.pending.iter().flatten()).max();
    Panel {
        title: "Pending work: orders, messages and steps not yet done".to_owned(),
        key: Vec::new(),
        key_style: 0,
        height: 110,
        axis: Axis::from_zero(highest.copied().unwrap_or(0).max(4) as f64, 3),
        tick_text: |value| value.to_string(),
        lines: placed.iter().zip(samples).map(line).collect(),
    }
}

fn data(placed: &[Placed], samples: Vec<Samples>, steps: Steps) -> TimelineData {
    let run = |(run, of): (&Placed, Samples)| {
        let shown = run.record().phases.iter().filter(|span| span.phase > Phase::WarmUp);
        RunData {
            name: run.name.clone(),
            due: of.due,
            good: of.good,
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
