//! A target of two small components, and what tests need around it.

use std::collections::{BTreeMap, HashMap};

use bollard::Docker;
use chaos_harness::docker::image::ensure_base;
use chaos_harness::docker::{Daemon, DockerRuntime, connect};
use chaos_harness::port::{Identity, Runtime};
use chaos_harness::recorder::{Recorder, wall_clock};
use chaos_scenarios::action::Replica;
use chaos_scenarios::plan::{LoadPlan, Phases, Plan, RunKind};
use chaos_scenarios::quantity::{Bytes, Rate, Span};
use chaos_scenarios::target::{Component, Endpoint, Mount, Role, Target};
use chaos_scenarios::workload::{Arrival, Stage, Workload};
use tokio::sync::OnceCell;

/// The smallest image that the project makes anyway.
pub(crate) const IMAGE: &str = "debian:trixie-slim";

/// A server in plain perl, which the base image has: it greets and closes.
/// Doubled dollar signs, because texts of a target may hold variables.
pub(crate) const SERVER: &str = "use IO::Socket::INET; $$s = IO::Socket::INET->new(LocalPort => 8080, \
    Listen => 9, ReuseAddr => 1) or die; \
    while ($$c = $$s->accept) { print $$c \"hello\\n\"; close $$c }";

/// The daemon, with the base image on it.
pub(crate) async fn daemon() -> Daemon {
    static IMAGES: OnceCell<()> = OnceCell::const_new();
    let daemon = connect(false).await.expect("these tests need a Docker daemon");
    IMAGES
        .get_or_init(|| async {
            ensure_base(&daemon, IMAGE, &|_, _| {}).await.expect("the base image can be had");
        })
        .await;
    daemon
}

/// A client of its own, so that the tests see what Docker says and not what the harness thinks.
pub(crate) fn client() -> Docker {
    Docker::connect_with_defaults().expect("a client")
}

pub(crate) fn identity(kept: bool) -> Identity {
    let id = uuid::Uuid::now_v7().simple().to_string();
    Identity {
        experiment: format!("test-{id}"),
        // The end is random, the beginning is the time.
        run: format!("t{}", &id[20..]),
        expires_at: wall_clock() / 1_000_000 + 600,
        kept,
    }
}

pub(crate) fn recorder() -> Recorder {
    Recorder::new(Box::new(Vec::new()))
}

pub(crate) fn replica(component: &str, number: u32) -> Replica {
    Replica { component: component.to_owned(), number }
}

/// Runs `command` in a shell.
pub(crate) fn component(name: &str, command: &[&str]) -> Component {
    Component {
        name: name.to_owned(),
        role: Role::Service,
        replicas: 1,
        image: IMAGE.to_owned(),
        entrypoint: None,
        command: Some(command.iter().map(|&word| word.to_owned()).collect()),
        environment: BTreeMap::from([("SECRET".to_owned(), "${CHAOS_PASSWORD}".to_owned())]),
        ports: Vec::new(),
        exposed: Vec::new(),
        networks: BTreeMap::from([("back".to_owned(), Vec::new())]),
        depends_on: Vec::new(),
        mounts: Vec::new(),
        tmpfs: vec!["/tmp:size=1m".to_owned()],
        restart: "no".to_owned(),
        stop_grace_period: None,
        stop_signal: None,
        init: true,
        hostname: None,
        user: Some("65534:65534".to_owned()),
        working_dir: None,
        read_only: true,
        cap_add: Vec::new(),
        cap_drop: vec!["ALL".to_owned()],
        security_opt: vec!["no-new-privileges:true".to_owned()],
        ulimits: Vec::new(),
        memory: Some(Bytes(64 << 20)),
        cpus: None,
        pids_limit: Some(20),
        ready: None,
    }
}

/// `web` answers on port 8080, twice, and needs `store`, which sleeps beside a volume.
pub(crate) fn target() -> Target {
    let mount = Mount { volume: "data".to_owned(), path: "/data".to_owned(), read_only: false };
    let store = Component { mounts: vec![mount], ..component("store", &["sleep", "600"]) };
    let web = Component {
        replicas: 2,
        ports: vec![8080],
        depends_on: vec!["store".to_owned()],
        ..component("web", &["perl", "-e", SERVER])
    };
    target_of(vec![web, store])
}

