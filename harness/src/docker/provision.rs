//! Makes and starts the containers of a target: as much as possible at the same time, because
//! everybody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, StartContainerOptions,
};
use chaos_reports::record::event::Event;
use chaos_scenarios::action::Replica;
use chaos_scenarios::plan::Proxy;
use chaos_scenarios::target::{Component, Target};
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::connection::Daemon;
use super::container::{self, RunContext};
use super::error::{DockerError, classify, reason, status};
use super::free_port::free_ports;
use super::network::{self, networks_of, object_name};
use super::{inside, label, logs, proxy, start_order, volume};
use crate::recorder::Recorder;

/// Containers made or started at the same time; the daemon works on few in parallel anyway.
pub(super) const CONCURRENT: usize = 16;
/// How often other ports are tried for a container whose port was taken in the meantime.
pub(super) const PORT_ATTEMPTS: u32 = 5;

/// A container of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// Docker's id.
    pub(super) id: String,
    /// Port inside → port on loopback.
    pub(super) ports: BTreeMap<u16, u16>,
}

/// By replica.
pub(super) type Containers = BTreeMap<Replica, Held>;

/// Provisioning of one run.
pub(super) struct Provisioning {
    pub(super) daemon: Daemon,
    pub(super) context: RunContext,
    pub(super) target: Target,
    pub(super) recorder: Recorder,
    /// Reference as filled in → reference that cannot come to mean another image meanwhile.
    pub(super) images: BTreeMap<String, String>,
    /// How our own program is started inside a container; empty if none needs it.
    pub(super) entry: Vec<String>,
    /// Ports that were given out.
    pub(super) given: Mutex<BTreeSet<u16>>,
    /// Bounds the containers that are made or started at the same time; closed to make no more.
    pub(super) concurrent: Arc<Semaphore>,
}

impl Provisioning {
    /// Makes networks, volumes and containers, and starts them. Every container runs at the end:
    /// those of replicas, and the proxies of ours before some of them.
    pub(super) async fn run(&self) -> Result<(Containers, Containers), DockerError> {
        let Self { daemon, context, target, .. } = self;
        network::create_all(daemon, target, &context.run, &context.labels).await?;
        if context.acts_inside {
            inside::fill(daemon, context, self.image(inside::IMAGE)).await?;
        }
        // Before anybody else uses them: what an image has in their place is copied there.
        volume::hold(self).await?;
        let create = replicas(&target.components)
            .into_iter()
            .map(|(component, replica)| self.create_bounded(component, replica));
        let mut held = all(create).await?;
        let proxies =
            all(replicas(&target.components).into_iter().filter_map(|(component, replica)| {
                let proxy = context.proxy(component)?;
                Some(self.put_before(proxy, component, replica))
            }));
        let proxies = proxies.await?;
        for step in start_order::steps(&target.components) {
            let start = replicas(step).into_iter().map(|(component, replica)| {
                let created = held.get(&replica).cloned();
                self.start_bounded(component, replica, created)
            });
            held.extend(all(start).await?);
        }
        self.look_for_deaths(&held).await?;
        Ok((held, proxies))
    }

    async fn put_before(
        &self,
        proxy: &Proxy,
        component: &Component,
        replica: Replica,
    ) -> Result<(Replica, Held), DockerError> {
        let _permit = self.concurrent.acquire().await.map_err(|_| DockerError::Halted)?;
        let held = proxy::start(self, proxy, component, &replica).await?;
        Ok((replica, held))
    }

    async fn create_bounded(
        &self,
        component: &Component,
        replica: Replica,
    ) -> Result<(Replica, Held), DockerError> {
        let _permit = self.concurrent.acquire().await.map_err(|_| DockerError::Halted)?;
        let held = self.create(component, &replica).await?;
        Ok((replica, held))
    }

    async fn start_bounded(
        &self,
        component: &Component,
        replica: Replica,
        created: Option<Held>,
    ) -> Result<(Replica, Held), DockerError> {
        let _permit = self.concurrent.acquire().await.map_err(|_| DockerError::Halted)?;
        let held = self.start(component, &replica, created.ok_or_else(|| unknown(&replica))?);
        let held = held.await?;
        Ok((replica, held))
    }

    /// Creates a container with ports of its own.
    pub(super) async fn create(
        &self,
        component: &Component,
        replica: &Replica,
    ) -> Result<Held, DockerError> {
        let inside = self.context.own_ports(component);
        let outside = self.ports(inside.len())?;
        let ports = inside.into_iter().zip(outside).collect();
        self.create_with(component, replica, ports).await
    }

    /// The image that a reference meant when the run began.
    pub(super) fn image<'a>(&'a self, reference: &'a str) -> &'a str {
        self.images.get(reference).map_or(reference, String::as_str)
    }

