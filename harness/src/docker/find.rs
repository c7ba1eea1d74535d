//! Finds the runs whose objects stand on a daemon, by their labels: what `chaos up` left, what a
//! dead process left, and what runs now.

use std::collections::BTreeMap;

use bollard::query_parameters::ListContainersOptionsBuilder;
use chaos_scenarios::action::Replica;

use super::connection::Daemon;
use super::error::{DockerError, classify};
use super::label::{self, Labels};
use super::provision::Held;

/// A run of which containers stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundRun {
    /// Its label.
    pub run: String,
    /// The invocation it belongs to.
    pub experiment: String,
    /// Name of its target.
    pub target: String,
    /// Its replicas that run, with port inside → port on loopback.
    pub replicas: BTreeMap<Replica, BTreeMap<u16, u16>>,
    /// When anybody may remove it, seconds since 1970.
    pub expires_at: i64,
    /// Whether it outlives the process that made it.
    pub kept: bool,
    /// The process that made it.
    pub owner: String,
}

/// Every run of which containers stand, by its label.
pub async fn find_runs(daemon: &Daemon) -> Result<Vec<FoundRun>, DockerError> {
    let mut runs: BTreeMap<String, FoundRun> = BTreeMap::new();
    for (labels, held) in labelled(daemon, None).await? {
        let Some(run) = labels.get(label::RUN) else { continue };
        let found = runs.entry(run.clone()).or_insert_with(|| describe(run, &labels));
        if let Some(replica) = label::replica(&labels) {
            found.replicas.insert(replica, held.ports);
        }
    }
    Ok(runs.into_values().collect())
}

/// The containers of one run.
pub(super) async fn containers_of(
    daemon: &Daemon,
    run: &str,
) -> Result<BTreeMap<Replica, Held>, DockerError> {
    let labelled = labelled(daemon, Some(run)).await?;
    let held: BTreeMap<Replica, Held> = labelled
        .into_iter()
        .filter_map(|(labels, held)| Some((label::replica(&labels)?, held)))
        .collect();
    if held.is_empty() {
        return Err(DockerError::UnknownRun { run: run.to_owned() });
    }
    Ok(held)
}

fn describe(run: &str, labels: &Labels) -> FoundRun {
    let value = |name: &str| labels.get(name).cloned().unwrap_or_default();
    FoundRun {
        run: run.to_owned(),
        experiment: value(label::EXPERIMENT),
        target: value(label::TARGET),
        replicas: BTreeMap::new(),
        expires_at: value(label::EXPIRES_AT).parse().unwrap_or(0),
        kept: value(label::KEPT) == "true",
        owner: value(label::OWNER),
    }
}

/// Containers with their labels; those that run have their ports.
async fn labelled(daemon: &Daemon, run: Option<&str>) -> Result<Vec<(Labels, Held)>, DockerError> {
    let options =
        ListContainersOptionsBuilder::default().all(true).filters(&label::filter(run)).build();
    let containers = daemon.client.list_containers(Some(options)).await;
    let containers = containers.map_err(|error| classify("listing containers", &error))?;
    let held = |container: bollard::models::ContainerSummary| {
        let published = container.ports.unwrap_or_default();
        let ports = published
            .iter()
            .filter_map(|port| Some((port.private_port, port.public_port?)))
            .collect();
        Some((container.labels.unwrap_or_default(), Held { id: container.id?, ports }))
    };
    Ok(containers.into_iter().filter_map(held).collect())
}
