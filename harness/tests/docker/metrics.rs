//! A real run, watched from outside by what `--metrics` tells.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::sleep;

/// What users of the target feel on a busy machine is not looked at here.
const SCENARIO: &str = "
version: 1
title: An instance dies, whatever the machine has to do
steady-state-hypothesis: {title: Something is served, probes: [availability >= 1%]}
method: [{at: 0s, for: 4s, fault: {kill: {role: app, mode: one}}}]
expect: {default: [recovery < 60s]}
";
/// Phases that last long enough to be seen.
const SEEN: [&str; 5] = ["warm-up", "baseline", "test", "recovery", "keep"];
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn a_run_can_be_watched_through_its_phases() {
    crate::fixture::daemon().await;
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("watched.yaml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_chaos"))
        .arg("run")
        .arg(&scenario)
        .args(["--target", "monolith", "--profile", "quick"])
        .args(["--rate", "20/s", "--metrics", "127.0.0.1:0", "--exit-zero", "--out"])
        .arg(folder.path().join("out"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let url = told_address(&mut program);
    let mut phases = BTreeSet::new();
    let (mut requests, mut faults) = (0.0_f64, 0.0_f64);
    while program.try_wait().unwrap().is_none() {
        if let Some(text) = scrape(&url).await {
            phases.extend(SEEN.iter().filter(|phase| sum(&text, "chaos_phase", phase) > 0.5));
            requests = requests.max(sum(&text, "chaos_requests_total", ""));
            faults = faults.max(sum(&text, "chaos_fault_active", "kill app"));
        }
        sleep(PAUSE).await;
    }
    assert_eq!(program.wait().unwrap().code(), Some(0));
    assert_eq!(phases, SEEN.iter().collect());
    assert!(requests > 200.0, "{requests} requests were seen");
    assert!((faults - 1.0).abs() < 0.5, "{faults} faults were seen to act at once");
}

/// Where the program says that it tells; what else it says is passed on.
fn told_address(program: &mut Child) -> String {
    let mut lines = BufReader::new(program.stderr.take().unwrap()).lines().map_while(Result::ok);
    let url = lines.find_map(|line| Some(line.strip_prefix("metrics: ")?.to_owned()));
    std::thread::spawn(move || lines.for_each(|line| eprintln!("{line}")));
    url.expect("it says where its metrics are")
}

async fn scrape(url: &str) -> Option<String> {
    reqwest::get(url).await.ok()?.text().await.ok()
}

/// Sum of the samples of a metric whose labels hold a text.
fn sum(text: &str, metric: &str, holds: &str) -> f64 {
    let lines = text.lines().filter(|line| line.starts_with(metric) && line.contains(holds));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
