//! Looks whether a fault is felt, or undone. Every look is short; whoever waits asks again.

use bollard::models::{ContainerInspectResponse, ContainerState};
use chaos_reports::record::Moment;
use chaos_reports::record::run_record::{ContainerEvent, RunRecord};
use chaos_scenarios::action::{Check, Replica};

use super::action::joined;
use super::broker;
use super::control;
use super::error::DockerError;
use super::impair;
use super::network::{networks_of, object_name};
use super::reach;
use super::redrive;
use super::resource;
use super::site::Site;
use super::volume;
use crate::port::Proof;
use crate::recorder::Recorder;

/// Looks once whether a check is true. `since` is when the fault, or its undo, began.
pub(super) async fn look(
    site: &Site,
    check: &Check,
    since: Moment,
) -> Result<Option<Proof>, DockerError> {
    let recorder = site.recorder();
    match check {
        Check::Ended { replica } => ended(site, replica).await,
        Check::Died { replica } => died(site, replica, since).await,
        Check::Restarted { replica } => restarted(site, replica, since).await,
        Check::Running { replica } => Ok(running(&site.inspect(replica).await?, recorder, replica)),
        Check::Frozen { replica } => Ok(frozen(&site.inspect(replica).await?, recorder, replica)),
        Check::Unreachable { replica } | Check::Silent { replica } => {
            let ports = site.held(replica)?.ports;
            if ports.is_empty() {
                // What else is checked must do.
                let evidence = format!("{replica} publishes no port that could be tried");
                return Ok(Some(Proof { since: recorder.now(), evidence }));
            }
            Ok(match check {
                Check::Silent { .. } => reach::silent(&ports, recorder).await,
                _ => reach::unreachable(&ports, recorder).await,
            })
        }
        Check::Detached { replica } => attached(site, replica, false).await,
        Check::Attached { replica } => attached(site, replica, true).await,
        Check::Ready { replica } => Err(DockerError::NotForRuntime { replica: replica.clone() }),
        Check::Impaired { replica, impairment } => {
            Ok(impair::felt(site, replica, impairment).await)
        }
        Check::Unimpaired { replica, impairment } => {
            Ok(impair::is_over(site, replica, impairment).await)
        }
        Check::Poisoned { .. }
        | Check::Unpoisoned { .. }
        | Check::QueueFull { .. }
        | Check::QueuesUnlimited { .. } => broker::look(site, check).await,
        Check::Redriven { replica } => Ok(redrive::look(site, replica, since)),
        Check::VolumeFull { .. } | Check::VolumeWritable { .. } => volume::look(site, check).await,
        Check::Gone { replica } => gone(site, replica).await,
        Check::RunsImage { replica, image } => {
            let runs = site.runs_image(replica, image.as_deref()).await?;
            let evidence = format!("Docker says that {check}");
            Ok(runs.then(|| Proof { since: recorder.now(), evidence }))
        }
        Check::Counter { replica, proxied, port, path, field, counts } => {
            let door = control::Door { replica, proxied: proxied.is_some(), port: *port };
            let seen = control::count(site, door, path, field).await?;
            let evidence = format!("{replica}: `{field}` is {seen}");
            Ok((*counts == (seen > 0)).then(|| Proof { since: recorder.now(), evidence }))
        }
        Check::Throttled { .. }
        | Check::ShortOfMemory { .. }
        | Check::CpuLimit { .. }
        | Check::MemoryLimit { .. }
        | Check::Hogged { .. }
        | Check::Unhogged { .. } => resource::look(site, check, since).await,
    }
}

/// The `die` event is told first: the daemon answers no question about the container before it has
/// released its network.
async fn ended(site: &Site, replica: &Replica) -> Result<Option<Proof>, DockerError> {
    let recorder = site.recorder();
    if let Some(proof) = recorder.read(|record| told_dead(replica, record)) {
        return Ok(Some(proof));
    }
    let state = site.inspect(replica).await?.state.unwrap_or_default();
    if state.running.unwrap_or(false) {
        return Ok(None);
    }
    let finished = state.finished_at.as_deref().and_then(|text| moment(text, recorder));
    let code = state.exit_code.unwrap_or(-1);
    let evidence = format!("its state is ended with exit code {code}");
    Ok(finished.map(|since| Proof { since, evidence }))
}

/// Whether a replica ended after a moment, if only for an instant.
async fn died(site: &Site, replica: &Replica, after: Moment) -> Result<Option<Proof>, DockerError> {
    let Some(told) = told_since(site.recorder(), replica, "die", after) else { return Ok(None) };
    let inspected = site.inspect(replica).await?;
    let count = inspected.restart_count.unwrap_or(0);
    let (since, code) = (told.happened, exit_code(&told));
    let evidence = format!("die event{code}, restarted {count} times by its policy so far");
    Ok(Some(Proof { since, evidence }))
}

