//! Turns a component of a Compose file into what Docker is asked to create. Pure: what a container
//! may do is decided here, and tested by comparing values.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountType, NetworkingConfig, PortBinding, PortMap, ResourcesUlimits, RestartPolicy,
    RestartPolicyNameEnum,
};
use chaos_scenarios::action::Replica;
use chaos_scenarios::plan::Proxy;
use chaos_scenarios::target::{Component, interpolate};

use super::error::DockerError;
use super::inside;
use super::label::{self, Labels};
use super::network::{networks_of, object_name};

/// A log grows no further than this, so that a failing component cannot fill the host.
const LOG_SIZE: &str = "64m";

/// What is common to all containers of a run.
#[derive(Debug)]
pub(super) struct RunContext {
    /// Label of the run.
    pub(super) run: String,
    /// Labels of everything of the run.
    pub(super) labels: Labels,
    /// Values for `${VARIABLE}`.
    pub(super) variables: BTreeMap<String, String>,
    /// The CPUs that all containers share.
    pub(super) cpus: Option<String>,
    /// Whether our own program must be there in every container.
    pub(super) acts_inside: bool,
    /// The proxies of ours before components.
    pub(super) proxies: Vec<Proxy>,
}

impl RunContext {
    /// Name of a replica's container.
    pub(super) fn container_name(&self, replica: &Replica) -> String {
        object_name(&self.run, &replica.to_string())
    }

    /// The proxy before every replica of a component, if there is one.
    pub(super) fn proxy(&self, component: &Component) -> Option<&Proxy> {
        self.proxies.iter().find(|proxy| proxy.component == component.name)
    }

    /// The ports that a replica publishes itself, and not by the proxy before it.
    pub(super) fn own_ports(&self, component: &Component) -> Vec<u16> {
        let http = self.proxy(component).map(|proxy| &proxy.http);
        let own = |port: &u16| http.is_none_or(|http| !http.contains(port));
        component.ports.iter().copied().filter(own).collect()
    }

    /// A text of a component with its variables filled in.
    pub(super) fn fill(&self, component: &Component, text: &str) -> Result<String, DockerError> {
        interpolate(text, &self.variables)
            .map_err(|source| DockerError::Variable { component: component.name.clone(), source })
    }

    fn fill_option(
        &self,
        component: &Component,
        text: Option<&String>,
    ) -> Result<Option<String>, DockerError> {
        text.map(|text| self.fill(component, text)).transpose()
    }

    fn fill_list(
        &self,
        component: &Component,
        texts: Option<&Vec<String>>,
    ) -> Result<Option<Vec<String>>, DockerError> {
        let fill = |texts: &Vec<String>| texts.iter().map(|t| self.fill(component, t)).collect();
        texts.map(fill).transpose()
    }
}

/// What Docker is asked to create for one replica; `ports` maps ports inside to ports on loopback.
pub(super) fn body(
    context: &RunContext,
    component: &Component,
    replica: &Replica,
    image: &str,
    ports: &BTreeMap<u16, u16>,
) -> Result<ContainerCreateBody, DockerError> {
    let environment = component
        .environment
        .iter()
        .map(|(name, value)| Ok(format!("{name}={}", context.fill(component, value)?)))
        .collect::<Result<Vec<_>, DockerError>>()?;
    // Docker lets others find a container by its host name, too: nobody must get past a proxy by it.
    let hostname = if context.proxy(component).is_some() {
        behind(replica)
    } else {
        let own = context.fill_option(component, component.hostname.as_ref())?;
        own.unwrap_or_else(|| replica.to_string())
    };
    let seconds =
        |span: chaos_scenarios::quantity::Span| span.duration().as_millis().div_ceil(1000);
    Ok(ContainerCreateBody {
        image: Some(image.to_owned()),
        hostname: Some(hostname),
        user: context.fill_option(component, component.user.as_ref())?,
        working_dir: context.fill_option(component, component.working_dir.as_ref())?,
        entrypoint: context.fill_list(component, component.entrypoint.as_ref())?,
        cmd: context.fill_list(component, component.command.as_ref())?,
        env: Some(environment),
        exposed_ports: Some(ports.keys().map(|port| format!("{port}/tcp")).collect()),
        stop_signal: component.stop_signal.clone(),
        stop_timeout: component
            .stop_grace_period
            .and_then(|span| i64::try_from(seconds(span)).ok()),
        // Readiness is asked from outside; the image's own check would only use the target's CPU.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        labels: Some(label::of_replica(&context.labels, replica)),
        host_config: Some(host_config(context, component, ports)?),
        networking_config: first_network(context, component, replica),
        ..ContainerCreateBody::default()
    })
}

