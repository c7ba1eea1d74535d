//! What a container is allowed, compared as values.

use chaos_scenarios::quantity::{Bytes, Span};
use chaos_scenarios::target::{Role, Ulimit};

use super::*;

/// A component that asks for nothing.
pub(crate) fn component(name: &str) -> Component {
    Component {
        name: name.to_owned(),
        role: Role::Service,
        replicas: 1,
        image: "debian:trixie-slim".to_owned(),
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
        init: false,
        hostname: None,
        user: None,
        working_dir: None,
        read_only: false,
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        security_opt: Vec::new(),
        ulimits: Vec::new(),
        memory: None,
        cpus: None,
        pids_limit: None,
        ready: None,
    }
}

pub(in crate::docker) fn context() -> RunContext {
    RunContext {
        run: "r1".to_owned(),
        labels: Labels::from([(label::RUN.to_owned(), "r1".to_owned())]),
        variables: BTreeMap::from([("CHAOS_PASSWORD".to_owned(), "secret".to_owned())]),
        cpus: Some("1".to_owned()),
        acts_inside: false,
        proxies: Vec::new(),
    }
}

fn made(component: &Component, ports: &[(u16, u16)]) -> ContainerCreateBody {
    let replica = Replica { component: component.name.clone(), number: 2 };
    let ports = ports.iter().copied().collect();
    body(&context(), component, &replica, "chaos/chaos:0123456789ab", &ports).expect("it is right")
}

#[test]
fn ports_are_bound_on_loopback_alone() {
    let made = made(&component("orders"), &[(8080, 20_001), (9090, 20_002)]);
    let bindings = made.host_config.expect("given").port_bindings.expect("given");
    assert_eq!(bindings.len(), 2);
    for (inside, bound) in bindings {
        let bound = bound.expect("given");
        assert_eq!(bound.len(), 1, "{inside}");
        assert_eq!(bound[0].host_ip.as_deref(), Some("127.0.0.1"), "{inside}");
        let outside = if inside == "8080/tcp" { "20001" } else { "20002" };
        assert_eq!(bound[0].host_port.as_deref(), Some(outside), "{inside}");
    }
}

#[test]
fn limits_and_rights_are_passed_on() {
    let limited = Component {
        memory: Some(Bytes(64 << 20)),
        cpus: Some(0.5),
        pids_limit: Some(100),
        read_only: true,
        init: true,
        cap_drop: vec!["ALL".to_owned()],
        security_opt: vec!["no-new-privileges:true".to_owned()],
        tmpfs: vec!["/tmp:size=16m".to_owned(), "/run".to_owned()],
        ulimits: vec![Ulimit { name: "nofile".to_owned(), soft: 1024, hard: 4096 }],
        restart: "on-failure:3".to_owned(),
        stop_grace_period: Some(Span::milliseconds(1500)),
        ..component("orders")
    };
    let made = made(&limited, &[]);
    assert_eq!(made.stop_timeout, Some(2));
    let host = made.host_config.expect("given");
    assert_eq!((host.memory, host.memory_swap), (Some(64 << 20), Some(64 << 20)));
    assert_eq!((host.nano_cpus, host.pids_limit), (Some(500_000_000), Some(100)));
    assert_eq!((host.readonly_rootfs, host.init), (Some(true), Some(true)));
    assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
    assert_eq!(host.security_opt, Some(vec!["no-new-privileges:true".to_owned()]));
    assert_eq!(host.cpuset_cpus.as_deref(), Some("1"));
    let tmpfs = host.tmpfs.expect("given");
    assert_eq!(tmpfs.get("/tmp").map(String::as_str), Some("size=16m"));
    assert_eq!(tmpfs.get("/run").map(String::as_str), Some(""));
    let limit = &host.ulimits.expect("given")[0];
    assert_eq!((limit.soft, limit.hard), (Some(1024), Some(4096)));
    let restart = host.restart_policy.expect("given");
    assert_eq!(restart.name, Some(RestartPolicyNameEnum::ON_FAILURE));
    assert_eq!(restart.maximum_retry_count, Some(3));
}

#[test]
fn a_replica_is_found_by_three_kinds_of_names() {
    let networks = BTreeMap::from([("back".to_owned(), vec!["shop".to_owned()])]);
    let made = made(&Component { networks, ..component("orders") }, &[]);
    assert_eq!(made.hostname.as_deref(), Some("orders-2"));
    let joined = made.networking_config.expect("given").endpoints_config.expect("given");
    let settings = joined.get("chaos-r1-back").expect("the network of the run");
    let names = ["orders", "orders-2", "shop"].map(str::to_owned).to_vec();
    assert_eq!(settings.aliases, Some(names));
    let labels = made.labels.expect("given");
    assert_eq!(labels.get(label::REPLICA).map(String::as_str), Some("2"));
    assert_eq!(labels.get(label::RUN).map(String::as_str), Some("r1"));
}

#[test]
fn variables_are_filled_in_and_wrong_ones_name_their_component() {
    let environment = |value: &str| BTreeMap::from([("PASSWORD".to_owned(), value.to_owned())]);
    let filled = Component { environment: environment("${CHAOS_PASSWORD}"), ..component("db") };
    assert_eq!(made(&filled, &[]).env, Some(vec!["PASSWORD=secret".to_owned()]));
    let missing = Component { environment: environment("${UNSET:?give one}"), ..component("db") };
    let replica = Replica { component: "db".to_owned(), number: 1 };
    let error = body(&context(), &missing, &replica, "x", &BTreeMap::new()).expect_err("is unset");
    insta::assert_snapshot!(error, @"component db: the variable `UNSET` is needed: give one");
}
