//! What stands of a run, for whoever acts on it or looks at it: its containers, and all that is
//! needed to make one of them again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bollard::models::ContainerInspectResponse;
use chaos_scenarios::action::{Hog, Replica};
use chaos_scenarios::target::Component;
use tokio::sync::MutexGuard;

use super::connection::Daemon;
use super::error::{DockerError, classify, status};
use super::inside::Running;
use super::provision::{Held, Provisioning, unknown};
use crate::recorder::Recorder;

/// The containers of a run.
pub(super) struct Site {
    /// What made them.
    pub(super) maker: Provisioning,
    containers: Mutex<BTreeMap<Replica, Held>>,
    /// What our program uses up inside containers.
    hogs: tokio::sync::Mutex<Vec<(Replica, Hog, Running)>>,
}

impl Site {
    pub(super) fn new(maker: Provisioning, containers: BTreeMap<Replica, Held>) -> Self {
        Self { maker, containers: Mutex::new(containers), hogs: tokio::sync::Mutex::default() }
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

    /// All containers.
    pub(super) fn containers(&self) -> BTreeMap<Replica, Held> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What our program uses up inside containers; those that ended are still there.
    pub(super) async fn hogs(&self) -> MutexGuard<'_, Vec<(Replica, Hog, Running)>> {
        self.hogs.lock().await
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

    /// Makes the container of a replica again, which somebody removed; it keeps its ports.
    pub(super) async fn make_again(&self, replica: &Replica) -> Result<(), DockerError> {
        let ports = self.held(replica)?.ports;
        let held = self.maker.create_with(self.component(replica)?, replica, ports).await?;
        let mut containers = self.containers.lock().unwrap_or_else(PoisonError::into_inner);
        containers.insert(replica.clone(), held);
        Ok(())
    }
}
