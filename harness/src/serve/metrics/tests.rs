//! Events in, text of Prometheus out.

use std::collections::{BTreeMap, BTreeSet};

use super::exposition::read;
use super::*;
use crate::recorder::Recorder;
use chaos_reports::record::Moment;
use chaos_reports::record::event::{Ending, Event, FORMAT, Host, Phase};
use chaos_reports::record::window::Window;
use chaos_scenarios::plan::capability::Capabilities;
use chaos_scenarios::plan::compile::{Overrides, PlanRequest};
use chaos_scenarios::plan::profile::Profile;
use chaos_scenarios::{scenario, target, workload};

const COMPOSE: &str = "
services:
  entry: {image: proxy}
  broker: {image: broker}
x-chaos:
  version: 1
  title: A target in memory
  entry: http://entry:8080
  roles: {entry: proxy, broker: broker}
";

const SCENARIO: &str = "
version: 1
title: The broker dies twice
steady-state-hypothesis: {title: Orders are taken, probes: [availability >= 99%]}
method:
  - {fault: {kill: {role: broker}}, pulse: {off: 3s, on: 6s, times: 2}}
";

fn plan() -> Plan {
    let source = scenario::decode("flapping.yaml", SCENARIO).expect("a valid scenario");
    let target = target::decode("compose.yaml", "memory", COMPOSE).expect("a valid target");
    Plan::compile(&PlanRequest {
        source: &source,
        target: &target,
        workload: &workload::builtin("checkout").expect("it is built in"),
        each: None,
        mode: "hardened",
        profile: Profile::Quick,
        seed: 1,
        repeat: 1,
        overrides: &Overrides::default(),
        capabilities: &Capabilities::default(),
    })
    .expect("the scenario fits the target")
}

fn run(metrics: &Metrics, plan: &Plan) -> Recorder {
    let recorder = Recorder::new(Box::new(Vec::new())).observed_by(metrics.observe(plan));
    recorder.emit(Event::Started {
        format: FORMAT,
        run: "r-1".to_owned(),
        experiment: "r".to_owned(),
        version: "0".to_owned(),
        wall_clock: 0,
        host: Host::default(),
        plan: Box::new(plan.clone()),
    });
    recorder
}

fn end(recorder: &Recorder) {
    recorder.emit(Event::Ended { ending: Ending::Complete, wall_clock: 0 });
}

fn window(class: &str) -> Event {
    let latencies = vec![(400, 1), (30_000, 2), (3_000_000, 1)];
    Event::Window(Window {
        class: class.to_owned(),
        due: 5,
        good: 3,
        unknown: 1,
        not_sent: 1,
        latencies,
        ..Window::default()
    })
}

fn pending(counts: &[(&str, u64)]) -> Event {
    let counts = counts.iter().map(|(kind, count)| ((*kind).to_owned(), *count)).collect();
    Event::Pending { counts, silent: Vec::new() }
}

fn generator() -> Event {
    let lag = vec![(40, 4), (700, 1)];
    Event::Generator { due: 5, sent: 4, not_sent: 1, lag, cpu: 0, orders_in_flight: 2 }
}

