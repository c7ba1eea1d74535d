//! Scenarios as text in, plans as text out.

use insta::assert_snapshot;

use super::capability::{Capabilities, Capability};
use super::fixture::{broker, library, monolith, workload};
use super::profile::Profile;
use super::{CompileError, Overrides, Plan, PlanRequest, RunKind, control_of, render};
use crate::expectation::Expectation;
use crate::quantity::Span;
use crate::scenario::{self, ScenarioFile};
use crate::target::Target;

/// A scenario file with this method, and whatever else.
pub(super) fn file(rest: &str) -> ScenarioFile {
    let text = format!("version: 1\ntitle: A test\n{rest}");
    scenario::decode("test.yaml", &text).unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

struct Asked {
    mode: &'static str,
    profile: Profile,
    seed: u64,
    overrides: Overrides,
    capabilities: Capabilities,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            mode: "hardened",
            profile: Profile::Quick,
            seed: 42,
            overrides: Overrides::default(),
            capabilities: Capabilities::default(),
        }
    }
}

fn compile_as(asked: &Asked, source: &ScenarioFile, target: &Target) -> Result<Plan, CompileError> {
    Plan::compile(&PlanRequest {
        source,
        target,
        workload: &workload(),
        each: source.scenario.for_each.map(|_| "proxy"),
        mode: asked.mode,
        profile: asked.profile,
        seed: asked.seed,
        repeat: 1,
        overrides: &asked.overrides,
        capabilities: &asked.capabilities,
    })
}

pub(super) fn compile(source: &ScenarioFile, target: &Target) -> Result<Plan, CompileError> {
    compile_as(&Asked::default(), source, target)
}

/// What is wrong with a method on the monolith.
pub(super) fn refused(rest: &str) -> String {
    compile(&file(rest), &monolith()).expect_err("a scenario that does not fit").to_string()
}

/// The timeline in one line per fault.
pub(super) fn timeline(plan: &Plan) -> String {
    let line = |fault: &super::PlannedFault| {
        let until = fault.until.map_or("ever".to_owned(), |until| until.to_string());
        format!("{} {}-{until} {}\n", fault.id, fault.at, fault.title)
    };
    plan.timeline.iter().map(line).collect()
}

