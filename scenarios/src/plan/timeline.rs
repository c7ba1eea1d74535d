//! The faults of a scenario on the components of a target: resolved, drawn from the seed, sorted,
//! and checked against each other.

use super::compile::PlanRequest;
use super::draft::{self, Draft, Start};
use super::{After, PlannedFault, conflict, proxy};
use crate::action::Replica;
use crate::fault::{Misfit, Victims};
use crate::quantity::{Rate, Span};
use crate::scenario::{Begin, OnMissing, Step, TIMELINE_LIMIT};
use crate::selector::{By, Selector};
use crate::target::Target;
use crate::text::{Diagnostics, Place};

/// Faults of one plan; each may contradict each other one, which is looked for.
const MOST_FAULTS: usize = 1000;

/// The faults of a plan.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    /// Sorted by time.
    pub(super) faults: Vec<PlannedFault>,
    /// Changes of the load while faults of it last.
    pub(super) bursts: Vec<Burst>,
    /// Why the scenario cannot be put to the target, if it cannot.
    pub(super) not_applicable: Option<String>,
    /// Why the machine cannot inject them, if it cannot.
    pub(super) host_lacks: Option<String>,
}

/// Another rate of arrivals for a while.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    /// Offset of its beginning from the start of the test phase.
    pub(super) at: Span,
    /// Offset of its end.
    pub(super) until: Span,
    /// Arrivals per second.
    pub(super) rate: Rate,
}

/// Resolves every step. Mistakes go into `diagnostics`.
pub(super) fn resolve(request: &PlanRequest<'_>, diagnostics: &mut Diagnostics) -> Timeline {
    let mut timeline = Timeline::default();
    let mut drafts: Vec<Draft> = Vec::new();
    for (index, step) in request.source.scenario.method.iter().enumerate() {
        let made = victims(request, index).and_then(|replicas| {
            fits(request, index, &replicas)?;
            draft::drafts(request, index, &replicas, start(step, &drafts), drafts.len())
                .map_err(|reason| Unfit { field: None, reason, help: None, is_missing: true })
        });
        match made {
            Ok(made) => {
                check_end(request, index, &made, diagnostics);
                drafts.extend(made);
                if drafts.len() > MOST_FAULTS {
                    let place = request.source.positions.place(&format!("method[{index}]"));
                    diagnostics.add(place, format!("a run has at most {MOST_FAULTS} faults"));
                    return timeline;
                }
            }
            Err(unfit) if unfit.is_missing && step.on_missing == OnMissing::NotApplicable => {
                timeline.not_applicable.get_or_insert(unfit.reason);
            }
            Err(unfit) => note(request, index, unfit, diagnostics),
        }
    }
    conflict::check(request, &drafts, diagnostics);
    proxy::check(request, &drafts, diagnostics);
    if timeline.not_applicable.is_none() {
        timeline.bursts = bursts(request, &drafts);
        timeline.faults = sorted(drafts);
        let injections = timeline.faults.iter().map(|fault| &fault.injection);
        timeline.host_lacks =
            injections.into_iter().find_map(|injection| request.capabilities.refuse(injection));
    }
    timeline
}

/// The end of the last step if nothing takes time but the faults: the same for every target.
pub(super) fn nominal_end(request: &PlanRequest<'_>) -> Span {
    let mut ends: Vec<Span> = Vec::new();
    for step in &request.source.scenario.method {
        let begin = match step.begin {
            Begin::At(at) => at,
            Begin::After { step, plus } => ends[step] + plus,
        };
        ends.push(begin + step.span(request.profile));
    }
    ends.into_iter().max().unwrap_or(Span::ZERO)
}

/// When a step begins. The last draft of an earlier step stands for all of it.
fn start(step: &Step, drafts: &[Draft]) -> Start {
    match step.begin {
        Begin::At(at) => Start { at, after: None },
        Begin::After { step, plus } => {
            let earlier = drafts.iter().rposition(|draft| draft.step == step);
            let end = earlier.map_or(Span::ZERO, |index| drafts[index].end());
            Start { at: end + plus, after: earlier.map(|index| (index, plus)) }
        }
    }
}

/// Why a step does not fit the target, and what to do.
struct Unfit {
    /// The key that does not fit, below the fault.
    field: Option<String>,
    reason: String,
    help: Option<String>,
    /// Whether the target lacks something, rather than the scenario being wrong for every target.
    is_missing: bool,
}

/// The replicas that a step acts on.
fn victims(request: &PlanRequest<'_>, index: usize) -> Result<Vec<Replica>, Unfit> {
    let step = &request.source.scenario.method[index];
    let analogue = step.analogue.get(&request.target.name);
    let chosen = analogue.map(|analogue| &analogue.selector).or(step.fault.selector());
    let Some(chosen) = chosen else { return Ok(Vec::new()) };
    let stream = format!("selector/{index}");
    let replicas = chosen.resolve(request.target, request.each, request.seed, &stream);
    if matches!(chosen.by, By::Role(_)) && is_everything(request.target, &replicas) {
        let reason = format!("{chosen} means every component of {} alike", request.target.name);
        let help = "say `role: all` if everything is meant, or `name:` one component".to_owned();
        let (field, help) = (Some("role".to_owned()), Some(help));
        return Err(Unfit { field, reason, help, is_missing: true });
    }
    if !replicas.is_empty() {
        return Ok(replicas);
    }
    let field = match chosen.by {
        By::Name(_) => "name",
        By::Names(_) => "from",
        By::Role(_) | By::Every | By::Each => "role",
    };
    let reason = missing(request.target, chosen);
    let (field, help) = (Some(field.to_owned()), Some(there_is(request.target)));
    Err(Unfit { field, reason, help, is_missing: true })
}

