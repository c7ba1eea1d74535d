//! The plan of every fabricated run: a monolith whose application is killed once.

use std::collections::BTreeMap;

use chaos_scenarios::action::{Action, Check, Injection, Replica};
use chaos_scenarios::expectation::Expectation;
use chaos_scenarios::plan::{LoadPlan, Phases, Plan, PlannedFault, RunKind};
use chaos_scenarios::quantity::{Rate, Span};
use chaos_scenarios::target::{Endpoint, Target};
use chaos_scenarios::workload::{
    Arrival, Expected, LedgerTemplate, RequestTemplate, Stage, Workload,
};

/// Expectations as they are written.
pub(crate) fn expect(texts: &[&str]) -> Vec<Expectation> {
    texts.iter().map(|text| Expectation::parse(text).expect("a valid expectation")).collect()
}

/// A plan of the quick profile with one fault at the start of its test phase.
pub(crate) fn plan() -> Plan {
    Plan {
        scenario: "app-down".to_owned(),
        title: "The application dies and comes back".to_owned(),
        target: target(),
        mode: "hardened".to_owned(),
        safeguards_off: Vec::new(),
        mutants: Vec::new(),
        kind: RunKind::Fault,
        repeat: 1,
        seed: 7,
        profile: "quick".to_owned(),
        phases: Phases {
            warm_up: Span::seconds(3),
            baseline: Span::seconds(6),
            test: Span::seconds(6),
            horizon: Span::seconds(6),
            recovery_limit: Span::seconds(60),
            keep: Span::seconds(4),
            drain_limit: Span::seconds(20),
        },
        load: LoadPlan {
            workload: workload(),
            arrival: Arrival::Constant,
            stages: vec![Stage {
                from: Span::ZERO,
                rate: Rate::per_second(100.0).expect("a valid rate"),
            }],
            engine: "direct".to_owned(),
            users: 320,
        },
        timeline: vec![fault()],
        hypothesis: expect(&["availability >= 99%", "p95 <= 500ms"]),
        expect: expect(&["recovery < 30s", "lost == 0", "duplicate == 0"]),
        stop_conditions: Vec::new(),
        not_applicable: None,
        needs: Vec::new(),
        host_lacks: None,
    }
}

fn fault() -> PlannedFault {
    let replica = replica();
    PlannedFault {
        id: 1,
        name: "kill".to_owned(),
        title: "kill app".to_owned(),
        at: Span::ZERO,
        until: Some(Span::seconds(6)),
        after: None,
        components: vec!["app".to_owned()],
        injection: Injection {
            inject: vec![Action::Kill { replica: replica.clone(), signal: "KILL".to_owned() }],
            felt: vec![Check::Ended { replica: replica.clone() }],
            heal: vec![Action::Start { replica: replica.clone() }],
            healed: vec![Check::Running { replica }],
        },
    }
}

/// The victim.
pub(crate) fn replica() -> Replica {
    Replica { component: "app".to_owned(), number: 1 }
}

/// Where the final state is read.
pub(crate) fn endpoint(path: &str) -> Endpoint {
    Endpoint {
        scheme: "http".to_owned(),
        credentials: None,
        component: "app".to_owned(),
        port: 9090,
        path: path.to_owned(),
    }
}

fn target() -> Target {
    Target {
        name: "monolith".to_owned(),
        title: "Everything in one process".to_owned(),
        components: Vec::new(),
        networks: Vec::new(),
        volumes: Vec::new(),
        entry: endpoint(""),
        workload: "checkout".to_owned(),
        canary: None,
        audit: vec![endpoint("/audit")],
        audit_sql: Vec::new(),
        pending: vec![endpoint("/pending")],
        redrive: Vec::new(),
        queues: BTreeMap::new(),
        volume_sizes: BTreeMap::new(),
        sizes_to_fill: BTreeMap::new(),
        retry_schedule: Span::ZERO,
        modes: vec!["naive".to_owned(), "hardened".to_owned()],
        safeguards: Vec::new(),
        constants: BTreeMap::new(),
    }
}

fn workload() -> Workload {
    Workload {
        name: "checkout".to_owned(),
        headline: "order".to_owned(),
        timeout: Span::seconds(3),
        requests: vec![request("order", true), request("browse", false)],
    }
}

fn request(class: &str, ledgered: bool) -> RequestTemplate {
    RequestTemplate {
        class: class.to_owned(),
        weight: 1.0,
        method: "POST".to_owned(),
        path: format!("/{class}"),
        headers: BTreeMap::new(),
        body: None,
        accept: vec![200, 201, 202],
        bound: Span::seconds(1),
        ledger: ledgered.then(|| LedgerTemplate {
            id: "{{uuid}}".to_owned(),
            expect: Expected::Completed,
            kind: Some("standard".to_owned()),
            status_path: None,
        }),
    }
}