fn shown(expectations: &[Expectation]) -> String {
    expectations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_plan_says_everything_that_will_be_done() {
    let plan = compile(&library("broker-down"), &broker()).expect("it applies");
    assert_snapshot!(render(&plan), @r"
    broker-down on broker@hardened: The broker dies and comes back
      seed 42, repeat 1, profile quick

      components
        proxy     proxy    ×1  chaos-proxy, 256MiB
        orders    service  ×1  chaos-service, 256MiB
        payments  service  ×1  chaos-service, 256MiB
        rabbitmq  broker   ×1  chaos-broker, 256MiB

      load
        workload checkout with 2 classes of requests, into http://proxy:8080
        from 0s on: 100/s (constant)
        goose with 320 users, timeout 3s

      phases
        warm-up 3s, baseline 6s, test 6s, horizon 6s, keep 4s
        recovery at most 1m after the test, drain at most 31s

      timeline (seconds of the test phase)
           0.000  kill rabbitmq with SIGKILL
                  do    kill rabbitmq-1 with SIGKILL
                  felt  rabbitmq-1 has ended
                  felt  rabbitmq-1 cannot be reached
           6.000  end of kill
                  undo  start rabbitmq-1
                  done  rabbitmq-1 runs
                  done  rabbitmq-1 is ready

      before the fault
        availability >= 99%
        p95 <= 500ms

      expected
        availability.accepted >= 99%
        recovery < 30s
        recovery.full < 45s
        lost == 0
        duplicate == 0
        invalid == 0
        phantom == 0
        wrong == 0

      stops the run
        host.memory-free < 256MiB
    ");
}

#[test]
fn the_analogue_takes_the_place_of_the_role() {
    let plan = compile(&library("coordinator-down"), &monolith()).expect("it applies");
    assert_snapshot!(timeline(&plan), @"1 0s-6s kill app ×2 with SIGKILL (the analogue of role `broker` here)");
    assert_eq!(plan.timeline[0].components, ["app"]);
    assert_eq!(plan.timeline[0].injection.inject.len(), 2);
}

#[test]
fn a_role_that_is_not_there_is_an_error_or_not_applicable() {
    let plan = compile(&library("broker-down"), &monolith()).expect("a plan that is not run");
    assert_snapshot!(plan.not_applicable.clone().unwrap_or_default(), @"monolith has no component with the role `broker`");
    assert!(plan.timeline.is_empty());
    assert_snapshot!(refused("method:\n  - fault: {kill: {role: broker}}\n"), @"test.yaml:4:26: monolith has no component with the role `broker` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)");
    assert_snapshot!(refused("method:\n  - fault: {kill: {name: ap}}\n"), @"test.yaml:4:26: monolith has no component called `ap` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)");
    let analogue = "    analogue: {monolith: {role: pipeline-manager}}\n";
    let text = format!("method:\n  - fault: {{kill: {{role: broker}}}}\n{analogue}");
    assert_snapshot!(refused(&text), @"test.yaml:5:33: monolith has no component with the role `pipeline-manager` (it has proxy (proxy), app (app), database (database); name an `analogue` for monolith, or say `on-missing: not-applicable`)");
}

#[test]
fn what_cannot_be_is_found_before_it_starts() {
    assert_snapshot!(
        refused("method:\n  - {at: 119m, for: 2m, fault: {kill: {role: app}}}\n"), @"test.yaml:4:21: this fault ends at 2h1m; a timeline ends within 2h"
    );
    assert_snapshot!(
        refused(concat!(
            "method:\n",
            "  - {at: 5s, for: 5s, fault: {kill: {role: app}}}\n",
            "  - {at: 9s, for: 5s, fault: {kill: {name: app-2}}}\n",
        )),
        @"test.yaml:5:5: this fault acts on app-2 while step 1 of the method still does, and both change whether it runs (let one end before the other begins, or choose other replicas)"
    );
    assert_snapshot!(
        refused("expect:\n  default: [availability.acepted > 1%, availability.orders > 1%]\n"), @r"
    test.yaml:4:13: the workload `checkout` has no class `acepted` (did you mean `availability.accepted`?)
    test.yaml:4:40: the workload `checkout` has no class `orders` (did you mean `availability.order`?)
    "
    );
}

#[test]
fn everything_at_once_must_be_said() {
    let mut target = broker();
    target.components.retain(|component| component.role == crate::target::Role::Service);
    let method = |selector: &str| format!("method:\n  - fault: {{kill: {{{selector}}}}}\n");
    let on = |selector: &str| compile(&file(&method(selector)), &target);
    let wrong = on("role: service").expect_err("all of it").to_string();
    assert_snapshot!(wrong, @"test.yaml:4:26: role `service` means every component of broker alike (say `role: all` if everything is meant, or `name:` one component)");
    let half = on("role: service, mode: {fixed-percent: 50}").expect("half of it");
    assert_eq!(half.timeline[0].injection.inject.len(), 1);
    let wrong = on("role: service, mode: {fixed-percent: 51}").expect_err("all of it").to_string();
    assert_snapshot!(wrong, @"test.yaml:4:26: 51 % of role `service` means every component of broker alike (say `role: all` if everything is meant, or `name:` one component)");
    let text = format!("{}    on-missing: not-applicable\n", method("role: service"));
    let plan = compile(&file(&text), &target).expect("a plan that is not run");
    assert_snapshot!(plan.not_applicable.unwrap_or_default(), @"role `service` means every component of broker alike");
    for said in ["role: all", "name: orders", "role: service, mode: one"] {
        on(said).unwrap_or_else(|wrong| panic!("{said}: {wrong}"));
    }
}

#[test]
fn faults_are_sorted_and_numbered_by_their_time() {
    let text = concat!(
        "method:\n",
        "  - {at: 10s, for: 5s, fault: {kill: {role: app, mode: one, signal: TERM}}}\n",
        "  - {fault: {kill: {role: app}}}\n",
        "  - {at: 8s, for: {quick: 1s}, fault: {kill: {role: database}}}\n",
    );
    let plan = compile(&file(text), &monolith()).expect("a valid plan");
    assert_snapshot!(timeline(&plan), @r"
    1 0s-6s kill app ×2 with SIGKILL
    2 8s-9s kill database with SIGKILL
    3 10s-15s kill app-1 with SIGTERM
    ");
    assert_eq!(plan.phases.test.to_string(), "15s");
}

#[test]
fn chance_is_fixed_by_the_seed() {
    let source = file("method:\n  - fault: {kill: {role: app, mode: random}}\n");
    let drawn = |seed| {
        let asked = Asked { seed, ..Asked::default() };
        compile_as(&asked, &source, &monolith()).expect("a valid plan")
    };
    assert_eq!(drawn(1), drawn(1));
    let titles: std::collections::BTreeSet<_> =
        (0..20).map(|seed| drawn(seed).timeline[0].title.clone()).collect();
    assert_eq!(titles.len(), 2, "both replicas are drawn sooner or later: {titles:?}");
}

#[test]
fn without_a_block_the_usual_is_expected() {
    let source = file("method:\n  - fault: {kill: {role: app}}\n");
    let expect = |mode| {
        let asked = Asked { mode, ..Asked::default() };
        shown(&compile_as(&asked, &source, &monolith()).expect("a valid plan").expect)
    };
    assert_snapshot!(expect("hardened"), @"recovery < 1m6s, lost == 0, duplicate == 0, invalid == 0, phantom == 0, wrong == 0");
    assert_snapshot!(expect("naive"), @"recovery < 1m6s");
}

#[test]
fn the_nearest_block_counts_and_thresholds_are_added() {
    let source = file(concat!(
        "expect:\n",
        "  monolith: [p95 < 1s]\n",
        "  monolith@naive: [p95 < 2s]\n",
        "  default: [recovery.full < 10m]\n",
    ));
    let threshold = |text: &str| Expectation::parse(text).expect("valid");
    let thresholds = vec![
        threshold("lost == 0"),
        threshold("dead == 0 for monolith"),
        threshold("stuck == 0 for monolith@naive"),
        threshold("fine > 1 for other"),
    ];
    let asked = |mode| {
        let overrides = Overrides { thresholds: thresholds.clone(), ..Overrides::default() };
        Asked { mode, overrides, ..Asked::default() }
    };
    let expect = |mode, target: &Target| {
        shown(&compile_as(&asked(mode), &source, target).expect("a valid plan").expect)
    };
    assert_snapshot!(expect("hardened", &monolith()), @"p95 < 1s, lost == 0, dead == 0 for monolith");
    assert_snapshot!(expect("naive", &monolith()), @"p95 < 2s, lost == 0, stuck == 0 for monolith@naive");
    assert_snapshot!(expect("hardened", &broker()), @"recovery.full < 10m, lost == 0");
    let plan = compile(&source, &broker()).expect("a valid plan");
    assert_eq!(plan.phases.recovery_limit.to_string(), "9m54s", "10m after the fault");
}

#[test]
fn the_rate_decides_users_and_engine() {
    let source = file("load: {rate: 50/s, stages: [{at: 2s, rate: 200/s}, {at: 8s, rate: 50}]}\n");
    let load = |rate: Option<&str>, timeout| {
        let rate = rate.map(|rate| rate.parse().expect("a rate"));
        let overrides = Overrides { rate, timeout, ..Overrides::default() };
        let plan = compile_as(&Asked { overrides, ..Asked::default() }, &source, &monolith());
        let load = plan.expect("a valid plan").load;
        let stages = load.stages.iter().map(|it| format!("{} {}", it.from, it.rate));
        format!("{} {} users: {}", load.engine, load.users, stages.collect::<Vec<_>>().join(", "))
    };
    assert_snapshot!(load(None, None), @"goose 640 users: 0s 50/s, 11s 200/s, 17s 50/s");
    assert_snapshot!(load(Some("1000/s"), None), @"direct 12800 users: 0s 1000/s, 11s 4000/s, 17s 1000/s");
    let short = Some(Span::milliseconds(100));
    assert_snapshot!(load(Some("2500/s"), short), @"goose 3001 users: 0s 2500/s, 11s 10000/s, 17s 2500/s");
    assert_snapshot!(load(Some("2600/s"), short), @"direct 3121 users: 0s 2600/s, 11s 10400/s, 17s 2600/s");
    let usual = compile(&library("baseline"), &monolith()).expect("a valid plan").load;
    assert_eq!((usual.stages[0].rate.value(), usual.users), (100.0, 320));
}

#[test]
fn profiles_set_the_phases() {
    let phases = |profile| {
        let asked = Asked { profile, ..Asked::default() };
        compile_as(&asked, &library("baseline"), &broker()).expect("a valid plan").phases
    };
    assert_snapshot!(format!("{:?}", phases(Profile::Standard)), @"Phases { warm_up: Span(5s), baseline: Span(15s), test: Span(15s), horizon: Span(15s), recovery_limit: Span(60s), keep: Span(10s), drain_limit: Span(31s) }");
    assert_eq!(phases(Profile::Thorough).warm_up.to_string(), "20s");
}

#[test]
fn wrong_settings_name_what_there_is() {
    let wrong = |asked: Asked| {
        compile_as(&asked, &library("baseline"), &monolith()).expect_err("wrong").to_string()
    };
    let off = |name: &str| Overrides { safeguards_off: vec![name.into()], ..Overrides::default() };
    let engine = Overrides { engine: Some("k6".to_owned()), ..Overrides::default() };
    assert_snapshot!(wrong(Asked { mode: "naiv", ..Asked::default() }), @"target `monolith` has no mode `naiv` (it has naive, hardened)");
    assert_snapshot!(wrong(Asked { overrides: off("OUTBX"), ..Asked::default() }), @"target `monolith` has no safeguard `OUTBX` (did you mean `OUTBOX`?)");
    assert_snapshot!(wrong(Asked { overrides: engine, ..Asked::default() }), @"no engine is called `k6` (there are goose and direct)");
}

#[test]
fn what_the_machine_lacks_is_said_in_the_plan() {
    let lacking = [(Capability::ContainerControl, "the daemon refuses it".to_owned())].into();
    let asked = Asked { capabilities: Capabilities { lacking }, ..Asked::default() };
    let plan = compile_as(&asked, &library("broker-down"), &broker()).expect("a plan");
    assert_snapshot!(plan.host_lacks.unwrap_or_default(), @"control of containers is lacking: the daemon refuses it");
}

#[test]
fn a_control_is_the_same_load_without_a_fault() {
    let plan = compile(&library("coordinator-down"), &monolith()).expect("a valid plan");
    let control = control_of(&plan);
    assert_eq!(control.kind, RunKind::Control);
    assert_eq!(
        (&control.load, control.phases, &control.scenario),
        (&plan.load, plan.phases, &plan.scenario)
    );
    assert!(control.timeline.is_empty());
    assert_snapshot!(shown(&control.expect), @"availability >= 99%, p95 <= 500ms, lost == 0, duplicate == 0, invalid == 0, phantom == 0, wrong == 0");
}

#[test]
fn every_library_scenario_compiles_in_every_mode_and_profile() {
    for name in crate::library::names() {
        for target in [monolith(), broker()] {
            for mode in ["hardened", "naive"] {
                for profile in Profile::ALL {
                    let asked = Asked { mode, profile, ..Asked::default() };
                    let plan = compile_as(&asked, &library(name), &target).expect(name);
                    assert!(!plan.expect.is_empty(), "{name} expects nothing of {}", target.name);
                    let read = serde_json::to_string(&plan).expect("a plan is JSON");
                    assert_eq!(serde_json::from_str::<Plan>(&read).expect("and back"), plan);
                }
            }
        }
    }
}