async fn restarted(
    site: &Site,
    replica: &Replica,
    after: Moment,
) -> Result<Option<Proof>, DockerError> {
    let Some(told) = told_since(site.recorder(), replica, "start", after) else { return Ok(None) };
    let state = site.inspect(replica).await?.state.unwrap_or_default();
    let started = state.started_at.as_deref().and_then(|text| moment(text, site.recorder()));
    let evidence = format!("start event, its main process is now {}", state.pid.unwrap_or(0));
    Ok(started.filter(|at| *at >= after).map(|_| Proof { since: told.happened, evidence }))
}

/// The first that was told of a replica after a moment.
fn told_since(
    recorder: &Recorder,
    replica: &Replica,
    action: &str,
    after: Moment,
) -> Option<ContainerEvent> {
    recorder.read(|record| {
        let events = record.container_events.iter().filter(|told| {
            told.replica == *replica && told.action == action && told.happened >= after
        });
        events.min_by_key(|told| told.happened).cloned()
    })
}

/// The proof of a replica's death, if that is the last that was told of it.
pub(super) fn told_dead(replica: &Replica, record: &RunRecord) -> Option<Proof> {
    let events = record.container_events.iter().filter(|told| {
        told.replica == *replica && ["start", "die"].contains(&told.action.as_str())
    });
    let last = events.max_by_key(|told| told.happened).filter(|told| told.action == "die")?;
    let evidence = format!("die event{}", exit_code(last));
    Some(Proof { since: last.happened, evidence })
}

fn exit_code(told: &ContainerEvent) -> String {
    told.exit_code.map_or_else(String::new, |code| format!(" with exit code {code}"))
}

/// It runs since it was started, or since it goes on after a pause.
fn running(
    inspected: &ContainerInspectResponse,
    recorder: &Recorder,
    replica: &Replica,
) -> Option<Proof> {
    let state = inspected.state.as_ref()?;
    if !state.running.unwrap_or(false) || is_halted(state) {
        return None;
    }
    let started = state.started_at.as_deref().and_then(|text| moment(text, recorder))?;
    let goes_on = last_told(recorder, replica, "unpause");
    let since = goes_on.map_or(started, |at| at.max(started));
    let pid = state.pid.unwrap_or(0);
    Some(Proof { since, evidence: format!("its main process runs as {pid}") })
}

fn is_halted(state: &ContainerState) -> bool {
    state.restarting.unwrap_or(false) || state.paused.unwrap_or(false)
}

fn frozen(
    inspected: &ContainerInspectResponse,
    recorder: &Recorder,
    replica: &Replica,
) -> Option<Proof> {
    let paused = inspected.state.as_ref()?.paused.unwrap_or(false);
    let since = last_told(recorder, replica, "pause").unwrap_or_else(|| recorder.now());
    paused.then(|| Proof { since, evidence: "its state is paused".to_owned() })
}

fn last_told(recorder: &Recorder, replica: &Replica, action: &str) -> Option<Moment> {
    recorder.read(|record| {
        let events = record.container_events.iter();
        let told = events.filter(|told| told.replica == *replica && told.action == action);
        told.map(|told| told.happened).max()
    })
}

/// Whether a replica is on all its networks, or on none of them.
async fn attached(
    site: &Site,
    replica: &Replica,
    wanted: bool,
) -> Result<Option<Proof>, DockerError> {
    let joined = joined(site, replica).await?;
    let networks = networks_of(site.component(replica)?);
    let on = |name: &str| joined.contains(&object_name(&site.maker.context.run, name));
    let as_wanted = networks.iter().all(|(name, _)| on(name) == wanted);
    let names: Vec<&str> = networks.iter().map(|(name, _)| *name).collect();
    let how = if wanted { "on" } else { "not on" };
    let evidence = format!("it is {how} {}", names.join(", "));
    Ok(as_wanted.then(|| Proof { since: site.recorder().now(), evidence }))
}

async fn gone(site: &Site, replica: &Replica) -> Result<Option<Proof>, DockerError> {
    match site.inspect(replica).await {
        Err(DockerError::UnknownReplica { .. }) => {
            let evidence = format!("Docker knows no container of {replica}");
            Ok(Some(Proof { since: site.recorder().now(), evidence }))
        }
        inspected => inspected.map(|_| None),
    }
}

/// The moment of a time as Docker writes it; none for its year 1, which means never.
fn moment(text: &str, recorder: &Recorder) -> Option<Moment> {
    let micros = chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros();
    (micros > 0).then(|| recorder.moment_of_wall_clock(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_docker_are_read() {
        let recorder = Recorder::new(Box::new(Vec::new()));
        assert_eq!(moment("0001-01-01T00:00:00Z", &recorder), None);
        let later = recorder.wall_clock() + 1_500_000;
        let text = chrono::DateTime::from_timestamp_micros(later).expect("a time").to_rfc3339();
        assert_eq!(moment(&text, &recorder), Some(Moment(1_500_000)));
    }
}
