//! Runs a load against a server and collects everything that it left behind.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use chaos_harness::folder::read_orders;
use chaos_harness::load::{Generator, RunningLoad};
use chaos_harness::port::{Load, LoadGenerator};
use chaos_harness::recorder::Recorder;
use chaos_reports::record::order::OrderRecord;
use chaos_reports::record::run_record::RunRecord;
use chaos_reports::record::window::Window;
use chaos_scenarios::plan::LoadPlan;
use chaos_scenarios::quantity::{Rate, Span};
use chaos_scenarios::workload::{Arrival, Stage, Workload, decode};
use tempfile::TempDir;

use crate::server::Server;

const WORKLOAD: &str = r#"
version: 1
name: test
headline: order
timeout: 1s
requests:
  - class: order
    weight: 1
    method: POST
    path: /orders
    headers: {content-type: application/json}
    body: '{"order_id":"{{order_id}}"}'
    accept: [201, 202]
    bound: 200ms
    ledger: {id: "{{uuid}}", expect: completed, status-path: "/orders/{{order_id}}"}
"#;

/// The workload of these tests: nothing but orders.
pub fn workload(timeout: Duration) -> Workload {
    let mut workload = decode("test.yaml", WORKLOAD).expect("a right workload");
    workload.timeout = Span::from(timeout);
    workload
}

/// A plan of constant load with enough users for its timeout.
pub fn plan(engine: &str, rate: f64, timeout: Duration) -> LoadPlan {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    let users = (rate * (timeout.as_secs_f64() + 0.2)).ceil() as u32;
    let stage = Stage { from: Span::ZERO, rate: Rate::per_second(rate).expect("a rate") };
    LoadPlan {
        workload: workload(timeout),
        arrival: Arrival::Constant,
        stages: vec![stage],
        engine: engine.to_owned(),
        users,
    }
}

/// A load that runs.
pub struct Run {
    pub recorder: Recorder,
    load: RunningLoad,
    ledger: PathBuf,
    folder: TempDir,
}

impl Run {
    pub async fn start(plan: &LoadPlan, server: &Server) -> Self {
        Self::start_at(plan, &server.url()).await
    }

    pub async fn start_at(plan: &LoadPlan, url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("orders.jsonl.zst");
        let recorder = Recorder::new(Box::new(Vec::new()));
        let load = Generator.start(plan, 7, url, &ledger, &recorder).await.expect("a load");
        Self { recorder, load, ledger, folder }
    }

    pub fn orders_in_flight(&self) -> u64 {
        self.load.orders_in_flight()
    }

    pub async fn stop(self) -> Left {
        let stopping = Instant::now();
        self.load.stop().await.expect("a whole ledger");
        let stop = stopping.elapsed();
        let record = self.recorder.read(Clone::clone);
        let orders = read_orders(&self.ledger).expect("a ledger");
        drop(self.folder);
        Left { record, orders, epoch: self.recorder.epoch().into_std(), stop }
    }
}

/// What a load left behind.
pub struct Left {
    pub record: RunRecord,
    pub orders: Vec<OrderRecord>,
    pub epoch: Instant,
    /// How long the stop took.
    pub stop: Duration,
}

impl Left {
    pub fn windows(&self) -> &[Window] {
        self.record.windows.get("order").map_or(&[], Vec::as_slice)
    }

    pub fn sum(&self, of: impl Fn(&Window) -> u32) -> u64 {
        self.windows().iter().map(|window| u64::from(of(window))).sum()
    }

    /// Orders that were due in `[from, to)` seconds after the first.
    pub fn due_between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &OrderRecord> {
        let micros = |at: Instant| at.saturating_duration_since(self.epoch).as_micros();
        let range = micros(from)..micros(to);
        self.orders.iter().filter(move |order| range.contains(&u128::from(order.due.0)))
    }

    /// What must hold of every load, whatever its server did.
    pub fn check_books(&self) {
        let (due, generator) = (self.sum(|w| w.due), &self.record.generator);
        let parts = self.sum(|w| w.good + w.slow + w.wrong + w.fail + w.unknown + w.not_sent);
        assert_eq!(due, parts, "every request has one outcome");
        assert_eq!(due, self.orders.len() as u64, "every order is in the ledger");
        assert_eq!(due, generator.due, "the generator counts what the windows count");
        assert_eq!(generator.sent + generator.not_sent, due);
        assert_eq!(self.sum(|w| w.not_sent), generator.not_sent);
        assert_eq!(generator.engine_requests, Some(generator.sent), "the engine agrees");
        assert_eq!(generator.panics, 0);
        let mut numbers: Vec<u64> = self.orders.iter().map(|order| order.n).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..due).collect::<Vec<_>>(), "each number once");
        assert!(self.windows().is_sorted_by_key(|window| window.index));
        let lags: u64 = generator.lag.values().sum();
        assert_eq!(lags, generator.sent, "every request that was sent has its lag");
    }

    /// Lag at a share of the requests, microseconds.
    pub fn lag(&self, share: f64) -> u64 {
        let lag = &self.record.generator.lag;
        let total: u64 = lag.values().sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let rank = (total as f64 * share).ceil() as u64;
        let mut seen = 0;
        let at = lag.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        at.map_or(0, |(micros, _)| *micros)
    }

    pub fn print_lag(&self, name: &str) {
        let (p50, p99, most) = (self.lag(0.5), self.lag(0.99), self.lag(1.0));
        eprintln!("{name}: lag p50 {p50} us, p99 {p99} us, max {most} us; stop {:?}", self.stop);
    }
}
