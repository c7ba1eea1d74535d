//! What makes a measurement invalid: each rule looks for one reason why a run tells nothing. A run
//! that tested nothing is inconclusive, never green.

use chaos_scenarios::action::Check;
use chaos_scenarios::expectation::show;
use chaos_scenarios::measure::{Measure, Unit};
use chaos_scenarios::plan::{Need, PlannedFault};

use super::{ExpectationResult, InvariantResult, Value};
use crate::measure::times::{self, Stretch};
use crate::measure::{tally, value};
use crate::reconcile::{BOTH_AUDITORS, Reconciled};
use crate::record::Moment;
use crate::record::order::{OrderRecord, Outcome};
use crate::record::run_record::RunRecord;

/// Schedule lag of the load generator, 99th percentile, seconds.
const LAG_LIMIT: f64 = 0.010;
/// Arrivals not sent / due.
const NOT_SENT_LIMIT: f64 = 0.001;
/// Share of the time in which the harness may be kept from its cores.
const KEPT_LIMIT: f64 = 0.05;
/// Fewest requests during the fault.
const REQUESTS: u64 = 20;
/// A fault must last for this share of its planned length.
const LENGTH_SHARE: f64 = 0.9;

/// What the rules look at.
pub(super) struct Scene<'a> {
    pub(super) record: &'a RunRecord,
    pub(super) orders: &'a [OrderRecord],
    pub(super) reconciled: Option<&'a Reconciled>,
    pub(super) hypothesis: &'a [ExpectationResult],
}

