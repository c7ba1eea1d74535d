//! `junit.xml`: one suite per target and mode, one case per expectation, so that a CI server shows
//! what held and what did not. All times come from the record.

use std::time::Duration;

use chaos_scenarios::plan::RunKind;
use chrono::{DateTime, FixedOffset};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{Artifact, RenderError, value};
use crate::judge::report::{Cell, ExperimentReport, RunReport};
use crate::judge::{ExpectationResult, Flag, Verdict};

/// Writes `junit.xml`.
pub(super) fn render(report: &ExperimentReport) -> Result<Vec<Artifact>, RenderError> {
    let mut document = Report::new("chaos");
    if let Some(started) = moment(report.header.started) {
        document.set_timestamp(started);
    }
    for name in suite_names(report) {
        document.add_test_suite(suite(report, &name));
    }
    Ok(vec![Artifact::text("junit.xml", document.to_string()?)])
}

fn moment(micros: i64) -> Option<DateTime<FixedOffset>> {
    DateTime::from_timestamp_micros(micros).map(|time| time.fixed_offset())
}

fn suite_of(target: &str, mode: &str) -> String {
    format!("{target}@{mode}")
}

/// In the order of the matrix.
fn suite_names(report: &ExperimentReport) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for cell in &report.cells {
        let name = suite_of(&cell.target, &cell.mode);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn suite(report: &ExperimentReport, name: &str) -> TestSuite {
    let header = &report.header;
    let mut suite = TestSuite::new(name);
    let runs = report.runs.iter().filter(|run| suite_of(&run.plan.target, &run.plan.mode) == name);
    let runs: Vec<&RunReport> = runs.collect();
    if let Some(started) = runs.first().and_then(|run| moment(run.record.wall_clock)) {
        suite.set_timestamp(started);
    }
    suite.set_time(Duration::from_micros(runs.iter().map(|run| run.record.last.0).sum()));
    suite.add_property(Property::new("seed", header.seed.to_string()));
    suite.add_property(Property::new("version", header.version.as_str()));
    suite.add_property(Property::new("docker", header.host.docker.as_str()));
    suite.add_property(Property::new("kernel", header.host.kernel.as_str()));
    for run in runs {
        suite.add_test_cases(cases(run));
    }
    let cells = report.cells.iter().filter(|cell| suite_of(&cell.target, &cell.mode) == name);
    suite.add_test_cases(cells.filter_map(skipped));
    suite
}

fn skipped(cell: &Cell) -> Option<TestCase> {
    let reason = cell.not_applicable.as_ref()?;
    let mut status = TestCaseStatus::skipped();
    status.set_message(reason.as_str());
    let mut case = TestCase::new("applies", status);
    case.set_classname(cell.scenario.as_str());
    Some(case)
}

fn cases(run: &RunReport) -> Vec<TestCase> {
    let asked = run.judgement.expectations.iter().map(|result| {
        let mut case =
            TestCase::new(case_name(run, &result.expectation.to_string()), status(result));
        case.set_classname(run.plan.scenario.as_str());
        case
    });
    std::iter::once(whole(run)).chain(asked).collect()
}

fn case_name(run: &RunReport, what: &str) -> String {
    let control = if run.plan.kind == RunKind::Control { " (control)" } else { "" };
    let repeat = match run.plan.repeat {
        0 | 1 => String::new(),
        more => format!(" (repeat {more})"),
    };
    format!("{what}{control}{repeat}")
}

fn status(result: &ExpectationResult) -> TestCaseStatus {
    let observed = value::text(&result.observed, result.expectation.measure.unit());
    match (result.held, &result.observed) {
        (Some(true), _) => TestCaseStatus::success(),
        (Some(false), _) => {
            non_success(NonSuccessKind::Failure, "deviated", &format!("observed {observed}"))
        }
        (None, crate::judge::Value::Absent(reason)) => {
            non_success(NonSuccessKind::Error, "inconclusive", reason)
        }
        (None, _) => {
            let message = format!("cannot be told from {observed}");
            non_success(NonSuccessKind::Error, "inconclusive", &message)
        }
    }
}

fn non_success(kind: NonSuccessKind, name: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name);
    status.set_message(message);
    status
}

/// The run as a whole: it carries the measures, and what no single expectation shows.
fn whole(run: &RunReport) -> TestCase {
    let mut case = TestCase::new(case_name(run, "run"), whole_status(run));
    case.set_classname(run.plan.scenario.as_str());
    case.set_time(Duration::from_micros(run.record.last.0));
    case.add_property(Property::new("seed", run.plan.seed.to_string()));
    case.add_property(Property::new("verdict", run.judgement.verdict.name()));
    for (measure, found) in &run.judgement.measures {
        let text = match found {
            crate::judge::Value::Absent(reason) => format!("absent: {reason}"),
            known => value::text(known, measure.unit()),
        };
        case.add_property(Property::new(measure.to_string(), text));
    }
    case
}

fn whole_status(run: &RunReport) -> TestCaseStatus {
    let judgement = &run.judgement;
    let reasons = judgement.reasons.join("\n");
    if judgement.flags.contains(&Flag::Dirty) {
        return non_success(NonSuccessKind::Error, "dirty", &reasons);
    }
    let unmet = judgement.expectations.iter().any(|result| result.held == Some(false));
    match judgement.verdict {
        Verdict::Held => TestCaseStatus::success(),
        // A failed expectation fails as a case of its own.
        Verdict::Deviated if unmet => TestCaseStatus::success(),
        Verdict::Deviated => non_success(NonSuccessKind::Failure, "deviated", &reasons),
        Verdict::NotApplicable => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reasons);
            status
        }
        verdict => non_success(NonSuccessKind::Error, verdict.name(), &reasons),
    }
}
