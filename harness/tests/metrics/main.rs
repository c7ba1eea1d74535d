//! The figures of a real load, read over HTTP while it runs: by a parser, by the linter of
//! Prometheus, and by Prometheus itself, from Debian's packages (`ci/setup --test` gets them).

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod prometheus;
#[path = "../truth_load/run.rs"]
#[expect(dead_code, reason = "shared with the tests of the load")]
mod run;
#[path = "../truth_load/server.rs"]
#[expect(dead_code, reason = "shared with the tests of the load")]
mod server;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_harness::load::Generator;
use chaos_harness::port::{Load, LoadGenerator};
use chaos_harness::recorder::Recorder;
use chaos_harness::serve::Door;
use chaos_harness::serve::metrics::{Metrics, PATH};
use chaos_scenarios::plan::capability::Capabilities;
use chaos_scenarios::plan::compile::{Overrides, PlanRequest};
use chaos_scenarios::plan::profile::Profile;
use chaos_scenarios::plan::{LoadPlan, Plan};
use chaos_scenarios::{library, scenario, target};
use prometheus::Prometheus;
use server::{Mode, Server};
use tokio::time::sleep;
use tokio_util::sync::DropGuard;

const RATE: f64 = 200.0;
const TIMEOUT: Duration = Duration::from_secs(1);
const COMPOSE: &str = "
services:
  entry: {image: proxy}
x-chaos:
  version: 1
  title: A server that is no container
  entry: http://entry:8080
  roles: {entry: proxy}
";

/// A plan that carries this load.
fn plan(load: &LoadPlan) -> Plan {
    let text = library::text("baseline").unwrap();
    let source = scenario::decode("baseline.yaml", text).unwrap();
    let target = target::decode("compose.yaml", "stub", COMPOSE).unwrap();
    let request = PlanRequest {
        source: &source,
        target: &target,
        workload: &load.workload,
        each: None,
        mode: "hardened",
        profile: Profile::Quick,
        seed: 1,
        repeat: 1,
        overrides: &Overrides::default(),
        capabilities: &Capabilities::default(),
    };
    Plan::compile(&request).unwrap()
}

fn metrics() -> (Arc<Metrics>, SocketAddr, DropGuard) {
    let metrics = Arc::new(Metrics::new());
    let door = Door::open(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), false).unwrap();
    let address = door.address();
    let serving = door.serve(Arc::clone(&metrics) as _).unwrap();
    (metrics, address, serving)
}

async fn scrape(address: SocketAddr) -> String {
    let response = reqwest::get(format!("http://{address}{PATH}")).await.unwrap();
    assert_eq!(response.status(), 200);
    let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(media_type.starts_with("text/plain; version=0.0.4"), "{media_type}");
    response.text().await.unwrap()
}

/// The value of the one sample whose line begins so.
fn value(text: &str, begins: &str, holds: &str) -> f64 {
    let mut found = text.lines().filter(|line| line.starts_with(begins) && line.contains(holds));
    let line = found.next().unwrap_or_else(|| panic!("no {begins} {holds} in {text}"));
    assert_eq!(found.next(), None, "one sample");
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_sees_what_the_journal_says() {
    let (metrics, address, _serving) = metrics();
    let watcher = Prometheus::watching(address);
    let server = Server::start(Mode::COMPLETED);
    let load = run::plan("direct", RATE, TIMEOUT);
    let recorder = Recorder::new(Box::new(Vec::new())).observed_by(metrics.observe(&plan(&load)));
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("orders.jsonl.zst");
    let running = Generator.start(&load, 7, &server.url(), &ledger, &recorder).await.unwrap();
    sleep(Duration::from_secs(2)).await;
    server.set(Mode::Hang);
    sleep(Duration::from_secs(1)).await;
    let during = scrape(address).await;
    assert!(value(&during, "chaos_requests_total", "good") > 0.0, "{during}");
    assert!(value(&during, "chaos_orders_in_flight", "") > 0.0, "{during}");
    prometheus::lint(&during);
    server.set(Mode::COMPLETED);
    sleep(Duration::from_secs(2)).await;
    running.stop().await.unwrap();

    let windows = recorder.read(|record| record.windows["order"].clone());
    let total = |of: fn(&chaos_reports::record::window::Window) -> u32| {
        windows.iter().map(|window| f64::from(of(window))).sum::<f64>()
    };
    let (good, unknown) = (total(|it| it.good), total(|it| it.unknown));
    assert!(good > 100.0 && unknown > 10.0, "{good} {unknown}");
    let cell = r#"scenario="baseline",target="stub",mode="hardened",class="order""#;
    let query = |outcome: &str| format!(r#"chaos_requests_total{{{cell},outcome="{outcome}"}}"#);
    watcher.until(&query("good"), good).await;
    watcher.until(&query("unknown"), unknown).await;
    let sent = total(|it| it.due - it.not_sent);
    watcher.until(&format!("chaos_request_duration_seconds_count{{{cell}}}"), sent).await;
    let due = recorder.read(|record| record.generator.due);
    watcher.until("sum(chaos_arrivals_due_total)", due as f64).await;
    watcher.until("sum(chaos_orders_in_flight)", 0.0).await;
    watcher.until("min(up)", 1.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_is_quick_beside_a_load() {
    let (metrics, address, _serving) = metrics();
    let server = Server::start(Mode::COMPLETED);
    let load = run::plan("direct", RATE, TIMEOUT);
    let recorder = Recorder::new(Box::new(Vec::new())).observed_by(metrics.observe(&plan(&load)));
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("orders.jsonl.zst");
    let running = Generator.start(&load, 7, &server.url(), &ledger, &recorder).await.unwrap();
    let mut slowest = Duration::ZERO;
    let mut before = 0.0;
    for _ in 0..20 {
        let asked = Instant::now();
        let text = scrape(address).await;
        slowest = slowest.max(asked.elapsed());
        let due = value(&text, "chaos_arrivals_due_total", "");
        assert!(due >= before, "a counter never falls");
        before = due;
        sleep(Duration::from_millis(100)).await;
    }
    running.stop().await.unwrap();
    eprintln!("slowest of 20 scrapes: {slowest:?}");
    assert!(before > 0.0);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}
