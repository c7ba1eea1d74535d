//! The faults of a scenario on the components of a target: resolved, drawn from the seed, sorted,
//! and checked against each other.

use super::PlannedFault;
use super::compile::PlanRequest;
use crate::action::Replica;
use crate::quantity::Span;
use crate::scenario::{OnMissing, Step, TIMELINE_LIMIT};
use crate::selector::{By, Selector};
use crate::target::Target;
use crate::text::Diagnostics;

/// The faults of a plan.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Sorted by time.
    pub(super) faults: Vec<PlannedFault>,
    /// Why the scenario cannot be put to the target, if it cannot.
    pub(super) not_applicable: Option<String>,
    /// Why the machine cannot inject them, if it cannot.
    pub(super) host_lacks: Option<String>,
}

/// A fault with its replicas, and the step that it comes from.
struct Resolved {
    step: usize,
    replicas: Vec<Replica>,
    fault: PlannedFault,
}

/// Resolves every step. Mistakes go into `diagnostics`.
pub(super) fn resolve(request: &PlanRequest<'_>, diagnostics: &mut Diagnostics) -> Timeline {
    let mut timeline = Timeline::default();
    let mut resolved: Vec<Resolved> = Vec::new();
    for (index, step) in request.source.scenario.method.iter().enumerate() {
        let selector = step.analogue.get(&request.target.name);
        let stream = format!("selector/{index}");
        let chosen = selector.unwrap_or(step.fault.selector());
        let replicas = chosen.resolve(request.target, request.seed, &stream);
        if !replicas.is_empty() {
            let fault = planned(request, step, selector, &replicas);
            check_end(request, index, &fault, diagnostics);
            resolved.push(Resolved { step: index, replicas, fault });
        } else if step.on_missing == OnMissing::NotApplicable {
            timeline.not_applicable.get_or_insert(missing(request.target, chosen));
        } else {
            note_missing(request, index, chosen, diagnostics);
        }
    }
    check_overlaps(request, &resolved, diagnostics);
    if timeline.not_applicable.is_none() {
        timeline.faults = sorted(resolved);
        let injections = timeline.faults.iter().map(|fault| &fault.injection);
        timeline.host_lacks =
            injections.into_iter().find_map(|injection| request.capabilities.refuse(injection));
    }
    timeline
}

fn planned(
    request: &PlanRequest<'_>,
    step: &Step,
    analogue: Option<&Selector>,
    replicas: &[Replica],
) -> PlannedFault {
    let injection = step.fault.injection(replicas);
    let mut title = step.fault.title(&named(request.target, replicas));
    if analogue.is_some() {
        title = format!("{title} (the analogue of {} here)", step.fault.selector());
    }
    let mut components: Vec<String> =
        replicas.iter().map(|replica| replica.component.clone()).collect();
    components.dedup();
    PlannedFault {
        id: 0,
        name: step.fault.keyword().to_owned(),
        title,
        at: step.at,
        until: (!injection.heal.is_empty()).then(|| step.at + step.length.under(request.profile)),
        components,
        injection,
    }
}

/// The replicas in a few words: `rabbitmq`, `app ×2`, `app-1`.
fn named(target: &Target, replicas: &[Replica]) -> String {
    let mut names = Vec::new();
    for component in &target.components {
        let of: Vec<_> = replicas.iter().filter(|it| it.component == component.name).collect();
        let all = of.len() == component.replicas as usize;
        match of.len() {
            0 => {}
            1 if all => names.push(component.name.clone()),
            count if all => names.push(format!("{} ×{count}", component.name)),
            _ => names.extend(of.iter().map(ToString::to_string)),
        }
    }
    names.join(", ")
}

fn missing(target: &Target, selector: &Selector) -> String {
    match &selector.by {
        By::Role(role) => format!("{} has no component with the role `{role}`", target.name),
        By::Name(name) => format!("{} has no component called `{name}`", target.name),
    }
}

fn note_missing(
    request: &PlanRequest<'_>,
    step: usize,
    selector: &Selector,
    diagnostics: &mut Diagnostics,
) {
    let fault = &request.source.scenario.method[step].fault;
    let field = if matches!(selector.by, By::Role(_)) { "role" } else { "name" };
    let path = if request.source.scenario.method[step].analogue.contains_key(&request.target.name) {
        format!("method[{step}].analogue.{}.{field}", request.target.name)
    } else {
        format!("method[{step}].fault.{}.{field}", fault.keyword())
    };
    let components = request.target.components.iter();
    let known: Vec<String> =
        components.map(|component| format!("{} ({})", component.name, component.role)).collect();
    let help = format!(
        "it has {}; name an `analogue` for {}, or say `on-missing: not-applicable`",
        known.join(", "),
        request.target.name
    );
    let place = request.source.positions.place(&path);
    diagnostics.add(place, missing(request.target, selector)).help = Some(help);
}

fn check_end(
    request: &PlanRequest<'_>,
    step: usize,
    fault: &PlannedFault,
    diagnostics: &mut Diagnostics,
) {
    let end = fault.until.unwrap_or(fault.at);
    if end > TIMELINE_LIMIT {
        let place = request.source.positions.place(&format!("method[{step}].for"));
        let message = format!("this fault ends at {end}; a timeline ends within {TIMELINE_LIMIT}");
        diagnostics.add(place, message);
    }
}

/// Two faults on one replica at a time would undo each other.
fn check_overlaps(request: &PlanRequest<'_>, resolved: &[Resolved], diagnostics: &mut Diagnostics) {
    let end = |fault: &PlannedFault| fault.until.map_or(u64::MAX, Span::micros);
    for (index, later) in resolved.iter().enumerate() {
        for earlier in &resolved[..index] {
            let apart = end(&earlier.fault) <= later.fault.at.micros()
                || end(&later.fault) <= earlier.fault.at.micros();
            let shared = later.replicas.iter().find(|it| earlier.replicas.contains(it));
            if let (false, Some(replica)) = (apart, shared) {
                let place = request.source.positions.place(&format!("method[{}]", later.step));
                let message = format!(
                    "this fault acts on {replica} while step {} of the method still does",
                    earlier.step + 1
                );
                diagnostics.add(place, message);
            }
        }
    }
}

fn sorted(resolved: Vec<Resolved>) -> Vec<PlannedFault> {
    let mut faults: Vec<PlannedFault> = resolved.into_iter().map(|it| it.fault).collect();
    faults.sort_by_key(|fault| fault.at);
    for (id, fault) in (1..).zip(&mut faults) {
        fault.id = id;
    }
    faults
}
