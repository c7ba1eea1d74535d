//! From what happened to one verdict per run.
//!
//! How the run ended comes first: an error, a signal, an unsteady baseline or a stop condition
//! decide alone. Then a broken safety expectation, which stays true however badly the rest was
//! measured; then whatever makes the measurement invalid; then all other expectations.

use chaos_scenarios::measure::{Fate, Measure};
use chaos_scenarios::plan::{Plan, RunKind};

use super::validity::{self, Scene};
use super::{ExpectationResult, InvariantResult, Verdict};
use crate::measure::times;
use crate::reconcile;
use crate::record::event::Ending;
use crate::record::run_record::RunRecord;

/// Invariants that no fate of a single order covers. Where all safeguards are meant to be on they
/// must hold, expected or not.
const UNCOVERED: [&str; 5] = ["I2", "I5", "I11", "I12", "I13"];
/// The mode in which all safeguards are meant to be on.
const HARDENED: &str = "hardened";

/// A verdict with its reasons, most important first.
pub(super) type Reasoned = (Verdict, Vec<String>);

/// The verdict of a run that was made.
pub(super) fn of(
    scene: &Scene<'_>,
    expectations: &[ExpectationResult],
    invariants: &[InvariantResult],
) -> Reasoned {
    if let Some(ended) = by_ending(scene.record) {
        return ended;
    }
    let deviations = deviations(expectations, |_| true);
    let mut broken = deviations_of_safety(expectations);
    broken.extend(broken_invariants(scene.record, invariants));
    if !broken.is_empty() {
        broken.extend(
            deviations.into_iter().filter(|line| !broken.contains(line)).collect::<Vec<_>>(),
        );
        return (Verdict::Deviated, broken);
    }
    let invalid = validity::reasons(scene);
    if !invalid.is_empty() {
        return (Verdict::Inconclusive, invalid);
    }
    if !deviations.is_empty() {
        return (Verdict::Deviated, deviations);
    }
    by_unknown(expectations)
}

/// The verdict of a plan that was not run.
pub(super) fn of_plan(plan: &Plan) -> Option<Reasoned> {
    if let Some(reason) = &plan.not_applicable {
        return Some((Verdict::NotApplicable, vec![reason.clone()]));
    }
    let lacking = plan.host_lacks.as_ref()?;
    Some((Verdict::Inconclusive, vec![format!("{HOST}{lacking}")]))
}

/// How the reason of a run that this machine cannot make begins.
pub(super) const HOST: &str = "host: ";

fn by_ending(record: &RunRecord) -> Option<Reasoned> {
    let (verdict, reason) = match record.ending.as_ref() {
        Some(Ending::Complete) => return None,
        Some(Ending::Error { message }) => (Verdict::Error, message.clone()),
        Some(Ending::Interrupted { signal }) => {
            (Verdict::Interrupted, format!("{signal} ended the run"))
        }
        Some(Ending::NotSteady { reason }) => (Verdict::NotSteady, reason.clone()),
        Some(Ending::Aborted { reason }) => (Verdict::Aborted, reason.clone()),
        None => {
            let reason = format!(
                "the journal stops at {} without an end: the harness died; `chaos clean` removes \
                 what it left behind",
                record.last
            );
            (Verdict::Error, reason)
        }
    };
    Some((verdict, vec![reason]))
}

fn deviations(expectations: &[ExpectationResult], which: impl Fn(&Measure) -> bool) -> Vec<String> {
    let failed = expectations.iter().filter(|result| result.held == Some(false));
    failed.filter(|result| which(&result.expectation.measure)).map(in_words).collect()
}

fn deviations_of_safety(expectations: &[ExpectationResult]) -> Vec<String> {
    let safety =
        |measure: &Measure| matches!(measure, Measure::Fate(fate) if Fate::SAFETY.contains(fate));
    deviations(expectations, safety)
}

fn broken_invariants(record: &RunRecord, invariants: &[InvariantResult]) -> Vec<String> {
    let strict =
        record.plan().is_some_and(|plan| plan.mode == HARDENED && !plan.target.audit.is_empty());
    // What an audit misreports makes everything else worthless, whatever the mode.
    let counts = |id: &str| id == reconcile::BOTH_AUDITORS || (strict && UNCOVERED.contains(&id));
    let broken = invariants
        .iter()
        .filter(|invariant| invariant.held == Some(false) && counts(&invariant.id));
    broken
        .map(|invariant| {
            let evidence = invariant.evidence.first().map_or("", String::as_str);
            format!("invariant {} is broken ({}): {evidence}", invariant.id, invariant.text)
        })
        .collect()
}

fn by_unknown(expectations: &[ExpectationResult]) -> Reasoned {
    let unknown: Vec<String> =
        expectations.iter().filter(|result| result.held.is_none()).map(in_words).collect();
    match expectations.len() {
        0 => {
            (Verdict::Inconclusive, vec!["nothing is expected of this target and mode".to_owned()])
        }
        _ if !unknown.is_empty() => (Verdict::Inconclusive, unknown),
        1 => (Verdict::Held, vec!["the expectation held".to_owned()]),
        all => (Verdict::Held, vec![format!("all {all} expectations held")]),
    }
}

fn in_words(result: &ExpectationResult) -> String {
    let seen = result.observed.show(result.expectation.measure.unit());
    format!("`{}` is expected, {seen} was seen", result.expectation)
}

/// Whether an expectation can be put to a run: without faults there is nothing to recover from. A
/// control is judged on what is left: that it was steady all along, and harmed no order.
pub(super) fn applies(record: &RunRecord, measure: &Measure) -> bool {
    let faultless = !times::has_faults(record)
        || record.plan().is_some_and(|plan| plan.kind == RunKind::Control);
    let of_faults = matches!(
        measure,
        Measure::ImpactDelay
            | Measure::Detection
            | Measure::Recovery
            | Measure::RecoveryAfterHeal
            | Measure::RecoveryFull
            | Measure::Restart
            | Measure::Relapses
            | Measure::Rpo
    );
    !(faultless && of_faults)
}
