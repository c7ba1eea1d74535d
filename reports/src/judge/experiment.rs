//! From the runs of an experiment to its matrix and to one exit code.

use chaos_scenarios::plan::RunKind;

use super::report::{Beside, Cell, ExperimentHeader, ExperimentReport, RunReport, SCHEMA_VERSION};
use super::{Flag, Verdict, verdict};
use crate::record::event::Ending;

impl ExperimentReport {
    /// Puts runs together to cells: scenario × target@mode, over the repeats.
    pub fn new(header: ExperimentHeader, runs: Vec<RunReport>, beside: Beside) -> Self {
        let mut cells: Vec<Cell> = Vec::new();
        for run in &runs {
            if !cells.iter().any(|cell| is_of(run, cell)) {
                cells.push(cell(run, &runs));
            }
        }
        Self { schema_version: SCHEMA_VERSION, header, runs, cells, beside }
    }
}

fn is_of(run: &RunReport, cell: &Cell) -> bool {
    run.plan.scenario == cell.scenario
        && run.plan.target == cell.target
        && run.plan.mode == cell.mode
}

/// The cell of a run. Its own runs are those with faults; a scenario without faults has only
/// controls, and they are its runs.
fn cell(first: &RunReport, runs: &[RunReport]) -> Cell {
    let mut cell = Cell {
        scenario: first.plan.scenario.clone(),
        target: first.plan.target.clone(),
        mode: first.plan.mode.clone(),
        verdict: Verdict::NotApplicable,
        flags: Vec::new(),
        runs: Vec::new(),
        control: None,
        not_applicable: None,
    };
    let (faults, controls): (Vec<&RunReport>, Vec<&RunReport>) = runs
        .iter()
        .filter(|run| is_of(run, &cell))
        .partition(|run| run.plan.kind == RunKind::Fault);
    let own = if faults.is_empty() { &controls } else { &faults };
    cell.runs = own.iter().map(|run| run.id.clone()).collect();
    if !faults.is_empty() {
        cell.control = controls.first().map(|run| run.id.clone());
    }
    cell.not_applicable = own.iter().find_map(|run| run.plan.not_applicable.clone());
    cell.verdict =
        own.iter().map(|run| run.judgement.verdict).max().unwrap_or(Verdict::NotApplicable);
    cell.flags = flags(own);
    cell
}

/// Repeats that disagree are flaky, and count as their worst.
fn flags(runs: &[&RunReport]) -> Vec<Flag> {
    let mut flags: Vec<Flag> =
        runs.iter().flat_map(|run| run.judgement.flags.iter().copied()).collect();
    if runs.windows(2).any(|pair| pair[0].judgement.verdict != pair[1].judgement.verdict) {
        flags.push(Flag::Flaky);
    }
    flags.sort_unstable();
    flags.dedup();
    flags
}

/// The exit code of an experiment, by precedence 6 > 130/143 > 3 > 5 > 1 > 4 > 0. `exit_zero` masks
/// 1, 4 and 5; `require_all` turns what this machine cannot do into 3.
pub fn exit_code(report: &ExperimentReport, exit_zero: bool, require_all: bool) -> u8 {
    let code = code(report, require_all);
    if exit_zero && matches!(code, 1 | 4 | 5) { 0 } else { code }
}

fn code(report: &ExperimentReport, require_all: bool) -> u8 {
    let any = |verdict: Verdict| report.runs.iter().any(|run| run.judgement.verdict == verdict);
    let lacking = require_all && report.runs.iter().any(host_lacks);
    match () {
        () if report.runs.iter().any(is_dirty) => 6,
        () if any(Verdict::Interrupted) => interrupted(report),
        () if any(Verdict::Error) || any(Verdict::NotSteady) || lacking => 3,
        () if any(Verdict::Aborted) => 5,
        () if any(Verdict::Deviated) => 1,
        () if any(Verdict::Inconclusive) || !is_real(report) => 4,
        () => 0,
    }
}

fn is_dirty(run: &RunReport) -> bool {
    run.judgement.flags.contains(&Flag::Dirty)
}

fn host_lacks(run: &RunReport) -> bool {
    let reasons = &run.judgement.reasons;
    run.judgement.verdict == Verdict::Inconclusive
        && reasons.iter().any(|reason| reason.starts_with(verdict::HOST))
}

fn interrupted(report: &ExperimentReport) -> u8 {
    let terminated = report.runs.iter().any(|run| {
        matches!(&run.record.ending, Some(Ending::Interrupted { signal }) if signal == "SIGTERM")
    });
    if terminated { 143 } else { 130 }
}

/// Whether anything was put to the test: a control that stands in for a scenario that does not
/// apply tests nothing.
fn is_real(report: &ExperimentReport) -> bool {
    report.cells.iter().any(|cell| cell.verdict != Verdict::NotApplicable)
}
