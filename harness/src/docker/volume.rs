//! Volumes of a fixed size: memory file systems, which are empty once no container uses them. One
//! container holds them all from the beginning of a run to its end, so that a replica finds its data
//! when it is started again; it is also where volumes are filled from.

use std::collections::BTreeMap;

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};
use bollard::query_parameters::{CreateContainerOptionsBuilder, StartContainerOptions};
use chaos_scenarios::action::{Check, Fill, Replica};
use chaos_scenarios::quantity::Bytes;

use super::error::{DockerError, classify, status};
use super::inside::{self, Running};
use super::network::object_name;
use super::provision::Provisioning;
use super::site::Site;
use crate::helper::fill::Filled;
use crate::port::Proof;

/// Name of the container that holds the volumes.
const NAME: &str = "volume-holder";
/// Where it has them.
const FOLDER: &str = "/volumes";
/// What it may use beside the volumes that it fills, bytes.
const MEMORY: u64 = 64 << 20;
const PIDS: i64 = 32;

/// What fills volumes, by their names.
pub(super) type Fillers = BTreeMap<String, Running>;

/// The options of Docker's own driver for a volume of a size.
pub(super) fn driver_options(size: Bytes) -> [(&'static str, String); 3] {
    [
        ("type", "tmpfs".to_owned()),
        ("device", "tmpfs".to_owned()),
        ("o", format!("size={}", size.0)),
    ]
}

/// Starts what holds the volumes of a fixed size, if there are any; returns its id. One that somebody
/// removed is made again.
pub(super) async fn hold(maker: &Provisioning) -> Result<Option<String>, DockerError> {
    if maker.target.volume_sizes.is_empty() {
        return Ok(None);
    }
    let (client, name) = (&maker.daemon.client, object_name(&maker.context.run, NAME));
    let failed = |error: bollard::errors::Error| classify("holding volumes", &error);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    match client.create_container(Some(options), body(maker)).await {
        // 409: it is there.
        Err(error) if status(&error) != Some(409) => return Err(failed(error)),
        _ => {}
    }
    client.start_container(&name, None::<StartContainerOptions>).await.map_err(failed)?;
    Ok(Some(name))
}

fn body(maker: &Provisioning) -> ContainerCreateBody {
    let sizes = &maker.target.volume_sizes;
    let mount = |volume: &String| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(object_name(&maker.context.run, volume)),
        target: Some(format!("{FOLDER}/{volume}")),
        ..Mount::default()
    };
    let all = sizes.values().map(|size| size.0).sum::<u64>() + MEMORY;
    let memory = i64::try_from(all).ok();
    ContainerCreateBody {
        image: Some(maker.image(inside::IMAGE).to_owned()),
        cmd: Some(vec!["helper".to_owned(), "hold".to_owned()]),
        // Whose the files of a volume are differs from image to image.
        user: Some("0:0".to_owned()),
        labels: Some(maker.context.labels.clone()),
        host_config: Some(HostConfig {
            mounts: Some(sizes.keys().map(mount).collect()),
            network_mode: Some("none".to_owned()),
            init: Some(true),
            readonly_rootfs: Some(true),
            cap_drop: Some(vec!["ALL".to_owned()]),
            cap_add: Some(vec!["DAC_OVERRIDE".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            memory,
            memory_swap: memory,
            pids_limit: Some(PIDS),
            cpuset_cpus: maker.context.cpus.clone(),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// Begins to fill a volume of a replica; where that goes on already, nothing is done.
pub(super) async fn fill(site: &Site, replica: &Replica, fill: &Fill) -> Result<(), DockerError> {
    let mut fillers = site.fillers().await;
    if fillers.contains_key(&fill.volume) {
        return Ok(());
    }
    let percent = fill.percent.to_string();
    let words = ["fill", &folder(fill), &percent];
    let task = inside::task(&site.maker.entry, &words);
    let running = inside::start(site.daemon(), replica, &holder(site, fill).await?, task).await?;
    fillers.insert(fill.volume.clone(), running);
    Ok(())
}

/// Ends that; what a filler left that was killed is removed.
pub(super) async fn end_fill(
    site: &Site,
    replica: &Replica,
    fill: &Fill,
) -> Result<(), DockerError> {
    let mut fillers = site.fillers().await;
    if let Some(running) = fillers.remove(&fill.volume) {
        // One that does not end leaves a full volume, which is seen below.
        let _ = running.end(site.daemon(), replica).await;
    }
    probe(site, replica, fill).await.map(|_| ())
}

/// Looks whether a check of a volume is true; none of another check's.
pub(super) async fn look(site: &Site, check: &Check) -> Result<Option<Proof>, DockerError> {
    let evidence = match check {
        Check::VolumeFull { fill, .. } => {
            let fillers = site.fillers().await;
            let last = fillers.get(&fill.volume).map(Running::last).unwrap_or_default();
            drop(fillers);
            serde_json::from_str(&last).ok().and_then(|told| full(fill, &told))
        }
        Check::VolumeWritable { replica, fill } => {
            let filled = site.fillers().await.contains_key(&fill.volume);
            if filled { None } else { Some(probe(site, replica, fill).await?) }
        }
        other => {
            return Err(DockerError::NotForRuntime { replica: other.replica().clone() });
        }
    };
    Ok(evidence.map(|evidence| Proof { since: site.recorder().now(), evidence }))
}

/// The proof that a volume is as full as asked: where it is asked to be full, a write that failed.
fn full(fill: &Fill, told: &Filled) -> Option<String> {
    let Fill { volume, size, percent } = fill;
    let ours = Bytes(told.ours >> 20 << 20);
    let refused = told.refused.as_deref().map(|why| format!("{why}, after {ours} of ours"));
    match refused {
        Some(refused) => Some(refused),
        None if *percent < 100 && told.reached => {
            Some(format!("{percent}% of {size} are used in {volume}, {ours} of it by us"))
        }
        None => None,
    }
}

/// Removes what is left of a filler, and writes something.
async fn probe(site: &Site, replica: &Replica, fill: &Fill) -> Result<String, DockerError> {
    let task = inside::task(&site.maker.entry, &["probe-volume", &folder(fill)]);
    let holder = holder(site, fill).await?;
    let said = inside::run(site.daemon(), replica, &holder, task).await?;
    Ok(format!("{} in {}", said.trim(), fill.volume))
}

fn folder(fill: &Fill) -> String {
    format!("{FOLDER}/{}", fill.volume)
}

async fn holder(site: &Site, fill: &Fill) -> Result<String, DockerError> {
    let held = hold(&site.maker).await?;
    held.ok_or_else(|| DockerError::Request {
        what: format!("filling {}", fill.volume),
        reason: "no volume of this run has a size".to_owned(),
    })
}