    /// Creates a container with given ports.
    pub(super) async fn create_with(
        &self,
        component: &Component,
        replica: &Replica,
        ports: BTreeMap<u16, u16>,
    ) -> Result<Held, DockerError> {
        let reference = self.context.fill(component, &component.image)?;
        let image = self.image(&reference);
        let body = container::body(&self.context, component, replica, image, &ports)?;
        let name = self.context.container_name(replica);
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let created = self.daemon.client.create_container(Some(options), body).await;
        let id = created.map_err(|error| classify(format!("creating {replica}"), &error))?.id;
        // Older engines take one network at creation.
        for (network, aliases) in networks_of(component).into_iter().skip(1) {
            let request = bollard::models::NetworkConnectRequest {
                container: id.clone(),
                endpoint_config: Some(container::endpoint(
                    &self.context,
                    component,
                    replica,
                    aliases,
                )),
            };
            let joined = object_name(&self.context.run, network);
            let done = self.daemon.client.connect_network(&joined, request).await;
            done.map_err(|error| classify(format!("joining {replica} to {network}"), &error))?;
        }
        self.recorder.emit(Event::ContainerCreated {
            replica: replica.clone(),
            id: id.clone(),
            image: image.to_owned(),
            ports: ports.clone(),
        });
        Ok(Held { id, ports })
    }

    /// Starts a container; if somebody took one of its ports, makes it anew with others.
    async fn start(
        &self,
        component: &Component,
        replica: &Replica,
        mut held: Held,
    ) -> Result<Held, DockerError> {
        for attempt in 1.. {
            let client = &self.daemon.client;
            let started = client.start_container(&held.id, None::<StartContainerOptions>).await;
            let Err(error) = started else { break };
            match classify(format!("starting {replica}"), &error) {
                DockerError::PortTaken { .. } if attempt < PORT_ATTEMPTS => {
                    self.discard(&held).await?;
                    held = self.create(component, replica).await?;
                }
                DockerError::Request { .. } => {
                    let (replica, reason) = (replica.clone(), reason(&error));
                    return Err(DockerError::StartRefused { replica, reason });
                }
                other => return Err(other),
            }
        }
        Ok(held)
    }

    pub(super) async fn discard(&self, held: &Held) -> Result<(), DockerError> {
        let options =
            bollard::query_parameters::RemoveContainerOptionsBuilder::default().force(true).build();
        match self.daemon.client.remove_container(&held.id, Some(options)).await {
            Err(error) if status(&error) != Some(404) => {
                Err(classify("removing a container whose port was taken", &error))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn ports(&self, count: usize) -> Result<Vec<u16>, DockerError> {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let ports = free_ports(count, &given, spread(&self.context.run))?;
        given.extend(&ports);
        Ok(ports)
    }

    /// A main process that ends at once (a wrong option, a missing file) is said here, with its
    /// words, and not when readiness runs out of time.
    async fn look_for_deaths(&self, held: &BTreeMap<Replica, Held>) -> Result<(), DockerError> {
        let mut filters = label::filter(Some(&self.context.run));
        filters.insert("status".to_owned(), vec!["exited".to_owned(), "dead".to_owned()]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let ended = self.daemon.client.list_containers(Some(options)).await;
        let ended = ended.map_err(|error| classify("listing containers", &error))?;
        let ended: BTreeSet<String> = ended.into_iter().filter_map(|found| found.id).collect();
        match held.iter().find(|(_, held)| ended.contains(&held.id)) {
            Some((replica, held)) => Err(died(&self.daemon, replica, &held.id).await),
            None => Ok(()),
        }
    }
}

/// Waits for all, also if one fails: a request that is dropped half-way may still make a container,
/// which nobody would know of.
async fn all(
    work: impl IntoIterator<Item = impl Future<Output = Result<(Replica, Held), DockerError>>>,
) -> Result<BTreeMap<Replica, Held>, DockerError> {
    join_all(work).await.into_iter().collect()
}

/// Why a container is not running any more, in its own words.
pub(super) async fn died(daemon: &Daemon, replica: &Replica, id: &str) -> DockerError {
    let inspected = daemon.client.inspect_container(id, None).await.ok();
    let state = inspected.and_then(|inspected| inspected.state);
    let exit_code = state.and_then(|state| state.exit_code).unwrap_or(-1);
    let log = logs::last_lines(daemon, id).await;
    DockerError::DiedAtStart { replica: replica.clone(), exit_code, log }
}

pub(super) fn unknown(replica: &Replica) -> DockerError {
    DockerError::UnknownReplica { replica: replica.clone() }
}

/// Every replica of components.
fn replicas<'a>(
    components: impl IntoIterator<Item = &'a Component>,
) -> Vec<(&'a Component, Replica)> {
    let of = |component: &'a Component| {
        (1..=component.replicas)
            .map(move |number| (component, Replica { component: component.name.clone(), number }))
    };
    components.into_iter().flat_map(of).collect()
}

/// Runs begin their search for ports at different places.
fn spread(run: &str) -> u64 {
    run.bytes().fold(5381, |hash: u64, byte| hash.wrapping_mul(33) ^ u64::from(byte))
}
