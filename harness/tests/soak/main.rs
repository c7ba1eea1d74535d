//! Endurance: a load of 200 requests a second with a fault every minute, on a built-in target, by the real
//! program. At the end it must need no more memory, file handles and threads than at the beginning
//! but for what its record of the run needs, keep its schedule as well, and leave nothing in Docker.
//!
//! It is ignored unless asked for (`ci/soak MINUTES`).
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a test whose figures are the result")]

mod journal;
mod process;
mod table;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use journal::Journal;
use process::Sample;
use table::{Row, tenths};

const PROGRAM: &str = env!("CARGO_BIN_EXE_chaos");
/// Looked at this often.
const PERIOD: Duration = Duration::from_secs(1);
const MINUTE: u64 = 60;
/// Time between two faults in a soak that is too short for one a minute.
const SHORT_GAP: u64 = 15;
/// The shortest soak with a fault every minute, minutes.
const LONG: u64 = 10;
/// Each fault acts so long, seconds.
const FAULT_SECONDS: u64 = 8;
/// The faults, one after the other: what Docker does, and what a program of ours does in there.
const FAULTS: [&str; 4] = [
    "{kill: {role: app, mode: one}}",
    "{pause: {role: app, mode: one}}",
    "{latency: {role: database, delay: 20ms}}",
    "{cpu-hog: {role: app, mode: one, threads: 1}}",
];

#[test]
#[ignore = "takes as long as CHAOS_SOAK_MINUTES says, two minutes if it is not set"]
fn what_has_run_long_is_as_good_as_new() {
    let asked = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    let minutes = asked("CHAOS_SOAK_MINUTES", "2").parse().unwrap();
    let target = asked("CHAOS_SOAK_TARGET", "monolith");
    let rate = asked("CHAOS_SOAK_RATE", "200/s");
    let folder = tempfile::tempdir().unwrap();
    let before = objects();
    let (samples, code) = run(&target, &rate, minutes, folder.path());
    let left: Vec<String> = objects().into_iter().filter(|it| !before.contains(it)).collect();
    assert_eq!(code, Some(0), "the run failed: see what it told above");

    let journal = Journal::read(&folder.path().join("out"));
    let loaded: Vec<Sample> =
        samples.into_iter().filter(|sample| journal.is_loaded(sample.wall_clock)).collect();
    let rows = rows(&loaded, &journal);
    println!("{minutes} min at {rate} on {target}, {} faults", journal.faults);
    println!("{}", table::render(&rows));
    println!("left behind in Docker: {}", left.len());
    assert_eq!(left, Vec::<String>::new(), "left behind");
    assert_eq!(journal.acted, [journal.faults; 2], "every fault acts and is undone");
    let broken: Vec<&Row> = rows.iter().filter(|row| !row.held()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

fn rows(samples: &[Sample], journal: &Journal) -> Vec<Row> {
    let [first, last] = tenths(samples);
    let of = |samples: &[Sample], figure: fn(&Sample) -> f64| {
        table::median(samples.iter().map(figure).collect())
    };
    let row = |name, unit, figure: fn(&Sample) -> f64, allowed: f64| {
        let (first, last) = (of(first, figure), of(last, figure));
        Row { name, unit, first, last, most: first + allowed }
    };
    let hours = journal.seconds() / 3600.0;
    let mut rows = vec![
        row("resident memory", "MiB", |it| it.memory, 16.0 + MEMORY_PER_HOUR * hours),
        row("file handles", "", |it| it.handles, 12.0),
        row("threads", "", |it| it.threads, 4.0),
    ];
    rows.extend(journal.rows());
    rows
}

/// MiB that the record of a run may grow by in an hour: every window is kept to be judged.
const MEMORY_PER_HOUR: f64 = 200.0;

/// Runs the program and looks at it until it has ended.
fn run(target: &str, rate: &str, minutes: u64, folder: &Path) -> (Vec<Sample>, Option<i32>) {
    let scenario = folder.join("soak.yaml");
    std::fs::write(&scenario, self::scenario(minutes)).unwrap();
    let mut program = Command::new(PROGRAM)
        .arg("run")
        .arg(&scenario)
        .args(["--target", target, "--profile", "quick", "--rate", rate, "--seed", "1"])
        .args(["--metrics", "127.0.0.1:0", "--format", "json", "--exit-zero", "--out"])
        .arg(folder.join("out"))
        .stdin(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut samples = Vec::new();
    loop {
        if let Some(status) = program.try_wait().unwrap() {
            return (samples, status.code());
        }
        samples.extend(process::look(program.id()));
        std::thread::sleep(PERIOD);
    }
}

/// A scenario whose test phase is so many minutes long. It is the harness that is tested: what the
/// users of the target feel is not looked at.
fn scenario(minutes: u64) -> String {
    let gap = if minutes >= LONG { MINUTE } else { SHORT_GAP };
    let starts = (0..minutes * MINUTE / gap).map(|n| n * gap);
    let step = |(at, fault): (u64, &&str)| {
        format!("  - {{at: {at}s, for: {FAULT_SECONDS}s, fault: {fault}}}\n")
    };
    let steps = starts.zip(FAULTS.iter().cycle()).map(step).collect::<Vec<_>>().concat();
    format!(
        "version: 1\ntitle: A fault every {gap} s for {minutes} min\n\
         steady-state-hypothesis: {{title: Orders are taken, probes: [availability >= 1%]}}\n\
         method:\n{steps}expect: {{default: [recovery < 60s]}}\n"
    )
}

/// Every container, network and volume that a run may leave.
fn objects() -> Vec<String> {
    let label = "label=chaos.run";
    let listings: [&[&str]; 3] = [
        &["ps", "--all", "--quiet", "--no-trunc", "--filter", label],
        &["network", "ls", "--quiet", "--no-trunc", "--filter", label],
        &["volume", "ls", "--quiet", "--filter", label],
    ];
    listings.iter().flat_map(|words| listed(words)).collect()
}

fn listed(words: &[&str]) -> Vec<String> {
    let output = Command::new("docker").args(words).output().expect("the docker command");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}
