//! What goes on in an experiment, for Prometheus (`--metrics`). Every figure is counted from the
//! events that the recorder writes and folds, as they come: there is no second detector.
//!
//! Labels never grow without bound: an experiment may have any number of cells, of which the latest
//! are told, and names that come from a target or a file are cut and counted.

mod figures;
mod names;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use chaos_reports::judge::Verdict;
use chaos_scenarios::plan::Plan;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::{IntCounterVec, IntGauge, Opts, Registry, TEXT_FORMAT, TextEncoder};

use super::{Page, Pages};
use crate::recorder::Observer;
use figures::Figures;

/// Where the figures are.
pub const PATH: &str = "/metrics";
/// Cells (scenario, target and mode) whose figures are told; the oldest gives way.
const CELLS: usize = 16;

/// Every figure of an experiment.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    runs: IntCounterVec,
    planned: IntGauge,
    cells: Mutex<VecDeque<(Cell, Arc<Figures>)>>,
}

/// Scenario, target and mode.
type Cell = [String; 3];

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Figures of an experiment that has not begun.
    pub fn new() -> Self {
        let registry = Registry::new();
        let runs = Opts::new("chaos_runs_total", "Runs that have ended, by verdict.");
        let runs = made(IntCounterVec::new(runs, &["verdict"]));
        Verdict::ALL.iter().for_each(|verdict| drop(runs.with_label_values(&[verdict.name()])));
        let planned = made(IntGauge::new("chaos_runs_planned", "Runs that are to be made."));
        let build = Opts::new("chaos_build_info", "The harness itself; always 1.");
        let build = build.const_label("version", env!("CARGO_PKG_VERSION"));
        let build = made(IntGauge::with_opts(build));
        build.set(1);
        made(registry.register(Box::new(runs.clone())));
        made(registry.register(Box::new(planned.clone())));
        made(registry.register(Box::new(build)));
        made(registry.register(Box::new(ProcessCollector::for_self())));
        Self { registry, runs, planned, cells: Mutex::default() }
    }

    /// Tells how many runs there will be.
    pub fn plan(&self, runs: usize) {
        self.planned.set(i64::try_from(runs).unwrap_or(i64::MAX));
    }

    /// Counts the events of a run that is about to begin. Repeats of a cell go on counting.
    pub fn observe(&self, plan: &Plan) -> Box<dyn Observer> {
        let cell = [plan.scenario.clone(), plan.target.name.clone(), plan.mode.clone()];
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, figures)) = cells.iter().find(|(known, _)| *known == cell) {
            return Box::new(Arc::clone(figures));
        }
        if cells.len() == CELLS
            && let Some((_, oldest)) = cells.pop_front()
        {
            oldest.collectors().into_iter().for_each(|it| made(self.registry.unregister(it)));
        }
        let figures = Arc::new(Figures::new(&cell));
        figures.collectors().into_iter().for_each(|it| made(self.registry.register(it)));
        cells.push_back((cell, Arc::clone(&figures)));
        Box::new(figures)
    }

    /// Counts a run that was judged.
    pub fn judged(&self, verdict: Verdict) {
        self.runs.with_label_values(&[verdict.name()]).inc();
    }

    /// Everything, in the text format of Prometheus.
    pub fn text(&self) -> String {
        let families = self.registry.gather();
        made(TextEncoder::new().encode_to_string(&families))
    }
}

impl Pages for Metrics {
    fn page(&self, path: &str) -> Option<Page> {
        (path == PATH).then(|| Page { media_type: TEXT_FORMAT, text: self.text() })
    }
}

/// The collectors of a metric, as the registry takes them.
fn boxed(collector: impl Collector + 'static) -> Box<dyn Collector> {
    Box::new(collector)
}

/// What only fails if a name, a label or a bucket of ours is malformed.
fn made<T>(result: prometheus::Result<T>) -> T {
    result.expect("names, labels and buckets are constants that the tests have registered")
}

#[cfg(test)]
mod exposition;
#[cfg(test)]
mod tests;
