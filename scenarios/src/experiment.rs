//! Which runs an invocation is made of, and in which order: every scenario on every target in every
//! mode, repeated, with the targets in a random order that the seed fixes, so that a machine that
//! warms up or slows down favours none of them.

use std::collections::BTreeSet;

use crate::plan::Plan;
use crate::plan::capability::Capabilities;
use crate::plan::compile::{CompileError, Overrides, PlanRequest};
use crate::plan::control::control_of;
use crate::plan::profile::Profile;
use crate::random::Random;
use crate::scenario::{DEFAULT_MODE, ForEach, ScenarioFile};
use crate::target::Target;
use crate::workload::Workload;

/// Which modes of the targets are run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Modes {
    /// These.
    Named(Vec<String>),
    /// The default, and those of which a scenario says what it expects.
    Expected,
}

impl Default for Modes {
    fn default() -> Self {
        Self::Named(vec![DEFAULT_MODE.to_owned()])
    }
}

/// A target with what its users do, and the modes that were asked of it in particular.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The system under test.
    pub target: &'a Target,
    /// What its users do.
    pub workload: &'a Workload,
    /// The modes of this target, if not those of the experiment.
    pub modes: Option<&'a Modes>,
}

/// What an experiment is made of.
#[derive(Debug, Clone)]
pub struct ExperimentRequest<'a> {
    /// The scenarios, in the order in which they are run.
    pub scenarios: Vec<&'a ScenarioFile>,
    /// The targets.
    pub subjects: Vec<Subject<'a>>,
    /// The modes of the targets.
    pub modes: Modes,
    /// Lengths of the phases.
    pub profile: Profile,
    /// How often each run is made, at least once.
    pub repeats: u32,
    /// All chance derives from it.
    pub seed: u64,
    /// What the command line changes.
    pub overrides: Overrides,
    /// What the machine can do.
    pub capabilities: Capabilities,
}

/// One cell: a scenario on a target in a mode.
struct Cell<'a> {
    scenario: &'a ScenarioFile,
    subject: Subject<'a>,
    mode: String,
    /// The component that the run is about.
    each: Option<&'a str>,
}

/// The runs in the order in which they are made. A cell to which its scenario does not apply stands
/// there once, marked so; the first such cell of a target is followed by its control.
pub fn plans(request: &ExperimentRequest<'_>) -> Result<Vec<Plan>, Vec<CompileError>> {
    let (mut plans, mut errors) = (Vec::new(), Vec::new());
    let mut controlled = BTreeSet::new();
    for repeat in 1..=request.repeats.max(1) {
        for scenario in &request.scenarios {
            for cell in cells(request, scenario, repeat) {
                match compile(request, &cell, repeat) {
                    Err(error) if repeat == 1 && !errors.contains(&error) => errors.push(error),
                    Err(_) => {}
                    Ok(plan) => take(&mut plans, &mut controlled, plan),
                }
            }
        }
    }
    if errors.is_empty() { Ok(plans) } else { Err(errors) }
}

fn take(plans: &mut Vec<Plan>, controlled: &mut BTreeSet<String>, plan: Plan) {
    if plan.not_applicable.is_none() {
        plans.push(plan);
        return;
    }
    if plan.repeat > 1 {
        return;
    }
    let control = controlled.insert(plan.target.name.clone()).then(|| control_of(&plan));
    plans.push(plan);
    plans.extend(control);
}

/// The seed of a repeat: the first has the experiment's own, so that one run is easily made again.
/// Targets share it, which makes their runs pairs. It fits a JSON number exactly (53 bits).
pub fn seed_of_repeat(seed: u64, repeat: u32) -> u64 {
    if repeat <= 1 {
        return seed;
    }
    Random::nth(seed, "repeat", u64::from(repeat)).next() >> 11
}

fn compile(
    request: &ExperimentRequest<'_>,
    cell: &Cell<'_>,
    repeat: u32,
) -> Result<Plan, CompileError> {
    Plan::compile(&PlanRequest {
        source: cell.scenario,
        target: cell.subject.target,
        workload: cell.subject.workload,
        each: cell.each,
        mode: &cell.mode,
        profile: request.profile,
        seed: seed_of_repeat(request.seed, repeat),
        repeat,
        overrides: &request.overrides,
        capabilities: &request.capabilities,
    })
}

/// The cells of a scenario, shuffled.
fn cells<'a>(
    request: &ExperimentRequest<'a>,
    scenario: &'a ScenarioFile,
    repeat: u32,
) -> Vec<Cell<'a>> {
    let mut cells: Vec<Cell<'a>> = Vec::new();
    for subject in &request.subjects {
        let modes = modes(subject.modes.unwrap_or(&request.modes), scenario, subject.target);
        for mode in modes {
            let each = each(scenario, subject.target, request.profile).into_iter();
            let mode = |each| Cell { scenario, subject: *subject, mode: mode.clone(), each };
            cells.extend(each.map(mode));
        }
    }
    let stream = format!("order/{}", scenario.scenario.name);
    let mut random = Random::nth(request.seed, &stream, u64::from(repeat));
    // Fisher–Yates: every order is equally likely.
    for last in (1..cells.len()).rev() {
        let other = random.below(last as u64 + 1);
        cells.swap(last, usize::try_from(other).expect("below the number of cells"));
    }
    cells
}

/// What the runs of a scenario on a target are about: one run about nothing in particular, or one
/// for each component; under the quick profile, for the first of each role.
fn each<'a>(scenario: &ScenarioFile, target: &'a Target, profile: Profile) -> Vec<Option<&'a str>> {
    let Some(ForEach::Component) = scenario.scenario.for_each else { return vec![None] };
    let mut roles = BTreeSet::new();
    let components = target.components.iter();
    let chosen = components.filter(|it| roles.insert(it.role) || profile != Profile::Quick);
    chosen.map(|component| Some(component.name.as_str())).collect()
}

