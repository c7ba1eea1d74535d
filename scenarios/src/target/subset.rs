//! Which part of the Compose Specification is understood, as data: the decoder refuses by these
//! tables, and documentation is printed from them.

/// A key of a Compose file that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Understood {
    /// The key of a service, such as `ports`.
    pub key: &'static str,
    /// What it does here, where that differs from Compose.
    pub meaning: &'static str,
    /// A value as it may be written.
    pub example: &'static str,
}

const fn understood(key: &'static str, example: &'static str, meaning: &'static str) -> Understood {
    Understood { key, meaning, example }
}

/// Every key of a service that is understood. Keys that begin with `x-` are passed over everywhere;
/// anchors, aliases and merge keys work as in any YAML.
pub const SUBSET: [Understood; 30] = [
    understood("image", "'${SHOP_IMAGE:-shop:1}'", "required; images are never built by a run"),
    understood("command", "serve --port 8080", "a text is split as a shell would, or a list"),
    understood("entrypoint", "[/bin/serve]", "a text is split as a shell would, or a list"),
    understood("environment", "{PORT: 8080}", "a mapping, or a list of `NAME=value`"),
    understood("expose", "[8080]", "not published; the first one says when the component is ready"),
    understood(
        "ports",
        "['127.0.0.1:8080:80']",
        "published on free ports of 127.0.0.1; the host port in the file is passed over",
    ),
    understood(
        "depends_on",
        "[other]",
        "the order of creation; a run waits until every component is ready, whatever the condition",
    ),
    understood("networks", "{back: {aliases: [web]}}", "a list, or a mapping with aliases"),
    understood("volumes", "['data:/var/lib/shop:ro']", "named volumes only, made for each run"),
    understood("tmpfs", "/run:size=64m", "one path or a list, with mount options"),
    understood("restart", "unless-stopped", "`no`, `always`, `on-failure` or `unless-stopped`"),
    understood("stop_grace_period", "2s", "time between SIGTERM and SIGKILL"),
    understood("stop_signal", "SIGINT", "the signal that stops it"),
    understood("init", "true", "whether Docker's init is process 1"),
    understood("hostname", "shop", "for a component of one replica only"),
    understood("user", "'1000:1000'", "user and group"),
    understood("working_dir", "/srv", "an absolute path"),
    understood("read_only", "true", "whether the root file system cannot be written"),
    understood("cap_add", "[NET_ADMIN]", "single capabilities, never ALL"),
    understood("cap_drop", "[ALL]", "capabilities taken"),
    understood("security_opt", "['no-new-privileges:true']", "security options"),
    understood("ulimits", "{nofile: 4096}", "a number, or `soft` and `hard`; -1 is no limit"),
    understood("mem_limit", "256m", "memory limit, at least 6 MiB"),
    understood("cpus", "0.5", "CPU limit in cores"),
    understood("pids_limit", "200", "limit on processes; -1 is none"),
    understood(
        "deploy",
        "{replicas: 2, resources: {limits: {cpus: '0.5', memory: 64M, pids: 50}}}",
        "`replicas` (1 to 16) and `resources.limits`",
    ),
    understood("labels", "{team: shop}", "passed over: a run sets its own labels"),
    understood(
        "healthcheck",
        "{test: [NONE]}",
        "passed over: readiness is asked by `x-chaos.ready`",
    ),
    understood("stdin_open", "true", "passed over"),
    understood("tty", "true", "passed over"),
];