pub(crate) fn target_of(components: Vec<Component>) -> Target {
    let volumes = components.iter().flat_map(|component| &component.mounts);
    let volumes = volumes.map(|mount| mount.volume.clone()).collect();
    Target {
        name: "tiny".to_owned(),
        title: "two components".to_owned(),
        components,
        networks: vec!["back".to_owned()],
        volumes,
        entry: Endpoint {
            scheme: "http".to_owned(),
            credentials: None,
            component: "web".to_owned(),
            port: 8080,
            path: String::new(),
        },
        workload: "none".to_owned(),
        canary: None,
        audit: Vec::new(),
        audit_sql: Vec::new(),
        pending: Vec::new(),
        redrive: Vec::new(),
        queues: BTreeMap::new(),
        volume_sizes: BTreeMap::new(),
        sizes_to_fill: BTreeMap::new(),
        retry_schedule: Span::seconds(1),
        modes: Vec::new(),
        safeguards: Vec::new(),
        constants: BTreeMap::new(),
    }
}

pub(crate) fn plan(target: Target) -> Plan {
    let second = Span::seconds(1);
    Plan {
        scenario: "none".to_owned(),
        title: "nothing is injected".to_owned(),
        target,
        mode: "hardened".to_owned(),
        safeguards_off: Vec::new(),
        mutants: Vec::new(),
        kind: RunKind::Control,
        repeat: 1,
        seed: 1,
        profile: "quick".to_owned(),
        phases: Phases {
            warm_up: second,
            baseline: second,
            test: second,
            horizon: second,
            recovery_limit: second,
            keep: second,
            drain_limit: second,
        },
        load: LoadPlan {
            workload: Workload {
                name: "none".to_owned(),
                headline: "none".to_owned(),
                timeout: second,
                requests: Vec::new(),
            },
            arrival: Arrival::Constant,
            stages: vec![Stage {
                from: Span::seconds(0),
                rate: Rate::per_second(1.0).expect("a rate"),
            }],
            engine: "direct".to_owned(),
            users: 1,
        },
        timeline: Vec::new(),
        hypothesis: Vec::new(),
        expect: Vec::new(),
        stop_conditions: Vec::new(),
        not_applicable: None,
        needs: Vec::new(),
        host_lacks: None,
    }
}

/// Names of all containers, networks and volumes of a run, asked without the harness.
pub(crate) async fn objects(run: &str) -> Vec<String> {
    use bollard::query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    };
    let filters = HashMap::from([("label", vec![format!("chaos.run={run}")])]);
    let client = client();
    let containers = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let containers = client.list_containers(Some(containers)).await.expect("containers");
    let networks = ListNetworksOptionsBuilder::default().filters(&filters).build();
    let networks = client.list_networks(Some(networks)).await.expect("networks");
    let volumes = ListVolumesOptionsBuilder::default().filters(&filters).build();
    let volumes = client.list_volumes(Some(volumes)).await.expect("volumes").volumes;
    let mut names: Vec<String> = containers
        .into_iter()
        .flat_map(|container| container.names.unwrap_or_default())
        .chain(networks.into_iter().filter_map(|network| network.name))
        .chain(volumes.unwrap_or_default().into_iter().map(|volume| volume.name))
        .collect();
    names.sort();
    names
}

/// A run of its own, removed at the end even if the test fails.
pub(crate) struct Standing {
    pub(crate) runtime: DockerRuntime,
    pub(crate) recorder: Recorder,
    pub(crate) identity: Identity,
}

impl Standing {
    pub(crate) async fn new() -> Self {
        let runtime = DockerRuntime::new(daemon().await);
        Self { runtime, recorder: recorder(), identity: identity(false) }
    }

    /// Removes everything, and proves it.
    pub(crate) async fn end(&self) {
        let left = self.runtime.dismantle().await.expect("dismantling works");
        assert_eq!(left, Vec::<String>::new());
        assert_eq!(objects(&self.identity.run).await, Vec::<String>::new());
    }
}

impl Drop for Standing {
    /// Best effort for a test that failed; a passed test left nothing.
    fn drop(&mut self) {
        let filter = format!("label=chaos.run={}", self.identity.run);
        let list = |what: &[&str]| {
            let output = std::process::Command::new("docker").args(what).arg(&filter).output();
            String::from_utf8(output.expect("docker").stdout).expect("names")
        };
        for (list_command, remove_command) in [
            (["ps", "-aq", "--filter"], vec!["rm", "-fv"]),
            (["network", "ls", "-q"], vec!["network", "rm"]),
            (["volume", "ls", "-q"], vec!["volume", "rm"]),
        ] {
            let mut command = list_command.to_vec();
            if command.last() == Some(&"-q") {
                command.push("--filter");
            }
            let found = list(&command);
            if !found.trim().is_empty() {
                let _ = std::process::Command::new("docker")
                    .args(remove_command)
                    .args(found.split_whitespace())
                    .output();
            }
        }
    }
}
