//! From what is asked to what will be done: a scenario, put to one target in one mode, becomes a
//! [`Plan`]. Everything that can be wrong is found here, before anything is started.

use std::collections::BTreeSet;

use super::capability::Capabilities;
use super::profile::Profile;
use super::timeline::{self, Burst, Timeline};
use super::{LoadPlan, Phases, Plan, PlannedFault, RunKind};
use crate::action::Action;
use crate::expectation::{Expectation, Scope};
use crate::measure::{Fate, Measure, Unit};
use crate::quantity::{Bytes, Rate, Span};
use crate::scenario::{DEFAULT_MODE, ScenarioFile};
use crate::target::{Endpoint, Target};
use crate::text::Diagnostics;
use crate::text::diagnostic::help_for_name;
use crate::workload::{Arrival, Stage, Workload};

/// Arrivals per second, unless asked otherwise.
const USUAL_RATE: f64 = 100.0;
/// Recovery is waited for at least this long after the test phase.
const RECOVERY_LIMIT: Span = Span::seconds(60);
/// Pending work is waited for at least this long after the load.
const DRAIN_LIMIT: Span = Span::seconds(20);
/// Added to a target's longest retry schedule, for the work that its last retry makes.
const DRAIN_SLACK: Span = Span::seconds(10);
/// Added to the timeout: the time a user needs to give up and take the next ticket, in seconds.
const USER_SLACK: f64 = 0.2;
/// The goose engine carries at most this many users.
const GOOSE_USERS: u32 = 5_000;
/// The goose engine sends at most this many requests a second on time, on one core.
const GOOSE_RATE: f64 = 10_000.0;

/// What the command line changes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// Arrivals per second at the start; changes of the rate are scaled along.
    pub rate: Option<Rate>,
    /// Safeguards of the target to switch off.
    pub safeguards_off: Vec<String>,
    /// Defects to plant, for an exam of the auditor.
    pub mutants: Vec<String>,
    /// Time after which a client gives up.
    pub timeout: Option<Span>,
    /// Expectations on top of the scenario's own.
    pub thresholds: Vec<Expectation>,
    /// `goose` or `direct`; none chooses by the number of users and the highest rate.
    pub engine: Option<String>,
}

/// Everything that a plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'a> {
    /// The scenario.
    pub source: &'a ScenarioFile,
    /// The system under test.
    pub target: &'a Target,
    /// What its users do.
    pub workload: &'a Workload,
    /// For a scenario with `for-each`: the component that the run is about.
    pub each: Option<&'a str>,
    /// Mode of the target.
    pub mode: &'a str,
    /// Lengths of the phases.
    pub profile: Profile,
    /// All chance of the run derives from it.
    pub seed: u64,
    /// Which repeat it is, from 1.
    pub repeat: u32,
    /// What the command line changes.
    pub overrides: &'a Overrides,
    /// What the machine can do.
    pub capabilities: &'a Capabilities,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The scenario does not fit the target.
    #[error("{0}")]
    Scenario(Diagnostics),
    /// The target has no such mode.
    #[error("target `{target}` has no mode `{mode}` (it has {known})")]
    UnknownMode {
        /// Name of the target.
        target: String,
        /// What was asked for.
        mode: String,
        /// What there is.
        known: String,
    },
    /// The target has no such safeguard.
    #[error("target `{target}` has no safeguard `{safeguard}`{help}")]
    UnknownSafeguard {
        /// Name of the target.
        target: String,
        /// What was asked for.
        safeguard: String,
        /// What there is, in brackets.
        help: String,
    },
    /// The load generator is not known.
    #[error("no engine is called `{0}` (there are goose and direct)")]
    UnknownEngine(String),
}

