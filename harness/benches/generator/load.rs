//! Drives our generator for some seconds and prints, as one line of JSON, what it did and what it
//! cost.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chaos_harness::load::{Generator, claim_signals};
use chaos_harness::port::{Load, LoadGenerator};
use chaos_harness::recorder::Recorder;
use chaos_scenarios::plan::LoadPlan;
use chaos_scenarios::quantity::{Rate, Span};
use chaos_scenarios::workload::{Arrival, Stage, Workload, builtin, decode};
use serde_json::json;

/// One plain request, as other generators send it: nothing but HTTP is measured.
const PLAIN: &str = "
version: 1
name: plain
headline: plain
timeout: 1s
requests:
  - {class: plain, weight: 1, method: GET, path: /, accept: [200], bound: 1s}
";
/// Orders alone: each is rendered, judged by its answer, and written to the ledger.
const ORDERS: &str = r#"
version: 1
name: orders
headline: order
timeout: 1s
requests:
  - class: order
    weight: 1
    method: POST
    path: /orders
    headers: {content-type: application/json}
    body: '{"order_id":"{{order_id}}","items":[{"sku":"SKU-{{number 1 30}}","quantity":1}]}'
    accept: [201, 202]
    bound: 1s
    ledger: {id: "{{uuid}}", expect: completed, status-path: "/orders/{{order_id}}"}
"#;
/// Added to the timeout, in seconds, as plans do it.
const USER_SLACK: f64 = 0.2;

struct Asked {
    plan: LoadPlan,
    length: Duration,
    url: String,
}

/// Runs `ENGINE RATE SECONDS TIMEOUT_MS WORKLOAD URL [USERS]`.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let asked = asked(words)?;
    claim_signals().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("the runtime cannot start: {error}"))?;
    runtime.block_on(drive(&asked))
}

fn asked(words: &[&str]) -> Result<Asked, String> {
    let [engine, rate, seconds, timeout, workload, url, rest @ ..] = words else {
        return Err("load ENGINE RATE SECONDS TIMEOUT_MS WORKLOAD URL [USERS]".to_owned());
    };
    let number = |text: &str| -> Result<f64, String> {
        text.parse().map_err(|_| format!("`{text}` is not a number"))
    };
    let (rate, length) = (number(rate)?, Duration::from_secs_f64(number(seconds)?));
    let timeout = Duration::from_secs_f64(number(timeout)? / 1_000.0);
    let users = match rest.first() {
        Some(users) => number(users)?,
        None => (rate * (timeout.as_secs_f64() + USER_SLACK)).ceil(),
    };
    let stage = Stage { from: Span::ZERO, rate: Rate::per_second(rate).ok_or("no such rate")? };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let plan = LoadPlan {
        workload: Workload { timeout: Span::from(timeout), ..named(workload)? },
        arrival: Arrival::Constant,
        stages: vec![stage],
        engine: (*engine).to_owned(),
        users: users as u32,
    };
    Ok(Asked { plan, length, url: (*url).to_owned() })
}

fn named(name: &str) -> Result<Workload, String> {
    let text = match name {
        "plain" => PLAIN,
        "orders" => ORDERS,
        other => return builtin(other).ok_or_else(|| format!("no workload is called `{other}`")),
    };
    decode(name, text).map_err(|error| error.to_string())
}

async fn drive(asked: &Asked) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let recorder = Recorder::new(Box::new(std::io::sink()));
    let ledger = folder.path().join("orders.jsonl.zst");
    let running = Generator.start(&asked.plan, 7, &asked.url, &ledger, &recorder).await;
    let running = running.map_err(|error| error.to_string())?;
    let started = Instant::now();
    tokio::time::sleep(asked.length / 2).await;
    let memory_early = resident_bytes();
    tokio::time::sleep(asked.length / 2).await;
    let (elapsed, memory_late) = (started.elapsed(), resident_bytes());
    running.stop().await.map_err(|error| error.to_string())?;
    let told = recorder.read(|record| {
        let generator = &record.generator;
        let windows = record.windows.values().flatten();
        let good: u64 = windows.clone().map(|window| u64::from(window.good)).sum();
        let mut latencies = BTreeMap::new();
        for (micros, count) in windows.flat_map(|window| &window.latencies) {
            *latencies.entry(*micros).or_default() += count;
        }
        let lag = [0.5, 0.99, 1.0].map(|share| quantile(&generator.lag, share));
        json!({
            "due": generator.due, "sent": generator.sent, "not_sent": generator.not_sent,
            "good": good, "engine": generator.engine_requests, "seconds": elapsed.as_secs_f64(),
            "p90_us": quantile(&latencies, 0.9),
            "cpu_us": generator.cpu as f64 / generator.sent.max(1) as f64,
            "lag_us": lag,
            "late": generator.lag.range(1_000..).map(|(_, count)| count).sum::<u64>(),
            "rss_half": memory_early, "rss_end": memory_late,
        })
    });
    println!("{told}");
    Ok(())
}

/// The value, in microseconds, that a share of counted values does not exceed.
fn quantile(counted: &BTreeMap<u64, u64>, share: f64) -> u64 {
    let total: u64 = counted.values().sum();
    let mut seen = 0;
    let reached = counted.iter().find(|(_, count)| {
        seen += **count;
        seen as f64 >= total as f64 * share
    });
    reached.map_or(0, |(micros, _)| *micros)
}

/// Memory that this process holds now.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1_024
}
