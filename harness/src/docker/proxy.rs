//! A proxy of ours before a replica (see `helper/proxy`): it takes the replica's names and its HTTP
//! ports before the replica starts, and stays for the whole run.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, HostConfig, NetworkConnectRequest, NetworkingConfig};
use bollard::query_parameters::{CreateContainerOptionsBuilder, StartContainerOptions};
use chaos_reports::record::event::Event;
use chaos_scenarios::action::Replica;
use chaos_scenarios::plan::Proxy;
use chaos_scenarios::target::Component;
use tokio::time::{sleep, timeout};

use super::container::{self, RunContext, behind, front};
use super::error::{DockerError, classify};
use super::inside;
use super::network::{networks_of, object_name};
use super::provision::{Held, PORT_ATTEMPTS, Provisioning, died};
use crate::http;

/// It takes orders within this time after its start.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Pause between two looks whether it does.
const LOOK: Duration = Duration::from_millis(25);
/// Bound of one look.
const ANSWER: Duration = Duration::from_secs(1);
/// What it may use: bodies stream through it.
const MEMORY: i64 = 256 << 20;
const PIDS: i64 = 64;
/// Nobody: it needs no rights at all.
const USER: &str = "65534:65534";

/// Puts a proxy before a replica; returns once it takes orders.
pub(super) async fn start(
    maker: &Provisioning,
    proxy: &Proxy,
    component: &Component,
    replica: &Replica,
) -> Result<Held, DockerError> {
    let mut held = create(maker, proxy, component, replica).await?;
    for attempt in 1.. {
        let client = &maker.daemon.client;
        let started = client.start_container(&held.id, None::<StartContainerOptions>).await;
        let Err(error) = started else { break };
        match classify(format!("starting the proxy before {replica}"), &error) {
            DockerError::PortTaken { .. } if attempt < PORT_ATTEMPTS => {
                maker.discard(&held).await?;
                held = create(maker, proxy, component, replica).await?;
            }
            other => return Err(other),
        }
    }
    let admin = held.ports.get(&proxy.admin).copied().unwrap_or_default();
    if timeout(START_LIMIT, takes_orders(admin)).await.is_err() {
        return Err(died(&maker.daemon, replica, &held.id).await);
    }
    let text = format!("a proxy of ours stands before {replica} during the whole run");
    maker.recorder.emit(Event::Note { text });
    Ok(held)
}

async fn create(
    maker: &Provisioning,
    proxy: &Proxy,
    component: &Component,
    replica: &Replica,
) -> Result<Held, DockerError> {
    let what = || format!("putting a proxy before {replica}");
    let context = &maker.context;
    let inside: Vec<u16> = published(proxy, component).collect();
    let outside = maker.ports(inside.len())?;
    let ports: BTreeMap<u16, u16> = inside.into_iter().zip(outside).collect();
    let image = maker.image(inside::IMAGE);
    let body = body(context, proxy, component, replica, (image, &maker.entry), &ports);
    let name = object_name(&context.run, &format!("{replica}-proxy"));
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let created = maker.daemon.client.create_container(Some(options), body).await;
    let id = created.map_err(|error| classify(what(), &error))?.id;
    // Older engines take one network at creation.
    for (network, aliases) in networks_of(component).into_iter().skip(1) {
        let request = NetworkConnectRequest {
            container: id.clone(),
            endpoint_config: Some(front(component, replica, aliases)),
        };
        let joined = object_name(&context.run, network);
        let done = maker.daemon.client.connect_network(&joined, request).await;
        done.map_err(|error| classify(what(), &error))?;
    }
    Ok(Held { id, ports })
}

/// What it publishes: its own port for orders, and what the replica would publish of its HTTP.
fn published<'a>(proxy: &'a Proxy, component: &'a Component) -> impl Iterator<Item = u16> + 'a {
    let http = component.ports.iter().copied().filter(|port| proxy.http.contains(port));
    http.chain([proxy.admin])
}

