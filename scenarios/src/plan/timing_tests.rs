//! When faults begin, and which of them may meet.

use insta::assert_snapshot;

use super::tests::{compile, file, refused, timeline};
use super::{fixture, render};

/// The timeline of a method on the monolith, one fault a line.
fn on_monolith(rest: &str) -> String {
    timeline(&compile(&file(rest), &fixture::monolith()).expect("a valid plan"))
}

#[test]
fn a_pulse_becomes_one_fault_after_the_other() {
    let text = concat!(
        "method:\n",
        "  - {at: 1s, fault: {kill: {role: app}}, pulse: {off: 3s, on: 6s, times: 3}}\n",
    );
    let plan = compile(&file(text), &fixture::monolith()).expect("a valid plan");
    assert_snapshot!(timeline(&plan), @r"
    1 1s-4s kill app ×2 with SIGKILL, 1 of 3
    2 10s-13s kill app ×2 with SIGKILL, 2 of 3
    3 19s-22s kill app ×2 with SIGKILL, 3 of 3
    ");
    assert_eq!(plan.phases.test.to_string(), "22s");
    assert_eq!(plan.timeline[0].after, None);
    let shown = render(&plan);
    let line = shown.lines().find(|line| line.contains("once")).expect("it waits");
    assert_snapshot!(line, @"              once  #1 is over and ready again, and 6s later");
}

#[test]
fn a_rolling_restart_takes_replica_by_replica() {
    let text = "method:\n  - {at: 1s, fault: {rolling-restart: {role: all, gap: 2s}}}\n";
    assert_snapshot!(on_monolith(text), @r"
    1 1s-1s restart proxy gracefully, one by one
    2 3s-3s restart app-1 gracefully, one by one
    3 5s-5s restart app-2 gracefully, one by one
    4 7s-7s restart database gracefully, one by one
    ");
}

#[test]
fn a_step_may_wait_for_another_one() {
    let text = concat!(
        "method:\n",
        "  - {id: crash, for: 4s, fault: {crash: {role: app, mode: one}}}\n",
        "  - {at: {after: crash, plus: 3s}, for: 2s, fault: {pause: {role: database}}}\n",
        "  - {at: 2s, for: 3s, fault: {disconnect: {role: proxy}}}\n",
    );
    assert_snapshot!(on_monolith(text), @r"
    1 0s-4s crash app-1
    2 2s-5s disconnect proxy
    3 7s-9s pause database
    ");
}

#[test]
fn faults_may_overlap_unless_they_contradict_each_other() {
    // The same time on different replicas, and different things of one replica.
    assert_snapshot!(on_monolith(concat!(
        "method:\n",
        "  - {fault: {kill: {name: app-1}}}\n",
        "  - {fault: {pause: {name: app-2}}}\n",
        "  - {at: 1s, fault: {disconnect: {name: app-2}}}\n",
        "  - {at: 1s, fault: {memory: {name: app-2, limit: 50MiB}}}\n",
    )), @r"
    1 0s-6s kill app-1 with SIGKILL
    2 0s-6s pause app-2
    3 1s-7s disconnect app-2
    4 1s-7s limit the memory of app-2 to 50MiB
    ");
    // What ends when the other begins does not meet it.
    assert_snapshot!(on_monolith(concat!(
        "method:\n",
        "  - {for: 3s, fault: {kill: {role: app}}}\n",
        "  - {at: 3s, for: 3s, fault: {stop: {role: app}}}\n",
    )), @r"
    1 0s-3s kill app ×2 with SIGKILL
    2 3s-6s stop app ×2 gracefully
    ");
    let pair = |one: &str, other: &str| {
        let fault = |settings: &str| format!("  - {{at: 1s, for: 4s, fault: {{{settings}}}}}\n");
        refused(&format!("method:\n{}{}", fault(one), fault(other)))
    };
    assert_snapshot!(pair("pause: {role: app}", "kill: {name: app-2}"), @"test.yaml:5:5: this fault acts on app-2 while step 1 of the method still does, and both change whether it runs (let one end before the other begins, or choose other replicas)");
    assert_snapshot!(pair("stop: {role: app}", "kill: {role: app}"), @"test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change whether it runs (let one end before the other begins, or choose other replicas)");
    assert_snapshot!(pair("cpu: {role: app, limit: 1}", "cpu: {role: all, limit: 2}"), @"test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change its CPU limit (let one end before the other begins, or choose other replicas)");
    assert_snapshot!(pair("cpu-hog: {role: app}", "pause: {role: app}"), @"test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and one changes the CPU used up inside it, the other whether it runs (let one end before the other begins, or choose other replicas)");
    assert_snapshot!(pair("disconnect: {role: app}", "disconnect: {role: all}"), @"test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change its networks (let one end before the other begins, or choose other replicas)");
}

#[test]
fn traffic_becomes_part_of_the_schedule() {
    let text = concat!(
        "load: {rate: 50/s, stages: [{at: 4s, rate: 60/s}]}\n",
        "method:\n",
        "  - {at: 2s, for: 4s, fault: {traffic: {rate: 200/s}}}\n",
        "  - {at: 8s, fault: {traffic: {rate: 10/s}}, pulse: {off: 1s, on: 1s, times: 2}}\n",
    );
    let plan = compile(&file(text), &fixture::monolith()).expect("a valid plan");
    assert_snapshot!(timeline(&plan), @r"
    1 2s-6s traffic of 200/s
    2 8s-9s traffic of 10/s, 1 of 2
    3 10s-11s traffic of 10/s, 2 of 2
    ");
    let stages = plan.load.stages.iter().map(|it| format!("{} {}", it.from, it.rate));
    assert_snapshot!(stages.collect::<Vec<_>>().join(", "), @"0s 50/s, 11s 200/s, 13s 200/s, 15s 60/s, 17s 10/s, 18s 60/s, 19s 10/s, 20s 60/s");
    assert_snapshot!(refused(concat!(
        "method:\n",
        "  - {at: 2s, for: 4s, fault: {traffic: {rate: 200/s}}}\n",
        "  - {at: 5s, fault: {traffic: {rate: 10/s}}}\n",
    )), @"test.yaml:5:5: this traffic begins while that of step 1 lasts");
}

#[test]
fn what_is_removed_for_good_is_not_asked_any_more() {
    let mut target = fixture::monolith();
    let admin = crate::target::Endpoint { component: "app".to_owned(), ..target.entry.clone() };
    target.audit = vec![admin.clone(), target.entry.clone()];
    target.pending = vec![admin];
    let plan = |mode: &str| {
        let text = format!("method: [{{fault: {{remove: {{role: app, mode: {mode}}}}}}}]\n");
        compile(&file(&text), &target).expect("a valid plan")
    };
    assert_eq!((plan("one").target.audit.len(), plan("one").target.pending.len()), (2, 1));
    assert_eq!((plan("all").target.audit.len(), plan("all").target.pending.len()), (1, 0));
    assert_eq!(plan("all").timeline[0].until, None);
}

#[test]
fn a_contradiction_with_what_has_no_length_is_found() {
    assert_snapshot!(refused(concat!(
        "method:\n",
        "  - {for: 9s, fault: {pause: {role: app}}}\n",
        "  - {at: 3s, fault: {rolling-restart: {role: app}}}\n",
    )), @"test.yaml:5:5: this fault acts on app-1 while step 1 of the method still does, and both change whether it runs (let one end before the other begins, or choose other replicas)");
}

#[test]
fn more_faults_than_a_run_may_have_are_refused() {
    let step = "  - {fault: {kill: {role: app}}, pulse: {off: 1s, on: 1s, times: 100}}\n";
    let told = refused(&format!("method:\n{}", step.repeat(11)));
    assert_snapshot!(told, @"test.yaml:14:5: a run has at most 1000 faults");
}

#[test]
fn pulses_that_go_on_for_too_long_are_refused() {
    assert_snapshot!(refused(concat!(
        "method:\n",
        "  - {fault: {kill: {role: app}}, pulse: {off: 1m, on: 20s, times: 100}}\n",
    )), @"test.yaml:4:41: this fault ends at 2h13m; a timeline ends within 2h");
}

#[test]
fn a_share_of_the_replicas_is_rounded_up_and_drawn() {
    let mut target = fixture::monolith();
    target.components[1].replicas = 5;
    let drawn = |percent: u32, seed: u64| {
        let source = file(&format!(
            "method:\n  - fault: {{kill: {{role: app, mode: {{fixed-percent: {percent}}}}}}}\n"
        ));
        let selector = source.scenario.method[0].fault.selector().expect("it has one").clone();
        selector.resolve(&target, None, seed, "test")
    };
    let counts: Vec<usize> = [1, 20, 21, 50, 99, 100].map(|it| drawn(it, 1).len()).into();
    assert_eq!(counts, [1, 1, 2, 3, 5, 5]);
    let choices: std::collections::BTreeSet<_> = (0..60).map(|seed| drawn(40, seed)).collect();
    assert_eq!(choices.len(), 10, "every pair of five is drawn sooner or later");
    let ordered = |choice: &Vec<crate::action::Replica>| choice.is_sorted();
    assert!(choices.iter().all(ordered), "in the order of the target file");
}