fn modes(modes: &Modes, scenario: &ScenarioFile, target: &Target) -> Vec<String> {
    match modes {
        Modes::Named(names) => names.clone(),
        Modes::Expected => {
            let expected = scenario.scenario.modes_of(&target.name).into_iter();
            let known = expected.filter(|mode| target.modes.iter().any(|known| known == mode));
            std::iter::once(DEFAULT_MODE).chain(known).map(str::to_owned).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::plan::RunKind;
    use crate::plan::fixture::{broker, library, monolith, workload};

    /// The runs of an experiment, one a line.
    fn order(scenarios: &[&str], modes: Modes, repeats: u32, seed: u64) -> String {
        let files: Vec<ScenarioFile> = scenarios.iter().map(|name| library(name)).collect();
        let (monolith, broker, workload) = (monolith(), broker(), workload());
        let subject = |target| Subject { target, workload: &workload, modes: None };
        let request = ExperimentRequest {
            scenarios: files.iter().collect(),
            subjects: vec![subject(&monolith), subject(&broker)],
            modes,
            profile: Profile::Quick,
            repeats,
            seed,
            overrides: Overrides::default(),
            capabilities: Capabilities::default(),
        };
        let plans = plans(&request).expect("a valid experiment");
        let line = |plan: &Plan| {
            let kind = match (&plan.not_applicable, plan.kind) {
                (Some(_), _) => " not applicable",
                (None, RunKind::Control) => " control",
                (None, RunKind::Fault) => "",
            };
            format!("{}/{}@{}/{}{kind}\n", plan.scenario, plan.target.name, plan.mode, plan.repeat)
        };
        plans.iter().map(line).collect()
    }

    #[test]
    fn targets_alternate_and_what_does_not_apply_is_controlled_once() {
        assert_snapshot!(order(&["broker-down", "coordinator-down"], Modes::default(), 3, 7), @r"
        broker-down/monolith@hardened/1 not applicable
        broker-down/monolith@hardened/1 control
        broker-down/broker@hardened/1
        coordinator-down/broker@hardened/1
        coordinator-down/monolith@hardened/1
        broker-down/broker@hardened/2
        coordinator-down/broker@hardened/2
        coordinator-down/monolith@hardened/2
        broker-down/broker@hardened/3
        coordinator-down/monolith@hardened/3
        coordinator-down/broker@hardened/3
        ");
    }

    #[test]
    fn a_scenario_for_each_component_is_many_runs() {
        let text = "version: 1\ntitle: One dies\nfor-each: component\n\
            method: [{fault: {kill: {role: each}}}]\n";
        let file = crate::scenario::decode("one.yaml", text).expect("a valid scenario");
        let (broker, workload) = (broker(), workload());
        let runs = |profile| {
            let request = ExperimentRequest {
                scenarios: vec![&file],
                subjects: vec![Subject { target: &broker, workload: &workload, modes: None }],
                modes: Modes::default(),
                profile,
                repeats: 1,
                seed: 7,
                overrides: Overrides::default(),
                capabilities: Capabilities::default(),
            };
            let plans = plans(&request).expect("a valid experiment");
            let line = |plan: &Plan| format!("{}: {}", plan.scenario, plan.timeline[0].title);
            let mut lines: Vec<String> = plans.iter().map(line).collect();
            lines.sort();
            lines.join("\n")
        };
        assert_snapshot!(runs(Profile::Standard), @r"
        one.orders: kill orders with SIGKILL
        one.payments: kill payments with SIGKILL
        one.proxy: kill proxy with SIGKILL
        one.rabbitmq: kill rabbitmq with SIGKILL
        ");
        assert_snapshot!(runs(Profile::Quick), @r"
        one.orders: kill orders with SIGKILL
        one.proxy: kill proxy with SIGKILL
        one.rabbitmq: kill rabbitmq with SIGKILL
        ");
    }

    #[test]
    fn all_expected_modes_are_run() {
        assert_snapshot!(order(&["coordinator-down"], Modes::Expected, 1, 7), @r"
        coordinator-down/broker@hardened/1
        coordinator-down/broker@naive/1
        coordinator-down/monolith@naive/1
        coordinator-down/monolith@hardened/1
        ");
    }

    #[test]
    fn the_seed_fixes_the_order() {
        let order = |seed| order(&["coordinator-down"], Modes::Expected, 5, seed);
        assert_eq!(order(1), order(1));
        assert!((2..20).any(|seed| order(seed) != order(1)));
    }

    #[test]
    fn every_mistake_of_an_experiment_is_told_once() {
        let (file, monolith, workload) = (library("broker-down"), monolith(), workload());
        let modes = Modes::Named(vec!["naiv".to_owned(), "notes".to_owned()]);
        let request = ExperimentRequest {
            scenarios: vec![&file, &file],
            subjects: vec![Subject { target: &monolith, workload: &workload, modes: None }],
            modes,
            profile: Profile::Quick,
            repeats: 3,
            seed: 1,
            overrides: Overrides::default(),
            capabilities: Capabilities::default(),
        };
        let errors = plans(&request).expect_err("two modes that are not there");
        let mut shown: Vec<String> = errors.iter().map(ToString::to_string).collect();
        shown.sort();
        assert_snapshot!(shown.join("\n"), @r"
        target `monolith` has no mode `naiv` (it has naive, hardened)
        target `monolith` has no mode `notes` (it has naive, hardened)
        ");
    }
}
