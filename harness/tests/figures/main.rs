//! How quickly every fault of the catalogue is felt, and how quickly its undo is: medians and spread
//! from the journals of real runs, for `ci/fault-figures`.
//!
//! Ignored unless asked for: it takes half an hour. `CHAOS_REPETITIONS` says how often each fault is
//! injected.
#![allow(clippy::print_stdout, reason = "the table is the result")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chaos_reports::record::run_record::{FaultRecord, RunRecord};
use chaos_reports::record::{Moment, journal};
use chaos_scenarios::fault::FAULTS;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_chaos");
/// Repetitions unless said.
const USUAL: usize = 20;
/// Arrivals per second: enough for packets and calls to meet a fault at once.
const RATE: &str = "100/s";
/// How long each injection lasts, and the pause after it.
const LASTS: &str = "1500ms";
const PAUSE: &str = "500ms";

/// One line for each fault of the catalogue: the target that it is injected in, and how it is written.
const MEASURED: &[(&str, &str)] = &[
    ("monolith", "kill: {name: app-2}"),
    ("monolith", "crash: {name: app-2}"),
    ("monolith", "stop: {name: app-2}"),
    ("monolith", "restart: {name: app-2}"),
    ("monolith", "rolling-restart: {role: app, gap: 500ms}"),
    ("monolith", "pause: {name: app-2}"),
    ("monolith", "disconnect: {name: app-2}"),
    ("monolith", "latency: {name: app-2, delay: 100ms}"),
    ("monolith", "loss: {name: app-2, share: 10%}"),
    ("monolith", "duplicate: {name: app-2, share: 10%}"),
    ("monolith", "corrupt: {name: app-2, share: 10%}"),
    ("monolith", "reorder: {name: app-2, share: 25%}"),
    ("monolith", "rate: {name: app-2, limit: 1Mbit/s}"),
    ("monolith", "partition: {from: app-2, to: postgres}"),
    ("monolith", "cpu: {name: app-2, limit: 0.01}"),
    ("monolith", "memory: {name: app-2, limit: 8MiB}"),
    ("monolith", "cpu-hog: {name: app-2}"),
    ("monolith", "memory-hog: {name: app-2, fill: 80%}"),
    ("direct", "swap: {name: inventory, image: chaos/inventory-python}"),
    ("monolith", "remove: {name: app-2}"),
    ("monolith", "scale: {role: app, replicas: 3}"),
    ("monolith", "http-error: {name: app-2}"),
    ("monolith", "http-delay: {name: app-2, delay: 100ms}"),
    ("monolith", "fail-first: {name: app-2, times: 10}"),
    ("broker", "disk-full: {name: shipping-db, fill: 50%}"),
    ("broker", "poison-message: {role: broker, queue: q.payments, count: 5}"),
];

/// What is no fault of a replica, or is not felt alone: arrivals, which nobody but their schedule makes,
/// dead letters, which need other faults and most of a minute to come about, and full queues, which
/// need a consumer that stands still.
const NOT_MEASURED: &[&str] = &["traffic", "redrive", "queue-limit"];

fn keyword(written: &str) -> &str {
    written.split(':').next().unwrap_or_default()
}

#[test]
fn every_fault_of_the_catalogue_has_its_line() {
    let measured = MEASURED.iter().map(|(_, written)| keyword(written));
    let mut listed: Vec<&str> = measured.chain(NOT_MEASURED.iter().copied()).collect();
    let mut known: Vec<&str> = FAULTS.iter().map(|(keyword, _)| *keyword).collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
}

