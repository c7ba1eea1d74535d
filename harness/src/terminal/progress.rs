//! What is going on in a run, for a person (a bar per phase, with what users feel right now) or for
//! a pipe (a line per phase). Everything shown is read from the fold of the journal.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::time::Duration;

use chaos_reports::record::Moment;
use chaos_reports::record::event::Phase;
use chaos_reports::record::run_record::{FaultRecord, RunRecord};
use chaos_scenarios::plan::Phases;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::recorder::Recorder;

/// How often the view is drawn.
const PERIOD: Duration = Duration::from_millis(100);
/// Windows that the live figures look back on: one second.
const LIVE_WINDOWS: usize = 10;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Silent,
    /// A line per phase and per fault.
    Lines,
    /// A bar per phase.
    Bars,
}

impl Style {
    /// What fits where standard error goes.
    pub fn detect(quiet: bool) -> Self {
        match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Self::Silent,
            (false, true) => Self::Bars,
            (false, false) => Self::Lines,
        }
    }
}

/// Shows a run until it has ended.
pub async fn follow(recorder: Recorder, title: String, style: Style) {
    if style == Style::Silent {
        return;
    }
    let mut teller = Teller::new(title, style);
    loop {
        let now = recorder.now();
        let ended = recorder.read(|record| {
            teller.look(record, now);
            record.ending.is_some()
        });
        if ended {
            return teller.finish();
        }
        tokio::time::sleep(PERIOD).await;
    }
}

struct Teller {
    title: String,
    bar: Option<ProgressBar>,
    told_phases: usize,
    /// By number of the fault: several may have one title.
    told_faults: HashSet<(u32, String)>,
}

impl Teller {
    fn new(title: String, style: Style) -> Self {
        let bar = (style == Style::Bars).then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_prefix(title.clone());
            bar
        });
        Self { title, bar, told_phases: 0, told_faults: HashSet::new() }
    }

    fn look(&mut self, record: &RunRecord, now: Moment) {
        self.tell_phases(record);
        self.tell_faults(record);
        if let Some(bar) = &self.bar {
            draw(bar, record, now);
        }
    }

    fn tell_phases(&mut self, record: &RunRecord) {
        for span in record.phases.iter().skip(self.told_phases) {
            self.line(span.start, span.phase.name());
        }
        self.told_phases = record.phases.len();
    }

    fn tell_faults(&mut self, record: &RunRecord) {
        for (at, fault, text) in fault_news(record) {
            if self.told_faults.insert((fault, text.clone())) {
                self.line(at, &text);
            }
        }
    }

    fn line(&self, at: Moment, text: &str) {
        let line = format!("{:>8.1}s  {}  {text}", at.seconds(), self.title);
        match &self.bar {
            Some(bar) => bar.suspend(|| super::tell(&line)),
            None => super::tell(&line),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What is known of all faults in the order in which it happened, with their numbers.
fn fault_news(record: &RunRecord) -> Vec<(Moment, u32, String)> {
    let news = |fault: &FaultRecord| {
        let title = record.planned_fault(fault.id).map_or("fault", |planned| &planned.title);
        let id = fault.id;
        news_of(fault, title).into_iter().map(move |(at, text)| (at, id, text))
    };
    let mut all: Vec<_> = record.faults.values().flat_map(news).collect();
    all.sort_by_key(|(at, ..)| *at);
    all
}

fn news_of(fault: &FaultRecord, title: &str) -> Vec<(Moment, String)> {
    let felt = fault.felt.map(|at| (at, format!("{title}: felt")));
    let not_felt = fault.not_felt.as_ref().zip(fault.injected);
    let not_felt = not_felt.map(|(reason, at)| (at, format!("{title}: not felt, {reason}")));
    let healed = fault.healed.map(|at| (at, format!("{title}: undone")));
    let failed = fault.heal_failed.as_ref().zip(fault.healing);
    let failed = failed.map(|(reason, at)| (at, format!("{title}: not undone, {reason}")));
    let ready = fault.ready.map(|at| (at, format!("{title}: ready again")));
    [felt, not_felt, healed, failed, ready].into_iter().flatten().collect()
}

fn draw(bar: &ProgressBar, record: &RunRecord, now: Moment) {
    let Some(span) = record.phases.last() else { return };
    let elapsed = now.0.saturating_sub(span.start.0) / 1000;
    let expected = record.plan().and_then(|plan| expected_millis(span.phase, &plan.phases));
    let template = match expected {
        Some(_) => "{prefix:.bold}  {wide_bar:.cyan/dim}  {msg}",
        None => "{prefix:.bold}  {spinner:.cyan}  {wide_msg}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.set_length(expected.unwrap_or(0).max(1));
    bar.set_position(elapsed.min(expected.unwrap_or(0)));
    bar.set_message(format!("{}  {}", span.phase.name(), live(record)));
    bar.tick();
}

fn expected_millis(phase: Phase, phases: &Phases) -> Option<u64> {
    let span = match phase {
        Phase::WarmUp => phases.warm_up,
        Phase::Baseline => phases.baseline,
        Phase::Test => phases.test,
        Phase::Recovery => phases.horizon,
        Phase::Keep => phases.keep,
        _ => return None,
    };
    Some(span.micros() / 1000)
}

/// Share of good requests and 95th percentile of the class that headlines compare, last second.
fn live(record: &RunRecord) -> String {
    let headline = record.plan().map_or("", |plan| plan.load.workload.headline.as_str());
    let Some(windows) = record.windows.get(headline) else { return String::new() };
    let recent = &windows[windows.len().saturating_sub(LIVE_WINDOWS)..];
    let due: u32 = recent.iter().map(|window| window.due).sum();
    let good: u32 = recent.iter().map(|window| window.good).sum();
    if due == 0 || record.load_ended.is_some() {
        return String::new();
    }
    let mut latencies: Vec<(u64, u64)> =
        recent.iter().flat_map(|window| window.latencies.iter().copied()).collect();
    latencies.sort_unstable();
    let share = 100.0 * f64::from(good) / f64::from(due);
    format!("good {share:.1} %  p95 {:.0} ms", quantile(&latencies, 0.95) as f64 / 1e3)
}

fn quantile(sorted: &[(u64, u64)], share: f64) -> u64 {
    let total: u64 = sorted.iter().map(|(_, count)| count).sum();
    let mut seen = 0;
    for (value, count) in sorted {
        seen += count;
        if seen as f64 >= share * total as f64 {
            return *value;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_faults_come_in_their_order_whatever_the_faults_are_called() {
        let at = |seconds: u64| Some(Moment(seconds * 1_000_000));
        let first = FaultRecord { id: 1, felt: at(1), healed: at(4), ..FaultRecord::default() };
        let why = Some("the daemon refused".to_owned());
        let second = FaultRecord { id: 2, felt: at(2), healing: at(3), ..FaultRecord::default() };
        let second = FaultRecord { heal_failed: why, ..second };
        let mut record = RunRecord::default();
        record.faults.extend([(1, first), (2, second)]);
        let told: Vec<String> = fault_news(&record)
            .into_iter()
            .map(|(at, fault, text)| format!("{:.0}s {fault} {text}", at.seconds()))
            .collect();
        assert_eq!(
            told,
            [
                "1s 1 fault: felt",
                "2s 2 fault: felt",
                "3s 2 fault: not undone, the daemon refused",
                "4s 1 fault: undone",
            ]
        );
    }
}
