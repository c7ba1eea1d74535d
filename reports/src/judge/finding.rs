//! The judgement of one run, put together from measures, reconciliation and verdict.

use super::validity::{self, Scene};
use super::{ExpectationResult, Flag, Judgement, Marks, Verdict, verdict};
use crate::measure::{self, completion, recovery, times};
use crate::reconcile::{Reconciled, reconcile};
use crate::record::final_state::FinalState;
use crate::record::order::OrderRecord;
use crate::record::run_record::RunRecord;

/// Says what a run means. `orders` is its ledger, `final_state` what its audits told; both are empty
/// for a plan that was not run. Never fails: what cannot be told is said to be unknown.
pub fn judge(record: &RunRecord, orders: &[OrderRecord], final_state: &FinalState) -> Judgement {
    if let Some((verdict, reasons)) = record.plan().and_then(verdict::of_plan) {
        return Judgement { reasons, ..Judgement::empty(verdict) };
    }
    let reconciled = reconcile(record, orders, final_state);
    let known = reconciled.as_ref();
    let hypothesis =
        record.plan().map_or_else(Vec::new, |plan| measure::steady(record, &plan.hypothesis));
    let expectations = expectations(record, known);
    let scene = Scene { record, orders, reconciled: known, hypothesis: &hypothesis };
    let invariants = known.map_or(&[][..], |known| &known.invariants);
    let (verdict, reasons) = verdict::of(&scene, &expectations, invariants);
    let measures = measure::all(record)
        .into_iter()
        .map(|measure| (measure.clone(), measure::value(&measure, record, known)));
    Judgement {
        flags: flags(record),
        measures: measures.collect(),
        marks: marks(record, known),
        in_flight: validity::in_flight(record, orders),
        completions: known.map_or_else(Vec::new, completion::per_second),
        reasons,
        hypothesis,
        expectations,
        ..Judgement::empty(verdict)
    }
    .with_orders(reconciled)
}

impl Judgement {
    /// A verdict of which nothing else is known.
    fn empty(verdict: Verdict) -> Self {
        Self {
            verdict,
            flags: Vec::new(),
            reasons: Vec::new(),
            measures: std::collections::BTreeMap::new(),
            reconciliation: None,
            invariants: Vec::new(),
            expectations: Vec::new(),
            hypothesis: Vec::new(),
            orders: Vec::new(),
            marks: Marks::default(),
            in_flight: None,
            completions: Vec::new(),
        }
    }

    fn with_orders(self, reconciled: Option<Reconciled>) -> Self {
        let Some(known) = reconciled else { return self };
        Self {
            reconciliation: Some(known.summary),
            invariants: known.invariants,
            orders: known.evidence,
            ..self
        }
    }
}

fn expectations(record: &RunRecord, known: Option<&Reconciled>) -> Vec<ExpectationResult> {
    let asked = record.plan().map_or(&[][..], |plan| &plan.expect);
    let applying = asked.iter().filter(|it| verdict::applies(record, &it.measure));
    applying
        .map(|it| ExpectationResult::of(it.clone(), measure::value(&it.measure, record, known)))
        .collect()
}

/// A run is dirty if anything of it is left, or if a fault could not be undone.
fn flags(record: &RunRecord) -> Vec<Flag> {
    let failed = record.faults.values().any(|fault| fault.heal_failed.is_some());
    let dirty = failed || !record.residue.is_empty();
    dirty.then_some(Flag::Dirty).into_iter().collect()
}

fn marks(record: &RunRecord, known: Option<&Reconciled>) -> Marks {
    let course = recovery::course(record);
    Marks {
        felt: times::felt(record),
        healed: times::healed(record),
        ready: times::ready(record),
        impact: course.and_then(|course| course.impact),
        recovered: course.and_then(|course| course.recovered),
        recovered_fully: completion::recovered_fully(record, known),
        test_interval: times::test_interval(record).map(|stretch| (stretch.from, stretch.until)),
    }
}