#[test]
#[ignore = "runs real targets for half an hour"]
fn fault_figures_of_time() {
    let repetitions = std::env::var("CHAOS_REPETITIONS").ok();
    let repetitions = repetitions.map_or(USUAL, |text| text.parse().expect("CHAOS_REPETITIONS"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fault-figures");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    println!("\ntime in ms: median (least to most) of so many injections");
    println!("{:<16}{:>4}  {:<30}{:<30}", "fault", "n", "due → felt", "heal → healed");
    let mut missing = Vec::new();
    let only = std::env::var("CHAOS_FAULTS").unwrap_or_default();
    let meant = |written: &str| only.is_empty() || only.split(' ').any(|it| it == keyword(written));
    for (target, written) in MEASURED.iter().filter(|(_, written)| meant(written)) {
        let record = run(&folder, target, written, repetitions);
        let faults: Vec<&FaultRecord> = record.faults.values().collect();
        let felt = spans(&faults, |fault| fault.armed, |fault| fault.felt);
        let healed = spans(&faults, |fault| fault.healing, |fault| fault.healed);
        let name = keyword(written);
        println!("{name:<16}{:>4}  {:<30}{:<30}", felt.len(), shown(&felt), shown(&healed));
        let planned = record.plan().map_or(0, |plan| plan.timeline.len());
        let owed = record.plan().into_iter().flat_map(|plan| &plan.timeline);
        let owed = owed.filter(|fault| fault.until.is_some()).count();
        if felt.len() != planned || healed.len() != owed || planned == 0 {
            let what: Vec<String> = faults.iter().filter_map(|it| it.not_felt.clone()).collect();
            let failed: Vec<String> =
                faults.iter().filter_map(|it| it.heal_failed.clone()).collect();
            missing.push(format!(
                "{name}: {} of {planned} felt, {} of {owed} healed; {what:?} {failed:?} {:?}",
                felt.len(),
                healed.len(),
                record.ending
            ));
        }
    }
    assert!(missing.is_empty(), "not every injection was felt and undone:\n{}", missing.join("\n"));
}

/// Milliseconds from one moment of each fault to another, where both are known.
fn spans(
    faults: &[&FaultRecord],
    begin: impl Fn(&FaultRecord) -> Option<Moment>,
    end: impl Fn(&FaultRecord) -> Option<Moment>,
) -> Vec<f64> {
    let span = |fault: &&FaultRecord| Some(end(fault)?.seconds_since(begin(fault)?) * 1e3);
    faults.iter().filter_map(span).collect()
}

/// Median, least and most.
fn shown(values: &[f64]) -> String {
    // Added to zero, a negative zero is none.
    let mut values: Vec<f64> = values.iter().map(|value| value.round() + 0.0).collect();
    values.sort_by(f64::total_cmp);
    match values[..] {
        [] => "–".to_owned(),
        [least, ..] => {
            let (median, most) = (values[values.len() / 2], values[values.len() - 1]);
            format!("{median:.0} ({least:.0} to {most:.0})")
        }
    }
}

/// One run in which a fault comes and goes.
fn run(folder: &Path, target: &str, written: &str, repetitions: usize) -> RunRecord {
    let name = keyword(written);
    let file = folder.join(format!("{name}.yaml"));
    fs::write(&file, scenario(written, repetitions)).expect("a scenario");
    let out = folder.join(name);
    let mut command = Command::new(PROGRAM);
    command.arg("run").arg(&file).args(["--target", target, "--profile", "quick", "--quiet"]);
    command.args(["--rate", RATE, "--seed", "1", "--exit-zero", "--out"]).arg(&out);
    let status = command.stdout(Stdio::null()).status().expect("the program starts");
    let journal = journal_below(&out).unwrap_or_else(|| panic!("{name}: no journal ({status})"));
    let bytes = fs::read(&journal).expect("the journal");
    journal::read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", journal.display()))
}

/// Steps one after the other; a fault that is not undone comes once.
fn scenario(written: &str, repetitions: usize) -> String {
    let stays = matches!(keyword(written), "remove");
    let takes_its_time = matches!(keyword(written), "rolling-restart");
    let mut text = format!(
        "version: 1\ntitle: How quickly {} is felt and undone\n\
         steady-state-hypothesis: {{title: There is load, probes: [availability >= 0%]}}\nmethod:\n",
        keyword(written)
    );
    for step in 1..=if stays { 1 } else { repetitions } {
        let at = match step {
            1 => "0s".to_owned(),
            step => format!("{{after: step-{}, plus: {PAUSE}}}", step - 1),
        };
        let lasts = if stays || takes_its_time { String::new() } else { format!("for: {LASTS}, ") };
        writeln!(text, "  - {{id: step-{step}, at: {at}, {lasts}fault: {{{written}}}}}")
            .expect("a text");
    }
    text
}

/// The one journal in a folder or below.
fn journal_below(folder: &Path) -> Option<PathBuf> {
    let mut paths = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    paths.find_map(|path| match path.is_dir() {
        true => journal_below(&path),
        false => path.ends_with("journal.jsonl").then_some(path),
    })
}