/// What Docker is asked to create; `program` is our image, and how it is started.
fn body(
    context: &RunContext,
    proxy: &Proxy,
    component: &Component,
    replica: &Replica,
    program: (&str, &[String]),
    ports: &BTreeMap<u16, u16>,
) -> ContainerCreateBody {
    let (image, entry) = program;
    let (network, aliases) = networks_of(component).into_iter().next().unwrap_or_default();
    let network = object_name(&context.run, network);
    let settings = front(component, replica, aliases);
    ContainerCreateBody {
        image: Some(image.to_owned()),
        hostname: Some(format!("{replica}-proxy")),
        user: Some(USER.to_owned()),
        entrypoint: Some(entry.to_vec()),
        cmd: Some(words(proxy, replica)),
        exposed_ports: Some(ports.keys().map(|port| format!("{port}/tcp")).collect()),
        labels: Some(context.labels.clone()),
        host_config: Some(HostConfig {
            network_mode: Some(network.clone()),
            port_bindings: Some(container::port_bindings(ports)),
            init: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            readonly_rootfs: Some(true),
            memory: Some(MEMORY),
            memory_swap: Some(MEMORY),
            pids_limit: Some(PIDS),
            cpuset_cpus: context.cpus.clone(),
            ..container::common()
        }),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(network, settings)])),
        }),
        ..ContainerCreateBody::default()
    }
}

fn words(proxy: &Proxy, replica: &Replica) -> Vec<String> {
    let mut words = vec!["helper".to_owned(), "proxy".to_owned(), behind(replica)];
    words.push(format!("--admin={}", proxy.admin));
    words.extend(proxy.http.iter().map(|port| format!("--http={port}")));
    words.extend(proxy.passed.iter().map(|port| format!("--pass={port}")));
    words
}

/// Returns once it answers on its port for orders.
async fn takes_orders(port: u16) {
    let url = format!("http://127.0.0.1:{port}/chaos");
    loop {
        if let Ok(client) = http::client(&url).timeout(ANSWER).build()
            && client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        {
            return;
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::container::tests::{component, context};
    use super::*;

    #[test]
    fn it_takes_the_names_and_the_http_port_of_its_replica_and_has_no_rights() {
        let proxy = Proxy {
            component: "orders".to_owned(),
            http: [8080].into(),
            passed: [9090, 9091].into(),
            admin: 15_000,
        };
        let orders = Component {
            ports: vec![8080, 9090],
            networks: [("back".to_owned(), vec!["shop".to_owned()])].into(),
            ..component("orders")
        };
        let context = RunContext { proxies: vec![proxy.clone()], ..context() };
        let replica = Replica { component: "orders".to_owned(), number: 2 };
        assert_eq!(context.own_ports(&orders), [9090], "the replica publishes the rest");
        let ports = published(&proxy, &orders).zip(20_001..).collect::<BTreeMap<_, _>>();
        assert_eq!(ports.keys().copied().collect::<Vec<_>>(), [8080, 15_000]);

        let made = body(&context, &proxy, &orders, &replica, ("chaos/chaos:1", &[]), &ports);
        let words = made.cmd.expect("its task").join(" ");
        assert_eq!(
            words,
            "helper proxy orders-2-behind --admin=15000 --http=8080 --pass=9090 --pass=9091"
        );
        let aliases = |networking: Option<NetworkingConfig>| {
            let mut networks = networking.and_then(|it| it.endpoints_config).expect("networks");
            networks.remove("chaos-r1-back").and_then(|it| it.aliases).expect("names")
        };
        assert_eq!(aliases(made.networking_config), ["orders", "orders-2", "shop"]);
        let behind = container::body(&context, &orders, &replica, "x", &BTreeMap::new());
        let behind = behind.expect("it is right");
        assert_eq!(aliases(behind.networking_config), ["orders-2-behind"]);
        let host = made.host_config.expect("a host's part");
        assert_eq!(host.cap_drop.expect("given"), ["ALL"]);
        assert_eq!((host.cap_add, host.privileged, host.mounts), (None, None, None));
        assert_eq!(host.security_opt.expect("given"), ["no-new-privileges:true"]);
        assert_eq!((host.readonly_rootfs, host.memory), (Some(true), Some(MEMORY)));
        assert_eq!((host.pids_limit, host.memory_swap), (Some(PIDS), Some(MEMORY)));
        assert_eq!(made.user.as_deref(), Some(USER));
    }
}
