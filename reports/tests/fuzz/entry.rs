//! What is fuzzed: one function per kind of text that comes from outside. Each takes any bytes and
//! must come back soon, whatever they are; what it finds wrong in itself it panics about.

use std::sync::LazyLock;

use chaos_reports::judge::judge;
use chaos_reports::judge::report::{Beside, ExperimentHeader, ExperimentReport, RunReport};
use chaos_reports::record::event::Host;
use chaos_reports::record::final_state::{AuditRow, FinalState, SourcedRow};
use chaos_reports::record::order::OrderRecord;
use chaos_reports::record::run_record::RunRecord;
use chaos_reports::record::{journal as journals, lines};
use chaos_reports::render::FORMATS;
use chaos_scenarios::expectation::Expectation;
use chaos_scenarios::plan::capability::Capabilities;
use chaos_scenarios::plan::compile::{Overrides, PlanRequest};
use chaos_scenarios::plan::profile::Profile;
use chaos_scenarios::plan::{Plan, render};
use chaos_scenarios::quantity::{Rate, Span};
use chaos_scenarios::scenario::ScenarioFile;
use chaos_scenarios::target::Target;
use chaos_scenarios::workload::{Arrival, Schedule, Stage, Workload};
use chaos_scenarios::{scenario as scenarios, target, workload as workloads};

use crate::seed;

/// A kind of text.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// Its name.
    pub(crate) name: &'static str,
    /// Reads it.
    pub(crate) read: fn(&[u8]),
}

/// Every kind.
pub(crate) const ENTRIES: [Entry; 7] = [
    Entry { name: "scenario", read: scenario },
    Entry { name: "compose", read: compose },
    Entry { name: "workload", read: workload },
    Entry { name: "expectation", read: expectation },
    Entry { name: "journal", read: journal },
    Entry { name: "audit", read: audit },
    Entry { name: "ledger", read: ledger },
];

const FILE: &str = "fuzzed";
const SEED: u64 = 1;
/// Requests that are made of a workload.
const REQUESTS: u64 = 20;

static TARGETS: LazyLock<Vec<Target>> = LazyLock::new(|| {
    let decoded = seed::TARGETS.iter().map(|(name, text)| target::decode("seed", name, text));
    decoded.map(|target| target.expect("a target of ours")).collect()
});
static SCENARIO: LazyLock<ScenarioFile> =
    LazyLock::new(|| scenarios::decode("seed", seed::SCENARIO).expect("a scenario of ours"));
static CHECKOUT: LazyLock<Workload> =
    LazyLock::new(|| workloads::builtin("checkout").expect("it is built in"));
static RECORD: LazyLock<RunRecord> =
    LazyLock::new(|| journals::read(seed::JOURNAL.as_bytes()).expect("a journal of ours"));

/// A scenario file, put to every target of ours.
fn scenario(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match scenarios::decode(FILE, text) {
        Ok(source) => TARGETS.iter().for_each(|target| plan(&source, target, &CHECKOUT)),
        Err(wrong) => drop(wrong.to_string()),
    }
}

/// A Compose file, to which a scenario of ours is put.
fn compose(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match target::decode(FILE, "fuzzed", text) {
        Ok(target) => plan(&SCENARIO, &target, &CHECKOUT),
        Err(wrong) => drop(wrong.to_string()),
    }
}

fn plan(source: &ScenarioFile, target: &Target, workload: &Workload) {
    let request = PlanRequest {
        source,
        target,
        workload,
        each: target.components.first().map(|component| component.name.as_str()),
        mode: "hardened",
        profile: Profile::Quick,
        seed: SEED,
        repeat: 1,
        overrides: &Overrides::default(),
        capabilities: &Capabilities::default(),
    };
    match Plan::compile(&request) {
        Ok(plan) => {
            render(&plan);
            let text = serde_json::to_vec(&plan).expect("a plan is plain data");
            let again: Plan = serde_json::from_slice(&text).expect("it is read as it was written");
            assert_eq!(again, plan);
        }
        Err(wrong) => drop(wrong.to_string()),
    }
}

/// A workload, whose first requests are made.
fn workload(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(workload) = workloads::decode(FILE, text) else { return };
    let Ok(compiled) = workload.compile() else { return };
    let stage = Stage { from: Span::ZERO, rate: Rate::per_second(10.0).expect("a rate") };
    let schedule = Schedule::new(&[stage], Arrival::Constant, SEED).expect("a schedule");
    for n in 0..REQUESTS {
        let request = compiled.request(SEED, n, &schedule);
        compiled.status_path(request.template, "order");
    }
    for request in &workload.requests {
        compiled.canary(SEED, &request.class, 1);
    }
}

/// An expectation, which reads back from what it shows.
fn expectation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Expectation::parse(text) {
        Ok(expectation) => {
            let shown = expectation.to_string();
            let again = Expectation::parse(&shown);
            let again = again.unwrap_or_else(|error| panic!("`{shown}`: {}", error.message));
            assert_eq!(again.to_string(), shown);
        }
        Err(error) => assert!(error.part.end <= text.len() + 1, "{error:?}"),
    }
}

/// A journal, judged and told in every format.
fn journal(bytes: &[u8]) {
    match journals::read(bytes) {
        Ok(record) => tell(record, &[], &FinalState::default()),
        Err(wrong) => drop(wrong.to_string()),
    }
}

/// An audit of a run of ours.
fn audit(bytes: &[u8]) {
    let Ok(read) = lines::read::<AuditRow>(FILE, bytes) else { return };
    let orders = lines::read::<OrderRecord>("seed", seed::LEDGER.as_bytes()).expect("ours").items;
    let rows = read.items.into_iter().map(|row| SourcedRow::told("http://orders/audit", row));
    tell(RECORD.clone(), &orders, &FinalState { rows: rows.collect(), unread: Vec::new() });
}

/// The ledger of a run of ours.
fn ledger(bytes: &[u8]) {
    let Ok(read) = lines::read::<OrderRecord>(FILE, bytes) else { return };
    let rows = lines::read::<AuditRow>("seed", seed::AUDIT.as_bytes()).expect("ours").items;
    let rows = rows.into_iter().map(|row| SourcedRow::told("http://orders/audit", row));
    tell(RECORD.clone(), &read.items, &FinalState { rows: rows.collect(), unread: Vec::new() });
}

fn tell(record: RunRecord, orders: &[OrderRecord], state: &FinalState) {
    let Some(plan) = record.plan().cloned() else { return };
    let judgement = judge(&record, orders, state);
    let run = RunReport {
        id: "fuzzed/1".to_owned(),
        plan: (&plan).into(),
        record,
        judgement,
        folder: "runs/1".to_owned(),
    };
    let header = ExperimentHeader {
        experiment: "fuzzed".to_owned(),
        seed: SEED,
        started: 0,
        version: "0".to_owned(),
        host: Host::default(),
        command: "chaos".to_owned(),
    };
    let report = ExperimentReport::new(header, vec![run], Beside::default());
    for format in FORMATS {
        // A value that does not fit into a format is told by the command.
        let _ = (format.render)(&report);
    }
}
