//! The networks and volumes of a run: made before its containers, named and labelled.

use std::collections::BTreeSet;

use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};
use chaos_scenarios::quantity::Bytes;
use chaos_scenarios::target::{Component, Target};
use futures::future::join_all;

use super::connection::Daemon;
use super::error::{DockerError, classify};
use super::label::Labels;
use super::volume;

/// Name of an object of a run: unique on a daemon, and readable in `docker ps`.
pub(super) fn object_name(run: &str, name: &str) -> String {
    format!("chaos-{run}-{name}")
}

/// The network of components that name none, as Compose has it.
const DEFAULT: &str = "default";

/// The networks that a component joins, with its further names there.
pub(super) fn networks_of(component: &Component) -> Vec<(&str, &[String])> {
    if component.networks.is_empty() {
        return vec![(DEFAULT, &[])];
    }
    component.networks.iter().map(|(name, aliases)| (name.as_str(), aliases.as_slice())).collect()
}

/// Makes the networks and volumes of a target.
pub(super) async fn create_all(
    daemon: &Daemon,
    target: &Target,
    run: &str,
    labels: &Labels,
) -> Result<(), DockerError> {
    let joined = target.components.iter().flat_map(networks_of).map(|(name, _)| name);
    let names: BTreeSet<&str> = target.networks.iter().map(String::as_str).chain(joined).collect();
    let networks = names.into_iter().map(|name| create_network(daemon, run, name, labels));
    let size = |name: &String| target.volume_sizes.get(name).copied();
    let volumes = target.volumes.iter();
    let volumes = volumes.map(|name| create_volume(daemon, run, name, size(name), labels));
    // All are waited for, also if one fails: see the containers.
    let (networks, volumes) = tokio::join!(join_all(networks), join_all(volumes));
    networks.into_iter().chain(volumes).collect()
}

async fn create_network(
    daemon: &Daemon,
    run: &str,
    name: &str,
    labels: &Labels,
) -> Result<(), DockerError> {
    let request = NetworkCreateRequest {
        name: object_name(run, name),
        driver: Some("bridge".to_owned()),
        labels: Some(labels.clone()),
        ..NetworkCreateRequest::default()
    };
    let made = daemon.client.create_network(request).await;
    made.map(|_| ()).map_err(|error| classify(format!("creating the network {name}"), &error))
}

async fn create_volume(
    daemon: &Daemon,
    run: &str,
    name: &str,
    size: Option<Bytes>,
    labels: &Labels,
) -> Result<(), DockerError> {
    let options = size.map(volume::driver_options).into_iter().flatten();
    let options = options.map(|(key, value)| (key.to_owned(), value));
    let request = VolumeCreateRequest {
        driver_opts: Some(options.collect()),
        name: Some(object_name(run, name)),
        labels: Some(labels.clone()),
        ..VolumeCreateRequest::default()
    };
    let made = daemon.client.create_volume(request).await;
    made.map(|_| ()).map_err(|error| classify(format!("creating the volume {name}"), &error))
}