impl Plan {
    /// Makes the plan of one run. The same request gives the same plan.
    pub fn compile(request: &PlanRequest<'_>) -> Result<Self, CompileError> {
        check_overrides(request)?;
        let scenario = &request.source.scenario;
        let mut diagnostics = request.source.diagnostics();
        check_classes(request, &mut diagnostics);
        let Timeline { faults, bursts, not_applicable, host_lacks } =
            timeline::resolve(request, &mut diagnostics);
        diagnostics.into_result(()).map_err(CompileError::Scenario)?;

        let test = test_length(request, &faults);
        let expect = expectations(request, test + RECOVERY_LIMIT);
        Ok(Self {
            scenario: about(request, &scenario.name, "."),
            title: title(request),
            target: with_sizes(without_removed(request.target, &faults), &faults),
            mode: request.mode.to_owned(),
            safeguards_off: request.overrides.safeguards_off.clone(),
            mutants: request.overrides.mutants.clone(),
            kind: if scenario.method.is_empty() { RunKind::Control } else { RunKind::Fault },
            repeat: request.repeat,
            seed: request.seed,
            profile: request.profile.name().to_owned(),
            phases: phases(request, test, &expect),
            load: load(request, &bursts)?,
            timeline: faults,
            hypothesis: applying(&scenario.hypothesis.probes, request),
            expect,
            stop_conditions: applying(&scenario.stop_conditions, request),
            not_applicable,
            needs: scenario.needs.clone(),
            host_lacks,
        })
    }
}

/// The title; that of an exam says so wherever it is shown.
fn title(request: &PlanRequest<'_>) -> String {
    let title = about(request, &request.source.scenario.title, ": ");
    let mutants = request.overrides.mutants.join(", ");
    match mutants.as_str() {
        "" => title,
        planted => format!("EXAM OF THE AUDITOR, DEFECTS PLANTED ON PURPOSE ({planted}): {title}"),
    }
}

fn check_overrides(request: &PlanRequest<'_>) -> Result<(), CompileError> {
    let Target { name, modes, safeguards, .. } = request.target;
    let only_default = modes.is_empty() && request.mode == DEFAULT_MODE;
    if !only_default && !modes.iter().any(|mode| mode == request.mode) {
        let none = || format!("only {DEFAULT_MODE}");
        return Err(CompileError::UnknownMode {
            target: name.clone(),
            mode: request.mode.to_owned(),
            known: if modes.is_empty() { none() } else { modes.join(", ") },
        });
    }
    match request.overrides.safeguards_off.iter().find(|asked| !safeguards.contains(asked)) {
        None => Ok(()),
        Some(asked) => Err(CompileError::UnknownSafeguard {
            target: name.clone(),
            safeguard: asked.clone(),
            help: help_for_name(asked, safeguards.iter().map(String::as_str))
                .map_or(String::new(), |help| format!(" ({help})")),
        }),
    }
}

/// `availability.<class>` must name a class of the workload; a measure with a typing error looks
/// like one, too.
fn check_classes(request: &PlanRequest<'_>, diagnostics: &mut Diagnostics) {
    let scenario = &request.source.scenario;
    let block = scenario.expected_of(&request.target.name, request.mode);
    let (name, expected) = block.unwrap_or(("", &[]));
    let lists = [
        ("steady-state-hypothesis.probes".to_owned(), scenario.hypothesis.probes.as_slice()),
        (format!("expect.{name}"), expected),
        ("stop-conditions".to_owned(), scenario.stop_conditions.as_slice()),
    ];
    for (path, list) in &lists {
        for (index, expectation) in list.iter().enumerate() {
            let Measure::AvailabilityOf(class) = &expectation.measure else { continue };
            if request.workload.requests.iter().any(|it| it.class == *class) {
                continue;
            }
            let place = request.source.positions.place(&format!("{path}[{index}]"));
            let message =
                format!("the workload `{}` has no class `{class}`", request.workload.name);
            let measures: Vec<String> = Measure::all().map(|it| it.to_string()).collect();
            let classes = request.workload.requests.iter();
            let known = classes.map(|it| format!("availability.{}", it.class)).chain(measures);
            let known: Vec<String> = known.collect();
            let wrong = expectation.measure.to_string();
            diagnostics.add(place, message).help =
                help_for_name(&wrong, known.iter().map(String::as_str));
        }
    }
}