fn host_config(
    context: &RunContext,
    component: &Component,
    ports: &BTreeMap<u16, u16>,
) -> Result<HostConfig, DockerError> {
    let memory = component.memory.and_then(|bytes| i64::try_from(bytes.0).ok());
    let tmpfs = component.tmpfs.iter().map(|written| {
        let filled = context.fill(component, written)?;
        let (path, options) = filled.split_once(':').unwrap_or((&filled, ""));
        Ok((path.to_owned(), options.to_owned()))
    });
    let first = networks_of(component).first().map(|(name, _)| object_name(&context.run, name));
    Ok(HostConfig {
        network_mode: first,
        port_bindings: Some(port_bindings(ports)),
        mounts: Some(mounts(context, component)),
        tmpfs: Some(tmpfs.collect::<Result<HashMap<_, _>, DockerError>>()?),
        restart_policy: Some(restart_policy(&component.restart)),
        init: Some(component.init),
        readonly_rootfs: Some(component.read_only),
        cap_add: Some(component.cap_add.clone()),
        cap_drop: Some(component.cap_drop.clone()),
        security_opt: Some(component.security_opt.clone()),
        ulimits: Some(ulimits(component)),
        memory,
        // The same as the memory: no swap, which would turn a limit into slowness.
        memory_swap: memory,
        nano_cpus: component.cpus.map(nano_cpus),
        cpuset_cpus: context.cpus.clone(),
        pids_limit: component.pids_limit,
        ..common()
    })
}

/// What is the same for every container: how it finds others, and how its log is kept.
pub(super) fn common() -> HostConfig {
    HostConfig {
        // A name without a dot is a component: while it is gone, Docker answers so at once. Without
        // these two, the lookup goes to the host's name servers, or waits for them in vain.
        dns_options: Some(vec!["ndots:1".to_owned()]),
        dns_search: Some(vec![".".to_owned()]),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([("max-size".to_owned(), LOG_SIZE.to_owned())])),
        }),
        ..HostConfig::default()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "cores are few; casts of floats saturate")]
fn nano_cpus(cores: f64) -> i64 {
    (cores * 1e9).round() as i64
}

pub(super) fn port_bindings(ports: &BTreeMap<u16, u16>) -> PortMap {
    let binding = |(inside, outside): (&u16, &u16)| {
        let loopback = PortBinding {
            host_ip: Some("127.0.0.1".to_owned()),
            host_port: Some(outside.to_string()),
        };
        (format!("{inside}/tcp"), Some(vec![loopback]))
    };
    ports.iter().map(binding).collect()
}

fn mounts(context: &RunContext, component: &Component) -> Vec<Mount> {
    let mount = |mount: &chaos_scenarios::target::Mount| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(object_name(&context.run, &mount.volume)),
        target: Some(mount.path.clone()),
        read_only: Some(mount.read_only),
        ..Mount::default()
    };
    component.mounts.iter().map(mount).chain(inside::mount(context, component)).collect()
}

fn ulimits(component: &Component) -> Vec<ResourcesUlimits> {
    let limit = |limit: &chaos_scenarios::target::Ulimit| ResourcesUlimits {
        name: Some(limit.name.clone()),
        soft: Some(limit.soft),
        hard: Some(limit.hard),
    };
    component.ulimits.iter().map(limit).collect()
}

fn restart_policy(written: &str) -> RestartPolicy {
    // `on-failure:3` gives up after the third time.
    let (name, count) = written.split_once(':').unwrap_or((written, ""));
    let name = match name {
        "always" => RestartPolicyNameEnum::ALWAYS,
        "on-failure" => RestartPolicyNameEnum::ON_FAILURE,
        "unless-stopped" => RestartPolicyNameEnum::UNLESS_STOPPED,
        _ => RestartPolicyNameEnum::NO,
    };
    RestartPolicy { name: Some(name), maximum_retry_count: count.parse().ok() }
}

/// How a replica is found on a network: by the component's name, which all replicas share, by its
/// own, and by what the file adds. A proxy of ours takes all of these, and finds it by another.
pub(super) fn endpoint(
    context: &RunContext,
    component: &Component,
    replica: &Replica,
    more: &[String],
) -> EndpointSettings {
    match context.proxy(component) {
        None => front(component, replica, more),
        Some(_) => named(vec![behind(replica)]),
    }
}

/// The same for whatever stands where others look for a replica.
pub(super) fn front(component: &Component, replica: &Replica, more: &[String]) -> EndpointSettings {
    let mut aliases = vec![component.name.clone(), replica.to_string()];
    aliases.extend(more.iter().cloned());
    named(aliases)
}

/// The name by which the proxy before a replica finds it.
pub(super) fn behind(replica: &Replica) -> String {
    format!("{replica}-behind")
}

fn named(aliases: Vec<String>) -> EndpointSettings {
    EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() }
}

/// Older engines take one network at creation; the others are joined before the start.
fn first_network(
    context: &RunContext,
    component: &Component,
    replica: &Replica,
) -> Option<NetworkingConfig> {
    let (name, aliases) = networks_of(component).into_iter().next()?;
    let settings = endpoint(context, component, replica, aliases);
    let joined = HashMap::from([(object_name(&context.run, name), settings)]);
    Some(NetworkingConfig { endpoints_config: Some(joined) })
}

#[cfg(test)]
#[path = "container_tests.rs"]
pub(super) mod tests;