/// Our own figures that are not 0, without the labels of the cell.
fn told(metrics: &Metrics) -> String {
    let text = metrics.text();
    let ours = text.lines().filter(|line| {
        line.starts_with("chaos_") && !line.ends_with(" 0") && !line.contains("build_info")
    });
    ours.map(|line| line.replace("mode=\"hardened\",scenario=\"flapping\",target=\"memory\"", "…"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_figure_is_counted_from_the_events_of_a_run() {
    let metrics = Metrics::new();
    metrics.plan(3);
    let recorder = run(&metrics, &plan());
    recorder.emit(Event::PhaseStarted { phase: Phase::Baseline });
    recorder.emit(Event::PhaseStarted { phase: Phase::Test });
    recorder.emit(window("order"));
    recorder.emit(generator());
    recorder.emit(pending(&[("outbox", 3), ("queue", 1)]));
    recorder.emit(pending(&[("outbox", 2)]));
    recorder.emit(Event::FaultArmed { fault: 1, heal: Vec::new() });
    recorder.emit(Event::FaultInjected { fault: 1 });
    insta::assert_snapshot!(told(&metrics));
}

#[test]
fn what_was_true_of_a_run_is_not_told_after_its_end_and_what_was_counted_is() {
    let metrics = Metrics::new();
    let recorder = run(&metrics, &plan());
    recorder.emit(Event::PhaseStarted { phase: Phase::Test });
    recorder.emit(window("order"));
    recorder.emit(generator());
    recorder.emit(pending(&[("outbox", 3)]));
    recorder.emit(Event::FaultInjected { fault: 1 });
    end(&recorder);
    metrics.judged(Verdict::Held);
    let told = told(&metrics);
    for gone in ["chaos_phase", "chaos_fault", "chaos_pending", "in_flight"] {
        assert!(!told.contains(gone), "{gone}: {told}");
    }
    assert!(told.contains("chaos_runs_total{verdict=\"held\"} 1"), "{told}");
    let again = run(&metrics, &plan());
    again.emit(window("order"));
    end(&again);
    let samples = read(&metrics.text());
    let good = samples.iter().find(|it| it.labels.get("outcome").is_some_and(|it| it == "good"));
    assert!(good.is_some_and(|it| (it.value - 6.0).abs() < 0.5), "repeats go on: {good:?}");
}

#[test]
fn a_fault_acts_from_its_injection_to_the_end_of_its_undo() {
    let metrics = Metrics::new();
    let recorder = run(&metrics, &plan());
    let active = |count| {
        metrics.text().contains(&format!("fault=\"kill broker\",mode=\"hardened\",scenario=\"flapping\",target=\"memory\"}} {count}"))
    };
    assert!(active(0), "{}", metrics.text());
    recorder.emit(Event::FaultInjected { fault: 2 });
    assert!(active(1), "{}", metrics.text());
    let (effective, ready, evidence) = (Moment(0), None, Vec::new());
    recorder.emit(Event::FaultHealed { fault: 2, effective, ready, evidence });
    assert!(active(0), "{}", metrics.text());
}

#[test]
fn all_that_is_told_has_help_and_a_type_and_can_be_read() {
    let metrics = Metrics::new();
    let recorder = run(&metrics, &plan());
    recorder.emit(window("order"));
    let text = metrics.text();
    assert!(read(&text).len() > 50, "{text}");
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_threads"] {
        assert!(text.contains(&format!("\n{name} ")), "{name} is missing");
    }
}

#[test]
fn neither_targets_nor_files_can_fill_the_memory_with_names() {
    let metrics = Metrics::new();
    let recorder = run(&metrics, &plan());
    for n in 0..2_000 {
        recorder.emit(window(&format!("class {n}")));
        recorder.emit(pending(&[(&format!("kind {n}"), 1)]));
    }
    let samples = read(&metrics.text());
    assert!(samples.len() < 1_000, "{}", samples.len());
    let requests = samples.iter().filter(|sample| sample.name == "chaos_requests_total");
    let total: f64 = requests.map(|sample| sample.value).sum();
    assert!((total - 10_000.0).abs() < 0.5, "nothing is left out: {total}");
}

#[test]
fn names_are_read_as_they_were_told_whatever_stands_in_them() {
    let metrics = Metrics::new();
    let mut plan = plan();
    let nasty = ["a\"b", "\\", "\\n", "\n", "{a=\"b\"} 1", "ä\u{0}\r\u{2028}", "", " ", ",}"];
    plan.scenario = nasty.concat();
    let recorder = run(&metrics, &plan);
    for name in nasty {
        recorder.emit(window(name));
    }
    let samples = read(&metrics.text());
    let requests: Vec<_> = samples.iter().filter(|it| it.name == "chaos_requests_total").collect();
    assert!(requests.iter().all(|it| it.labels["scenario"] == plan.scenario), "{requests:?}");
    let classes: BTreeSet<&str> = requests.iter().map(|it| it.labels["class"].as_str()).collect();
    assert_eq!(classes, BTreeSet::from(nasty));
}

#[test]
fn the_latest_cells_are_told() {
    let metrics = Metrics::new();
    let mut plan = plan();
    let mut sizes = BTreeMap::new();
    for n in 0..3 * CELLS {
        plan.scenario = format!("scenario-{n}");
        let recorder = run(&metrics, &plan);
        recorder.emit(window("order"));
        end(&recorder);
        sizes.insert(n, metrics.text().len());
    }
    assert!(sizes[&(3 * CELLS - 1)] < sizes[&CELLS] + 2_000, "{sizes:?}");
    let text = metrics.text();
    assert!(text.contains(&format!("scenario-{}\"", 3 * CELLS - 1)));
    assert!(!text.contains("scenario-0\""), "the oldest gave way");
    read(&text);
}
