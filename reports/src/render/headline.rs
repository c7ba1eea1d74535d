//! The headline of a scenario: what happened, in sentences made of the measures.

use chaos_scenarios::measure::{Fate, Measure};
use chaos_scenarios::plan::{PlannedFault, RunKind};

use super::value;
use super::view::{CellView, Figure, ScenarioView};
use crate::judge::report::RunReport;
use crate::judge::{Value, Verdict};

/// A sentence about one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentence {
    /// The target it speaks of.
    pub(super) subject: String,
    /// The rest of the sentence, without its full stop.
    pub(super) text: String,
}

/// What was done to all targets alike, such as `With rabbitmq killed for 15.2 s`; none without a
/// fault, or if it was not the same for all: each sentence says it then.
pub(super) fn circumstance(scenario: &ScenarioView) -> Option<String> {
    let mut done = scenario.cells.iter().filter_map(|cell| done_to(&cell.runs));
    let first = done.next()?;
    done.all(|other| other.0 == first.0).then(|| format!("With {}{}", first.0, first.1))
}

/// What was done to a target, and for how long.
fn done_to(runs: &[&RunReport]) -> Option<(String, String)> {
    let run = runs.iter().find(|run| is_faulted(run))?;
    let plan = run.record.plan()?;
    let done: Vec<String> = plan.timeline.iter().map(describe).collect();
    let what = match done.as_slice() {
        [] => return None,
        [only] => only.clone(),
        [first, more @ ..] => format!("{first} and {} more", counted(more.len(), "fault")),
    };
    let marks = &run.judgement.marks;
    let lasting = match (marks.felt, marks.healed) {
        (Some(felt), Some(healed)) => format!(" for {:.1} s", healed.seconds_since(felt)),
        (Some(_), None) => " for good".to_owned(),
        (None, _) => ", as far as planned".to_owned(),
    };
    Some((what, lasting))
}

fn is_faulted(run: &RunReport) -> bool {
    run.plan.kind == RunKind::Fault && run.plan.not_applicable.is_none()
}

fn describe(fault: &PlannedFault) -> String {
    let components = fault.components.join(", ");
    match fault.name.as_str() {
        "kill" => format!("{components} killed"),
        _ => format!("“{}”", fault.title),
    }
}

/// One sentence per cell and control.
pub(super) fn sentences(scenario: &ScenarioView) -> Vec<Sentence> {
    let alike = circumstance(scenario).is_some();
    scenario.cells.iter().flat_map(|cell| of_cell(cell, alike)).collect()
}

fn of_cell(view: &CellView, alike: bool) -> Vec<Sentence> {
    let made = |run: &&&RunReport| run.judgement.verdict != Verdict::NotApplicable;
    let runs: Vec<&RunReport> = view.runs.iter().filter(made).copied().collect();
    let control = view.control.map(|run| outcome(&[run]));
    let inapplicable = view.cell.not_applicable.as_deref();
    let mut texts = Vec::new();
    match (runs.is_empty(), control, inapplicable) {
        (true, Some(control), Some(reason)) => {
            texts.push(format!("is not touched ({reason}); without the fault it {control}"));
        }
        (true, None, Some(reason)) => texts.push(format!("cannot be put to this test: {reason}")),
        (none, control, _) => {
            if !none {
                let done = done_to(&runs).filter(|_| !alike);
                let done = done.map(|(what, lasting)| format!("with {what}{lasting} "));
                texts.push(format!("{}{}", done.unwrap_or_default(), outcome(&runs)));
            }
            texts.extend(control.map(|text| format!("without the fault, as a control, {text}")));
        }
    }
    let sentence = |text| Sentence { subject: view.name.clone(), text };
    texts.into_iter().map(sentence).collect()
}

fn outcome(runs: &[&RunReport]) -> String {
    if let Some(text) = nothing_to_tell(runs) {
        return text;
    }
    let parts = [served(runs), recovered(runs), caught_up(runs), safety(runs)];
    let mut parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        parts.push("gave no figures".to_owned());
    }
    parts.extend(doubt(runs));
    parts.join("; ")
}

/// For a run that did not come to a measurement: why.
fn nothing_to_tell(runs: &[&RunReport]) -> Option<String> {
    let run = runs.iter().max_by_key(|run| run.judgement.verdict)?;
    let what = match run.judgement.verdict {
        Verdict::NotSteady => "was not healthy before the fault",
        Verdict::Error => "could not be measured",
        Verdict::Interrupted => "was interrupted",
        Verdict::Aborted => "was stopped early",
        Verdict::Inconclusive if run.judgement.measures.is_empty() => {
            "could not be put to the test"
        }
        _ => return None,
    };
    let reason = run.judgement.reasons.first();
    Some(reason.map_or_else(|| what.to_owned(), |reason| format!("{what}: {reason}")))
}

/// Why the figures cannot be relied on, if they cannot.
fn doubt(runs: &[&RunReport]) -> Option<String> {
    let run = runs.iter().find(|run| run.judgement.verdict == Verdict::Inconclusive)?;
    let reason = run.judgement.reasons.first()?;
    Some(format!("but this is inconclusive: {reason}"))
}

