//! Two small targets and a workload for tests.

use std::collections::BTreeMap;

use crate::library as files;
use crate::quantity::{Bytes, Span};
use crate::scenario::{self, ScenarioFile};
use crate::target::{Component, Endpoint, Queue, Role, Target};
use crate::workload::{RequestTemplate, Workload};

/// A scenario of the library.
pub(crate) fn library(name: &str) -> ScenarioFile {
    scenario::decode(&files::file_name(name), files::text(name).expect("in the library"))
        .unwrap_or_else(|diagnostics| panic!("{diagnostics}"))
}

/// Proxy, two applications, a database; modes naive and hardened.
pub(crate) fn monolith() -> Target {
    let components = vec![
        component("proxy", Role::Proxy, 1),
        component("app", Role::App, 2),
        component("database", Role::Database, 1),
    ];
    target("monolith", components, Span::ZERO)
}

/// Proxy, two services, a broker; the same modes.
pub(crate) fn broker() -> Target {
    let components = vec![
        component("proxy", Role::Proxy, 1),
        component("orders", Role::Service, 1),
        component("payments", Role::Service, 1),
        component("rabbitmq", Role::Broker, 1),
    ];
    let mut target = target("broker", components, Span::seconds(21));
    let dead = |name: &str| Queue { dead: Some(format!("dlq.{name}")) };
    let queues = ["orders", "payments"].map(|name| (format!("q.{name}"), dead(name)));
    target.queues = queues.into();
    target
}

/// Browsing and orders.
pub(crate) fn workload() -> Workload {
    let request = |class: &str| RequestTemplate {
        class: class.to_owned(),
        weight: 1.0,
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: BTreeMap::new(),
        body: None,
        accept: vec![200],
        bound: Span::seconds(1),
        ledger: None,
    };
    Workload {
        name: "checkout".to_owned(),
        headline: "order".to_owned(),
        timeout: Span::seconds(3),
        requests: vec![request("browse"), request("order")],
    }
}

fn target(name: &str, components: Vec<Component>, retry_schedule: Span) -> Target {
    Target {
        name: name.to_owned(),
        title: name.to_owned(),
        components,
        networks: Vec::new(),
        volumes: Vec::new(),
        entry: Endpoint {
            scheme: "http".to_owned(),
            credentials: None,
            component: "proxy".to_owned(),
            port: 8080,
            path: String::new(),
        },
        workload: "checkout".to_owned(),
        canary: None,
        audit: Vec::new(),
        audit_sql: Vec::new(),
        pending: Vec::new(),
        redrive: Vec::new(),
        queues: BTreeMap::new(),
        volume_sizes: BTreeMap::new(),
        sizes_to_fill: BTreeMap::new(),
        retry_schedule,
        modes: vec!["naive".to_owned(), "hardened".to_owned()],
        safeguards: vec!["OUTBOX".to_owned(), "INBOX".to_owned()],
        constants: BTreeMap::new(),
    }
}

fn component(name: &str, role: Role, replicas: u32) -> Component {
    Component {
        name: name.to_owned(),
        role,
        replicas,
        image: format!("chaos-{role}"),
        entrypoint: None,
        command: None,
        environment: BTreeMap::new(),
        ports: Vec::new(),
        exposed: Vec::new(),
        networks: BTreeMap::new(),
        depends_on: Vec::new(),
        mounts: Vec::new(),
        tmpfs: Vec::new(),
        restart: "no".to_owned(),
        stop_grace_period: None,
        stop_signal: None,
        init: true,
        hostname: None,
        user: None,
        working_dir: None,
        read_only: true,
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        security_opt: Vec::new(),
        ulimits: Vec::new(),
        memory: Some(Bytes(256 << 20)),
        cpus: None,
        pids_limit: None,
        ready: None,
    }
}