fn there_is(target: &Target) -> String {
    let components = target.components.iter();
    let known: Vec<String> =
        components.map(|component| format!("{} ({})", component.name, component.role)).collect();
    format!(
        "it has {}; name an `analogue` for {}, or say `on-missing: not-applicable`",
        known.join(", "),
        target.name
    )
}

/// Whether the packets that a fault of the network means are there.
fn fits(request: &PlanRequest<'_>, index: usize, replicas: &[Replica]) -> Result<(), Unfit> {
    let target = request.target;
    let fault = request.source.scenario.method[index].fault_on(&target.name);
    let victims = Victims { target, replicas, seed: request.seed };
    match fault.traffic().and_then(|traffic| traffic.misfit(&victims)) {
        None => Ok(()),
        Some(Misfit { key, reason, is_missing }) => {
            let help = is_missing.then(|| there_is(target));
            Err(Unfit { field: Some(key), reason, help, is_missing })
        }
    }
}

/// Whether nothing of the target is left out.
fn is_everything(target: &Target, replicas: &[Replica]) -> bool {
    let all = target.components.iter().map(|component| component.replicas as usize).sum::<usize>();
    replicas.len() == all
}

fn missing(target: &Target, selector: &Selector) -> String {
    let name = &target.name;
    match &selector.by {
        By::Role(role) => format!("{name} has no component with the role `{role}`"),
        By::Name(wanted) => format!("{name} has no component called `{wanted}`"),
        By::Names(wanted) => format!("{name} has no component called `{}`", wanted.join("` or `")),
        By::Every => format!("{name} has no component"),
        By::Each => format!("no component of {name} was chosen for this run"),
    }
}

fn note(request: &PlanRequest<'_>, step: usize, unfit: Unfit, diagnostics: &mut Diagnostics) {
    let asked = &request.source.scenario.method[step];
    let target = &request.target.name;
    let path = if asked.analogue.contains_key(target) {
        format!("method[{step}].analogue.{target}")
    } else {
        format!("method[{step}].fault.{}", asked.fault.keyword())
    };
    let place = place(request, step, &path, unfit.field.as_deref());
    diagnostics.add(place, unfit.reason).help = unfit.help;
}

/// Where a key of a fault stands: in the analogue if there, else in the fault. Whom a fault of the
/// network acts on may stand under `from`.
fn place(request: &PlanRequest<'_>, step: usize, path: &str, field: Option<&str>) -> Place {
    let positions = &request.source.positions;
    let Some(field) = field else { return positions.place(path) };
    let keyword = request.source.scenario.method[step].fault.keyword();
    let fault = format!("method[{step}].fault.{keyword}");
    let keys = if field == "name" || field == "role" { vec![field, "from"] } else { vec![field] };
    let paths = [path, &fault].into_iter().flat_map(|path| keys.iter().map(move |key| (path, key)));
    let mut found = paths.filter_map(|(path, key)| positions.exact(&format!("{path}.{key}")));
    found.next().unwrap_or_else(|| positions.place(path))
}

fn check_end(
    request: &PlanRequest<'_>,
    step: usize,
    drafts: &[Draft],
    diagnostics: &mut Diagnostics,
) {
    let end = drafts.iter().map(Draft::end).max().unwrap_or(Span::ZERO);
    if end > TIMELINE_LIMIT {
        let asked = request.source.scenario.method[step].pulse;
        let key = if asked.is_some() { "pulse" } else { "for" };
        let place = request.source.positions.place(&format!("method[{step}].{key}"));
        let message = format!("this fault ends at {end}; a timeline ends within {TIMELINE_LIMIT}");
        diagnostics.add(place, message);
    }
}

fn bursts(request: &PlanRequest<'_>, drafts: &[Draft]) -> Vec<Burst> {
    let burst = |draft: &Draft| {
        let rate = request.source.scenario.method[draft.step].fault.rate()?;
        Some(Burst { at: draft.fault.at, until: draft.end(), rate })
    };
    drafts.iter().filter_map(burst).collect()
}

/// Numbers the drafts by their time.
fn sorted(drafts: Vec<Draft>) -> Vec<PlannedFault> {
    let mut order: Vec<usize> = (0..drafts.len()).collect();
    order.sort_by_key(|index| drafts[*index].fault.at);
    let number = |index: usize| {
        let place = order.iter().position(|it| *it == index).unwrap_or_default();
        u32::try_from(place + 1).unwrap_or(u32::MAX)
    };
    let mut faults: Vec<PlannedFault> = drafts
        .into_iter()
        .enumerate()
        .map(|(index, draft)| PlannedFault {
            id: number(index),
            after: draft.after.map(|(earlier, plus)| After { fault: number(earlier), plus }),
            ..draft.fault
        })
        .collect();
    faults.sort_by_key(|fault| fault.id);
    faults
}