fn figure(measure: &Measure, runs: &[&RunReport]) -> Option<Value> {
    let value = Figure::of(measure, runs).value().cloned()?;
    (!matches!(value, Value::Absent(_))).then_some(value)
}

fn text(measure: &Measure, value: &Value) -> String {
    value::text(value, measure.unit())
}

fn served(runs: &[&RunReport]) -> Option<String> {
    let accepted = figure(&Measure::AvailabilityAccepted, runs);
    let completed = figure(&Measure::AvailabilityCompleted, runs);
    match (accepted, completed) {
        (Some(accepted), Some(completed)) if accepted == completed => Some(format!(
            "accepted {} of its orders and completed as many on time",
            text(&Measure::AvailabilityAccepted, &accepted)
        )),
        (Some(accepted), Some(completed)) => Some(format!(
            "accepted {} of its orders and completed {} on time",
            text(&Measure::AvailabilityAccepted, &accepted),
            text(&Measure::AvailabilityCompleted, &completed)
        )),
        (Some(accepted), None) => Some(format!(
            "accepted {} of its orders",
            text(&Measure::AvailabilityAccepted, &accepted)
        )),
        (None, _) => {
            let value = figure(&Measure::Availability, runs)?;
            Some(format!("answered {} of its orders well", text(&Measure::Availability, &value)))
        }
    }
}

fn recovered(runs: &[&RunReport]) -> Option<String> {
    if runs.iter().all(|run| run.plan.kind == RunKind::Control) {
        return None;
    }
    let words = match figure(&Measure::Recovery, runs)? {
        Value::Exact(0.0) => "its users noticed nothing".to_owned(),
        Value::Exact(_) => match figure(&Measure::RecoveryAfterHeal, runs) {
            Some(Value::Exact(after)) if after >= 0.0 => format!(
                "its users were served again {} after the component's return",
                value::number(after, Measure::RecoveryAfterHeal.unit())
            ),
            _ => {
                let value = figure(&Measure::Recovery, runs)?;
                format!(
                    "its users were served again {} after the fault",
                    text(&Measure::Recovery, &value)
                )
            }
        },
        bound => format!("its users were not served again within {}", limit(&bound)),
    };
    Some(words)
}

/// The bound itself, without the sign that says so.
fn limit(value: &Value) -> String {
    match value {
        Value::Exact(seconds) | Value::AtLeast(seconds) => {
            value::number(*seconds, Measure::Recovery.unit())
        }
        Value::Absent(reason) => reason.clone(),
    }
}

fn caught_up(runs: &[&RunReport]) -> Option<String> {
    let full = figure(&Measure::RecoveryFull, runs)?;
    let seen = figure(&Measure::Recovery, runs)?;
    match (&full, &seen) {
        (Value::Exact(full), Value::Exact(seen)) if full <= seen => None,
        (Value::Exact(full), _) => Some(format!(
            "all work was done {} after the fault",
            value::number(*full, Measure::RecoveryFull.unit())
        )),
        (bound, _) => Some(format!("work was still left over after {}", limit(bound))),
    }
}

/// What became of the orders, over all runs: one lost order in one repeat counts.
fn safety(runs: &[&RunReport]) -> Option<String> {
    let judged: Vec<_> =
        runs.iter().filter_map(|run| run.judgement.reconciliation.as_ref()).collect();
    if judged.is_empty() {
        return None;
    }
    let sum = |fate: Fate| judged.iter().filter_map(|one| one.fates.get(&fate)).sum::<u64>();
    let unverified = sum(Fate::Unverified);
    let found: Vec<String> = Fate::SAFETY
        .into_iter()
        .filter(|fate| sum(*fate) > 0)
        .map(|fate| format!("{} {}", counted_orders(sum(fate)), harm(fate)))
        .collect();
    if unverified > 0 {
        return Some(format!("{} could not be verified", counted_orders(unverified)));
    }
    let fine = "nothing was lost or duplicated".to_owned();
    let harm = if found.is_empty() { fine } else { found.join(", ") };
    let open: Vec<String> = LEFT_OPEN
        .iter()
        .filter(|(fate, _)| sum(*fate) > 0)
        .map(|(fate, what)| format!("{} {what}", counted_orders(sum(*fate))))
        .collect();
    Some(if open.is_empty() { harm } else { format!("{harm}, with {}", open.join(", ")) })
}

/// What harms nobody's money or goods, and is no fine end either.
const LEFT_OPEN: [(Fate, &str); 3] = [
    (Fate::BrokenPromise, "accepted and then cancelled"),
    (Fate::Dead, "left as dead letters"),
    (Fate::Stuck, "never finished"),
];

const fn harm(fate: Fate) -> &'static str {
    match fate {
        Fate::Lost => "lost",
        Fate::Duplicate => "duplicated",
        Fate::Phantom => "done though refused",
        Fate::Wrong => "ended wrongly",
        _ => "left invalid",
    }
}

fn counted_orders(number: u64) -> String {
    let text = value::number(number as f64, Measure::Sent.unit());
    if number == 1 { format!("{text} order") } else { format!("{text} orders") }
}

fn counted(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
