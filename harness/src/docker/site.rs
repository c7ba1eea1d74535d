//! What stands of a run, for whoever acts on it or looks at it: its containers, and all that is
//! needed to make one of them again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard as Guard, PoisonError};

use bollard::models::ContainerInspectResponse;
use bollard::query_parameters::RemoveContainerOptionsBuilder;
use chaos_scenarios::action::Replica;
use chaos_scenarios::target::Component;
use tokio::sync::MutexGuard;

use super::broker::Brokers;
use super::connection::Daemon;
use super::error::{DockerError, classify, status};
use super::impair::Impaired;
use super::provision::{Held, Provisioning, unknown};
use super::redrive::Redriven;
use super::resource::Hogging;
use super::volume::Fillers;
use crate::recorder::Recorder;

/// The containers of a run.
pub(super) struct Site {
    /// What made them.
    pub(super) maker: Provisioning,
    containers: Mutex<BTreeMap<Replica, Held>>,
    /// The proxies of ours, by the replica that each stands before.
    proxies: BTreeMap<Replica, Held>,
    /// What our program uses up inside containers.
    hogs: tokio::sync::Mutex<Vec<Hogging>>,
    /// What is done to queues.
    brokers: tokio::sync::Mutex<Brokers>,
    /// What was told of dead letters that were sent again.
    redriven: Mutex<Vec<Redriven>>,
    /// What fills volumes.
    fillers: tokio::sync::Mutex<Fillers>,
    /// What becomes of packets, each replica for itself, since one is not waited for to begin with
    /// another.
    impaired: Mutex<BTreeMap<Replica, Arc<tokio::sync::Mutex<Impaired>>>>,
}

impl Site {
    pub(super) fn new(
        maker: Provisioning,
        containers: BTreeMap<Replica, Held>,
        proxies: BTreeMap<Replica, Held>,
    ) -> Self {
        Self {
            maker,
            containers: Mutex::new(containers),
            proxies,
            hogs: tokio::sync::Mutex::default(),
            brokers: tokio::sync::Mutex::default(),
            redriven: Mutex::default(),
            fillers: tokio::sync::Mutex::default(),
            impaired: Mutex::default(),
        }
    }

    pub(super) fn daemon(&self) -> &Daemon {
        &self.maker.daemon
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.maker.recorder
    }

    /// The container of a replica.
    pub(super) fn held(&self, replica: &Replica) -> Result<Held, DockerError> {
        let containers = self.containers.lock().unwrap_or_else(PoisonError::into_inner);
        containers.get(replica).cloned().ok_or_else(|| unknown(replica))
    }

    /// The container of the proxy before a replica.
    pub(super) fn proxy(&self, replica: &Replica) -> Result<Held, DockerError> {
        self.proxies.get(replica).cloned().ok_or_else(|| unknown(replica))
    }

    /// All replicas with what is published for each, be it by a proxy before it.
    pub(super) fn published(&self) -> BTreeMap<Replica, Held> {
        let mut containers = self.containers();
        for (replica, proxy) in &self.proxies {
            if let Some(held) = containers.get_mut(replica) {
                held.ports.extend(&proxy.ports);
            }
        }
        containers
    }

    /// All containers of replicas.
    pub(super) fn containers(&self) -> BTreeMap<Replica, Held> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What our program uses up inside containers; those that ended are still there.
    pub(super) async fn hogs(&self) -> MutexGuard<'_, Vec<Hogging>> {
        self.hogs.lock().await
    }

    /// What is done to queues, and what became of it.
    pub(super) async fn brokers(&self) -> MutexGuard<'_, Brokers> {
        self.brokers.lock().await
    }

    /// What was told of dead letters that were sent again.
    pub(super) fn redriven(&self) -> Guard<'_, Vec<Redriven>> {
        self.redriven.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What fills volumes.
    pub(super) async fn fillers(&self) -> MutexGuard<'_, Fillers> {
        self.fillers.lock().await
    }

    /// What becomes of a replica's packets.
    pub(super) fn impaired(&self, replica: &Replica) -> Arc<tokio::sync::Mutex<Impaired>> {
        let mut impaired = self.impaired.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(impaired.entry(replica.clone()).or_default())
    }

    /// What the target file says of a replica.
    pub(super) fn component(&self, replica: &Replica) -> Result<&Component, DockerError> {
        let component = self.maker.target.component(&replica.component);
        component.ok_or_else(|| unknown(replica))
    }

    /// What Docker knows of a replica's container.
    pub(super) async fn inspect(
        &self,
        replica: &Replica,
    ) -> Result<ContainerInspectResponse, DockerError> {
        let held = self.held(replica)?;
        match self.daemon().client.inspect_container(&held.id, None).await {
            Ok(inspected) => Ok(inspected),
            Err(error) if status(&error) == Some(404) => Err(unknown(replica)),
            Err(error) => Err(classify(format!("inspecting {replica}"), &error)),
        }
    }

    /// Makes the container of a replica: one that somebody removed keeps its ports, and one that
    /// the target file does not have gets its own. `image` takes the place of the file's.
    pub(super) async fn make(
        &self,
        replica: &Replica,
        image: Option<&str>,
    ) -> Result<(), DockerError> {
        let component = self.component(replica)?;
        let component = image.map_or_else(
            || component.clone(),
            |image| Component { image: image.to_owned(), ..component.clone() },
        );
        let held = match self.held(replica) {
            Ok(held) => self.maker.create_with(&component, replica, held.ports).await?,
            Err(_) => self.maker.create(&component, replica).await?,
        };
        let mut containers = self.containers.lock().unwrap_or_else(PoisonError::into_inner);
        containers.insert(replica.clone(), held);
        Ok(())
    }

    /// Removes the container of a replica, if there is one.
    pub(super) async fn remove(&self, replica: &Replica) -> Result<(), DockerError> {
        let Ok(held) = self.held(replica) else { return Ok(()) };
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        match self.daemon().client.remove_container(&held.id, Some(options)).await {
            Err(error) if status(&error) != Some(404) => {
                Err(classify(format!("removing {replica}"), &error))
            }
            _ => Ok(()),
        }
    }

    /// Whether a replica's container is of an image; none stands for that of the target file.
    pub(super) async fn runs_image(
        &self,
        replica: &Replica,
        image: Option<&str>,
    ) -> Result<bool, DockerError> {
        let inspected = match self.inspect(replica).await {
            Err(DockerError::UnknownReplica { .. }) => return Ok(false),
            inspected => inspected?,
        };
        let component = self.component(replica)?;
        let reference = self.maker.context.fill(component, image.unwrap_or(&component.image))?;
        let runs = inspected.config.and_then(|config| config.image);
        Ok(runs.as_deref() == Some(self.maker.image(&reference)))
    }
}