/// Keys of a service that Compose knows and a run refuses, with the reason and what to do instead.
pub const REFUSED: &[(&str, &str)] = &[
    ("build", "a run builds no images: build it before and name it with `image`"),
    ("privileged", "a privileged container reaches the whole host: use `cap_add`"),
    ("network_mode", "faults act on the run's own networks: use `networks`"),
    ("pid", "it shares processes with the host or with others: leave it out"),
    ("ipc", "it shares memory with the host or with others: leave it out"),
    ("uts", "it shares the host's name: leave it out"),
    ("userns_mode", "it changes whose users these are on the host: leave it out"),
    ("cgroup", "the run limits resources itself: use `cpus`, `mem_limit` and `pids_limit`"),
    ("cgroup_parent", "the run limits resources itself: use `cpus`, `mem_limit` and `pids_limit`"),
    ("devices", "devices of the host are out of bounds for a run: leave it out"),
    ("device_cgroup_rules", "devices of the host are out of bounds for a run: leave it out"),
    ("gpus", "devices of the host are out of bounds for a run: leave it out"),
    ("container_name", "the run names its containers, so that runs never collide: leave it out"),
    ("logging", "the run collects the logs itself: leave it out"),
    ("links", "components find each other by their names: use `networks`"),
    ("external_links", "a run reaches only its own containers: add the other one as a service"),
    ("extra_hosts", "names must come from the run's networks, where faults act: use `networks`"),
    ("dns", "the run sets name resolution itself: leave it out"),
    ("dns_opt", "the run sets name resolution itself: leave it out"),
    ("dns_search", "the run sets name resolution itself: leave it out"),
    ("env_file", "a target is one file: write the variables into `environment`"),
    ("extends", "a target is one file: use anchors and merge keys"),
    ("configs", "a target is one file: put the file into the image"),
    ("secrets", "a target is one file: use `environment` with `${NAME:-default}`"),
    ("profiles", "all services of a target run: write a second file for the other set"),
    ("scale", "write `deploy: {replicas: …}` instead"),
    ("cpuset", "all components share one set of CPUs, so that targets compare: use `cpus`"),
    ("cpu_shares", "use `cpus`"),
    ("cpu_quota", "use `cpus`"),
    ("cpu_period", "use `cpus`"),
    ("cpu_count", "use `cpus`"),
    ("cpu_percent", "use `cpus`"),
    ("mem_reservation", "only limits are kept: use `mem_limit`"),
    ("memswap_limit", "a run never swaps: use `mem_limit`"),
    ("mem_swappiness", "a run never swaps: leave it out"),
    ("oom_kill_disable", "memory faults need the kernel to act: leave it out"),
    ("oom_score_adj", "memory faults need the kernel to act: leave it out"),
    ("volumes_from", "name the volume in `volumes` of both services"),
    ("sysctls", "set it in the image's entry point if the kernel allows it there"),
    ("shm_size", "write `tmpfs: /dev/shm:size=…` instead"),
    ("platform", "a run uses the images of this machine's platform: leave it out"),
    ("pull_policy", "images are pulled when they are missing: leave it out"),
    ("runtime", "a run uses Docker's default runtime: leave it out"),
    ("group_add", "write the group into `user`"),
    ("mac_address", "addresses are given by Docker: leave it out"),
    ("domainname", "components find each other by their names: leave it out"),
    ("annotations", "a run sets its own labels: leave it out"),
    ("blkio_config", "disk limits are not supported: leave it out"),
    ("storage_opt", "disk limits are not supported: leave it out"),
    ("post_start", "put it into the image's entry point"),
    ("pre_stop", "put it into the image's entry point"),
    ("develop", "it serves development only: leave it out"),
];

/// Keys at the top of a Compose file that a run refuses.
pub const REFUSED_AT_TOP: &[(&str, &str)] = &[
    ("include", "a target is one file: use anchors and merge keys"),
    ("configs", "a target is one file: put the file into the image"),
    ("secrets", "a target is one file: use `environment` with `${NAME:-default}`"),
    ("models", "a target has services only"),
];

/// Keys of a network or volume that a run refuses.
pub(super) const REFUSED_OF_RESOURCES: &[(&str, &str)] = &[
    ("external", "networks and volumes are made for each run, and removed after it"),
    ("name", "the run names its networks and volumes, so that runs never collide"),
    ("driver_opts", "drivers' options are not supported: leave it out"),
    ("ipam", "addresses are given by Docker: leave it out"),
    ("internal", "a published port needs a network that is not internal: leave it out"),
    ("attachable", "only the run's own containers join its networks: leave it out"),
    ("enable_ipv6", "addresses are given by Docker: leave it out"),
];

/// Keys of `deploy` and its `resources` that a run refuses.
pub(super) const REFUSED_OF_DEPLOY: &[(&str, &str)] = &[
    ("mode", "every component has a fixed number of replicas: use `replicas`"),
    ("placement", "all components run on this machine: leave it out"),
    ("restart_policy", "use `restart` of the service"),
    ("update_config", "a run does not update: leave it out"),
    ("rollback_config", "a run does not update: leave it out"),
    ("endpoint_mode", "names lead to every replica: leave it out"),
    ("labels", "a run sets its own labels: leave it out"),
    ("reservations", "only limits are kept: use `limits`"),
];

/// Keys of a service's membership in a network that a run refuses.
pub(super) const REFUSED_OF_MEMBERSHIP: &[(&str, &str)] = &[
    ("ipv4_address", "addresses are given by Docker: leave it out"),
    ("ipv6_address", "addresses are given by Docker: leave it out"),
    ("link_local_ips", "addresses are given by Docker: leave it out"),
    ("mac_address", "addresses are given by Docker: leave it out"),
    ("priority", "all networks of a component are alike: leave it out"),
    ("gw_priority", "all networks of a component are alike: leave it out"),
    ("interface_name", "interfaces are named by Docker: leave it out"),
    ("driver_opts", "drivers' options are not supported: leave it out"),
];

/// The words for a refused key.
pub(super) fn refusal(table: &[(&str, &str)], key: &str) -> Option<String> {
    let (_, reason) = table.iter().find(|(refused, _)| *refused == key)?;
    Some(format!("`{key}` is not supported: {reason}"))
}