/// A name or title, and the component that the run is about.
fn about(request: &PlanRequest<'_>, text: &str, between: &str) -> String {
    request.each.map_or_else(|| text.to_owned(), |each| format!("{text}{between}{each}"))
}

/// At least the profile's fault, at least until the last fault ends and the last stage begins; the
/// same for every target, also for one to which the scenario does not apply, unless its replicas
/// are taken one by one.
fn test_length(request: &PlanRequest<'_>, faults: &[PlannedFault]) -> Span {
    let stages = request.source.scenario.load.stages.iter().map(|stage| stage.at);
    let ends = faults.iter().map(|fault| fault.until.unwrap_or(fault.at));
    let least = request.profile.lengths().fault.max(timeline::nominal_end(request));
    stages.chain(ends).fold(least, Span::max)
}

fn phases(request: &PlanRequest<'_>, test: Span, expect: &[Expectation]) -> Phases {
    let lengths = request.profile.lengths();
    Phases {
        warm_up: lengths.warm_up,
        baseline: lengths.baseline,
        test,
        horizon: lengths.horizon,
        recovery_limit: recovery_limit(test, expect),
        keep: lengths.keep,
        drain_limit: (request.target.retry_schedule + DRAIN_SLACK).max(DRAIN_LIMIT),
    }
}

/// Long enough to see whether an expected recovery, which counts from the fault, is kept.
fn recovery_limit(test: Span, expect: &[Expectation]) -> Span {
    let asked = expect.iter().filter(|it| {
        matches!(it.measure, Measure::Recovery | Measure::RecoveryAfterHeal | Measure::RecoveryFull)
            && it.measure.unit() == Unit::Seconds
    });
    let longest = asked.map(|it| it.value).fold(0.0, f64::max) - test.as_seconds();
    let longest = std::time::Duration::try_from_secs_f64(longest.max(0.0)).unwrap_or_default();
    RECOVERY_LIMIT.max(longest.into())
}

/// What is expected: the scenario's block or the usual, and the thresholds of the command line.
fn expectations(request: &PlanRequest<'_>, limit: Span) -> Vec<Expectation> {
    let block = request.source.scenario.expected_of(&request.target.name, request.mode);
    let mut expect = match block {
        Some((_, expected)) => expected.to_vec(),
        None => usual_expectations(request.mode, limit),
    };
    expect.extend(applying(&request.overrides.thresholds, request));
    expect
}

/// Every mode recovers within the limit; the hardened one also harms no order.
fn usual_expectations(mode: &str, limit: Span) -> Vec<Expectation> {
    let recovers = format!("recovery < {limit}");
    let mut expect = vec![Expectation::parse(&recovers).expect("a valid expectation")];
    if mode == DEFAULT_MODE {
        expect.extend(no_harm());
    }
    expect
}

/// No order suffers a fate that a hardened system must never show.
pub(super) fn no_harm() -> impl Iterator<Item = Expectation> {
    Fate::SAFETY.into_iter().map(|fate| {
        let text = format!("{fate} == 0");
        Expectation::parse(&text).expect("a valid expectation")
    })
}

/// Those that speak of this target and mode.
fn applying(list: &[Expectation], request: &PlanRequest<'_>) -> Vec<Expectation> {
    let applies = |scope: &Option<Scope>| match scope {
        None => true,
        Some(Scope { target, mode }) => {
            *target == request.target.name
                && mode.as_deref().unwrap_or(DEFAULT_MODE) == request.mode
        }
    };
    list.iter().filter(|expectation| applies(&expectation.scope)).cloned().collect()
}

