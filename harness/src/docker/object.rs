//! Lists and removes labelled objects. Used at the end of a run and by clean-up alike: both go by
//! labels, never by names.

use std::time::Duration;

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
};
use futures::stream::{self, StreamExt};

use super::connection::Daemon;
use super::error::{DockerError, classify, status};
use super::label::{self, Labels};

/// Removals under way at the same time.
const CONCURRENT_REMOVALS: usize = 16;
/// How often an object is tried that is still in use, and the pause between.
const ATTEMPTS: u32 = 10;
const PAUSE: Duration = Duration::from_millis(100);
/// Bound of one removal.
const REMOVAL_LIMIT: Duration = Duration::from_secs(30);

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// A container, running or not.
    Container,
    /// A network.
    Network,
    /// A named volume.
    Volume,
}

impl ObjectKind {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
        }
    }
}

/// A labelled object of a daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Docker's id; the name of a volume.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
}

impl std::fmt::Display for Object {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.kind.name(), self.name)
    }
}

/// Every object that carries the label of `run`, or of any run, and is not protected. Containers
/// come first, so that removing in this order works.
pub async fn list_objects(daemon: &Daemon, run: Option<&str>) -> Result<Vec<Object>, DockerError> {
    let (containers, networks, volumes) =
        tokio::join!(containers(daemon, run), networks(daemon, run), volumes(daemon, run));
    let mut objects = containers?;
    objects.extend(networks?);
    objects.extend(volumes?);
    objects.retain(|object| !label::is_protected(&object.labels));
    Ok(objects)
}

async fn containers(daemon: &Daemon, run: Option<&str>) -> Result<Vec<Object>, DockerError> {
    let options =
        ListContainersOptionsBuilder::default().all(true).filters(&label::filter(run)).build();
    let found = daemon.client.list_containers(Some(options)).await;
    let found = found.map_err(|error| classify("listing containers", &error))?;
    let object = |container: bollard::models::ContainerSummary| {
        let id = container.id?;
        let name = container.names.and_then(|names| names.into_iter().next());
        let name = name.map_or_else(|| id.clone(), |name| name.trim_start_matches('/').to_owned());
        let labels = container.labels.unwrap_or_default();
        Some(Object { kind: ObjectKind::Container, id, name, labels })
    };
    Ok(found.into_iter().filter_map(object).collect())
}

async fn networks(daemon: &Daemon, run: Option<&str>) -> Result<Vec<Object>, DockerError> {
    let options = ListNetworksOptionsBuilder::default().filters(&label::filter(run)).build();
    let found = daemon.client.list_networks(Some(options)).await;
    let found = found.map_err(|error| classify("listing networks", &error))?;
    let object = |network: bollard::models::Network| {
        let (id, name) = (network.id?, network.name?);
        let labels = network.labels.unwrap_or_default();
        Some(Object { kind: ObjectKind::Network, id, name, labels })
    };
    Ok(found.into_iter().filter_map(object).collect())
}

async fn volumes(daemon: &Daemon, run: Option<&str>) -> Result<Vec<Object>, DockerError> {
    let options = ListVolumesOptionsBuilder::default().filters(&label::filter(run)).build();
    let found = daemon.client.list_volumes(Some(options)).await;
    let found = found.map_err(|error| classify("listing volumes", &error))?;
    let object = |volume: bollard::models::Volume| Object {
        kind: ObjectKind::Volume,
        id: volume.name.clone(),
        name: volume.name,
        labels: volume.labels,
    };
    Ok(found.volumes.unwrap_or_default().into_iter().map(object).collect())
}

/// Removes objects: containers first, then networks and volumes, which are free only then. Returns
/// what could not be removed, with the reason. An object that is gone already counts as removed.
pub async fn remove_objects(daemon: &Daemon, objects: &[Object]) -> Vec<(Object, DockerError)> {
    let (containers, others): (Vec<_>, Vec<_>) = objects
        .iter()
        .filter(|object| !label::is_protected(&object.labels))
        .cloned()
        .partition(|object| object.kind == ObjectKind::Container);
    let mut failures = remove_all(daemon, containers).await;
    failures.extend(remove_all(daemon, others).await);
    failures
}

async fn remove_all(daemon: &Daemon, objects: Vec<Object>) -> Vec<(Object, DockerError)> {
    stream::iter(objects)
        .map(|object| async move {
            let bounded = tokio::time::timeout(REMOVAL_LIMIT, remove(daemon, &object)).await;
            let result = bounded.unwrap_or_else(|_| {
                let what = format!("removing the {object}");
                Err(DockerError::Timeout { what, seconds: REMOVAL_LIMIT.as_secs() })
            });
            result.err().map(|error| (object, error))
        })
        .buffer_unordered(CONCURRENT_REMOVALS)
        .filter_map(|failure| async { failure })
        .collect()
        .await
}

async fn remove(daemon: &Daemon, object: &Object) -> Result<(), DockerError> {
    let mut attempt = 1;
    loop {
        let error = match remove_once(daemon, object).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        match status(&error) {
            Some(404) => return Ok(()),
            // Still in use, or its removal is under way.
            Some(403 | 409 | 500) if attempt < ATTEMPTS => tokio::time::sleep(PAUSE).await,
            _ => return Err(classify(format!("removing the {object}"), &error)),
        }
        attempt += 1;
    }
}

async fn remove_once(daemon: &Daemon, object: &Object) -> Result<(), bollard::errors::Error> {
    match object.kind {
        ObjectKind::Container => {
            // Also its unnamed volumes, which nobody else can know of.
            let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
            daemon.client.remove_container(&object.id, Some(options)).await
        }
        ObjectKind::Network => daemon.client.remove_network(&object.id).await,
        ObjectKind::Volume => {
            let options = RemoveVolumeOptionsBuilder::default().force(true).build();
            daemon.client.remove_volume(&object.id, Some(options)).await
        }
    }
}