type Rule = fn(&Scene<'_>) -> Option<String>;

const RULES: [Rule; 14] = [
    no_load,
    no_success,
    fault_not_felt,
    healed_too_early,
    not_in_flight,
    no_order_in_fault,
    few_requests_in_fault,
    load_too_short,
    generator_late,
    generator_short,
    cpu_stolen,
    cpu_pressed,
    miscounted,
    not_steady,
];

/// Every reason why the measurement is invalid.
pub(super) fn reasons(scene: &Scene<'_>) -> Vec<String> {
    RULES
        .into_iter()
        .chain([unreadable as Rule, unchecked])
        .filter_map(|rule| rule(scene))
        .collect()
}

fn no_load(scene: &Scene<'_>) -> Option<String> {
    (scene.record.generator.sent == 0).then(|| "not one request was sent".to_owned())
}

fn no_success(scene: &Scene<'_>) -> Option<String> {
    let record = scene.record;
    let good = record.windows.values().flatten().any(|window| window.good > 0);
    (record.generator.sent > 0 && !good).then(|| "not one request was good, at any time".to_owned())
}

fn fault_not_felt(scene: &Scene<'_>) -> Option<String> {
    let planned = &scene.record.plan()?.timeline;
    planned.iter().find_map(|fault| {
        let known = scene.record.faults.get(&fault.id);
        if known.is_some_and(|known| known.felt.is_some()) {
            return None;
        }
        let reason = known.and_then(|known| known.not_felt.as_deref());
        let reason = reason.unwrap_or("it was never injected");
        Some(format!("the fault `{}` was not felt: {reason}", fault.title))
    })
}

fn healed_too_early(scene: &Scene<'_>) -> Option<String> {
    let planned = &scene.record.plan()?.timeline;
    planned.iter().find_map(|fault| {
        let (lasted, asked) = (lasted(scene.record, fault)?, asked(fault)?);
        (lasted < LENGTH_SHARE * asked).then(|| {
            let (lasted, asked) = (show(lasted, Unit::Seconds), show(asked, Unit::Seconds));
            format!("the fault `{}` was over after {lasted} instead of {asked}", fault.title)
        })
    })
}

fn asked(fault: &PlannedFault) -> Option<f64> {
    Some(fault.until?.as_seconds() - fault.at.as_seconds())
}

/// How long a fault acted, seconds: until its heal, or until somebody else started its victim.
fn lasted(record: &RunRecord, fault: &PlannedFault) -> Option<f64> {
    let known = record.faults.get(&fault.id)?;
    let felt = known.felt?;
    let healed = [known.healed, started(record, fault, felt)].into_iter().flatten().min()?;
    Some(healed.seconds_since(felt))
}

/// When a victim that was to stay down began to run.
fn started(record: &RunRecord, fault: &PlannedFault, felt: Moment) -> Option<Moment> {
    let down = |check: &Check| matches!(check, Check::Ended { .. });
    let victims = fault.injection.felt.iter().filter(|check| down(check));
    let victims: Vec<_> = victims.map(Check::replica).collect();
    let starts = record.container_events.iter().filter(|event| {
        event.action == "start" && event.happened > felt && victims.contains(&&event.replica)
    });
    starts.map(|event| event.happened).min()
}

fn not_in_flight(scene: &Scene<'_>) -> Option<String> {
    let needed = scene.record.plan()?.needs.contains(&Need::InFlight);
    let none = in_flight(scene.record, scene.orders) == Some(0);
    (needed && none).then(|| "no order was in flight when the fault struck".to_owned())
}

/// Orders that were sent before the fault was felt and answered after, or that ended badly while it
/// set in: a process that is killed is gone some time before anybody tells so.
pub(super) fn in_flight(record: &RunRecord, orders: &[OrderRecord]) -> Option<u64> {
    let first = record.faults.values().filter(|fault| fault.felt.is_some());
    let first = first.min_by_key(|fault| fault.felt)?;
    let (felt, armed) = (first.felt?, first.armed);
    let struck = |order: &OrderRecord, end| {
        end > felt || (order.outcome != Outcome::Ok && armed.is_some_and(|armed| end >= armed))
    };
    let flying = orders.iter().filter(|order| {
        let sent = order.start.is_some_and(|start| start < felt);
        sent && order.end.is_none_or(|end| struck(order, end))
    });
    Some(flying.count() as u64)
}

fn no_order_in_fault(scene: &Scene<'_>) -> Option<String> {
    let plan = scene.record.plan()?;
    let ledgered = plan.load.workload.requests.iter().any(|request| request.ledger.is_some());
    let stretch = times::during_fault(scene.record)?;
    let sent = scene.orders.iter().filter(|order| order.outcome != Outcome::NotSent);
    let any = sent.into_iter().any(|order| stretch.contains(order.due));
    (ledgered && !any).then(|| format!("no order was due {}", within(scene.record, stretch)))
}

fn few_requests_in_fault(scene: &Scene<'_>) -> Option<String> {
    let stretch = times::during_fault(scene.record)?;
    let classes = scene.record.windows.keys();
    let due: u64 = classes.map(|class| tally::within(scene.record, class, stretch).due).sum();
    (due < REQUESTS).then(|| {
        let within = within(scene.record, stretch);
        format!("only {due} requests were due {within}, at least {REQUESTS} are needed")
    })
}

fn within(record: &RunRecord, stretch: Stretch) -> String {
    let what = if times::has_faults(record) { "during the fault" } else { "in the test phase" };
    format!("{what} ({})", show(stretch.seconds(), Unit::Seconds))
}

fn load_too_short(scene: &Scene<'_>) -> Option<String> {
    let ended = scene.record.load_ended?;
    let stretch = times::test_interval(scene.record)?;
    (ended < stretch.until).then(|| {
        format!(
            "the load ended at {ended}, within the test interval that lasts until {}",
            stretch.until
        )
    })
}

fn generator_late(scene: &Scene<'_>) -> Option<String> {
    above(scene, &Measure::GeneratorLag, LAG_LIMIT, "requests were sent too late")
}

fn generator_short(scene: &Scene<'_>) -> Option<String> {
    above(scene, &Measure::GeneratorNotSent, NOT_SENT_LIMIT, "too many requests were not sent")
}

fn above(scene: &Scene<'_>, measure: &Measure, limit: f64, problem: &str) -> Option<String> {
    let Value::Exact(seen) = value(measure, scene.record, None) else { return None };
    let unit = measure.unit();
    (seen > limit).then(|| {
        format!(
            "{problem}: {measure} is {}, at most {} is valid",
            show(seen, unit),
            show(limit, unit)
        )
    })
}

fn cpu_stolen(scene: &Scene<'_>) -> Option<String> {
    let stolen = scene.record.cpu_kept.stolen_share()?;
    kept(stolen, "the hypervisor gave the cores of the harness to other machines")
}

fn cpu_pressed(scene: &Scene<'_>) -> Option<String> {
    let pressed = scene.record.cpu_kept.pressed_share()?;
    kept(pressed, "other processes ran on the cores of the harness while it had work")
}

fn kept(share: f64, problem: &str) -> Option<String> {
    (share > KEPT_LIMIT).then(|| {
        let (seen, limit) = (show(share, Unit::Share), show(KEPT_LIMIT, Unit::Share));
        format!("{problem}: {seen} of the time, at most {limit} is valid")
    })
}

/// The engine counts on its own: two counts that differ mean that requests got lost between them.
fn miscounted(scene: &Scene<'_>) -> Option<String> {
    let generator = &scene.record.generator;
    if generator.panics > 0 {
        return Some(format!("{} requests failed within the load generator", generator.panics));
    }
    let counted = generator.engine_requests?;
    (counted != generator.sent).then(|| {
        format!("{} requests were sent, but the load engine counted {counted}", generator.sent)
    })
}

fn not_steady(scene: &Scene<'_>) -> Option<String> {
    let miss = scene.hypothesis.iter().find(|result| result.held != Some(true))?;
    let seen = miss.observed.show(miss.expectation.measure.unit());
    Some(format!("before the fault, `{}` was asked and {seen} was seen", miss.expectation))
}

fn unreadable(scene: &Scene<'_>) -> Option<String> {
    scene.reconciled?.unread.clone()
}

/// A second auditor that is asked for and says nothing.
fn unchecked(scene: &Scene<'_>) -> Option<String> {
    let known = scene.reconciled.filter(|known| known.unread.is_none())?;
    let silent = |it: &&InvariantResult| it.id == BOTH_AUDITORS && it.held.is_none();
    let reason = known.invariants.iter().find(silent)?.evidence.first()?;
    Some(format!("the audit could not be checked: {reason}"))
}