fn load(request: &PlanRequest<'_>, bursts: &[Burst]) -> Result<LoadPlan, CompileError> {
    let mut workload = request.workload.clone();
    workload.timeout = request.overrides.timeout.unwrap_or(workload.timeout);
    let stages = stages(request, bursts);
    let highest = stages.iter().map(|stage| stage.rate.value()).fold(0.0, f64::max);
    let users = (highest * (workload.timeout.as_seconds() + USER_SLACK)).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and such a cast saturates"
    )]
    let users = users as u32;
    let engine = match request.overrides.engine.as_deref() {
        Some(known @ ("goose" | "direct")) => known,
        Some(unknown) => return Err(CompileError::UnknownEngine(unknown.to_owned())),
        None if users <= GOOSE_USERS && highest <= GOOSE_RATE => "goose",
        None => "direct",
    };
    let arrival = request.source.scenario.load.arrival.unwrap_or(Arrival::Constant);
    Ok(LoadPlan { workload, arrival, stages, engine: engine.to_owned(), users })
}

/// The rates over time. A rate of the command line scales the changes that the scenario asks for.
fn stages(request: &PlanRequest<'_>, bursts: &[Burst]) -> Vec<Stage> {
    let asked = &request.source.scenario.load;
    let usual = Rate::per_second(USUAL_RATE).expect("a valid rate");
    let base = asked.rate.unwrap_or(usual);
    let factor = request.overrides.rate.unwrap_or(base).value() / base.value();
    let lengths = request.profile.lengths();
    let test_begins = lengths.warm_up + lengths.baseline;
    let written = |at: Span| {
        let burst = bursts.iter().find(|burst| burst.at <= at && at < burst.until);
        let stage = asked.stages.iter().rfind(|stage| stage.at <= at);
        burst.map(|it| it.rate).or(stage.map(|it| it.rate)).unwrap_or(base)
    };
    let ends = bursts.iter().flat_map(|burst| [burst.at, burst.until]);
    let mut changes: Vec<Span> = asked.stages.iter().map(|stage| stage.at).chain(ends).collect();
    changes.sort_unstable();
    changes.dedup();
    let scaled =
        |rate: Rate| Rate::per_second((rate.value() * factor).min(Rate::HIGHEST)).unwrap_or(rate);
    let change = |at: Span| Stage { from: test_begins + at, rate: scaled(written(at)) };
    let first = Stage { from: Span::ZERO, rate: scaled(base) };
    std::iter::once(first).chain(changes.into_iter().map(change)).collect()
}

/// A target whose volumes have the sizes that faults need to fill them. What is written there counts
/// as memory of whoever writes it, so that much is added to their limits.
fn with_sizes(mut target: Target, faults: &[PlannedFault]) -> Target {
    let actions = faults.iter().flat_map(|fault| &fault.injection.inject);
    let filled: BTreeSet<&String> = actions
        .filter_map(|action| match action {
            Action::FillVolume { fill, .. } => Some(&fill.volume),
            _ => None,
        })
        .collect();
    for volume in filled {
        let Some(size) = target.sizes_to_fill.get(volume).copied() else { continue };
        if target.volume_sizes.insert(volume.clone(), size).is_some() {
            continue;
        }
        for component in &mut target.components {
            let uses = component.mounts.iter().any(|mount| mount.volume == *volume);
            component.memory =
                component.memory.map(|limit| if uses { Bytes(limit.0 + size.0) } else { limit });
        }
    }
    target
}

/// A target that is not asked for the state of components that a fault removes for good.
fn without_removed(target: &Target, faults: &[PlannedFault]) -> Target {
    let staying = faults.iter().filter(|fault| fault.until.is_none());
    let actions = staying.flat_map(|fault| &fault.injection.inject);
    let removed: Vec<_> = actions
        .filter(|action| matches!(action, Action::Remove { .. }))
        .map(|action| action.replica().component.as_str())
        .collect();
    let stands = |endpoint: &Endpoint| {
        let gone = removed.iter().filter(|name| **name == endpoint.component).count();
        let component = target.component(&endpoint.component);
        component.is_none_or(|it| gone < it.replicas as usize)
    };
    let mut target = target.clone();
    let mut lists = [&mut target.audit, &mut target.pending, &mut target.redrive];
    lists.iter_mut().for_each(|list| list.retain(stands));
    target
}
