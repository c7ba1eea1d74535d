//! Carries out actions. All are idempotent: what is so already is no failure.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{NetworkConnectRequest, NetworkDisconnectRequest};
use bollard::query_parameters::{
    KillContainerOptionsBuilder, RestartContainerOptionsBuilder, StartContainerOptions,
    StopContainerOptionsBuilder,
};
use chaos_reports::record::Moment;
use chaos_scenarios::action::{Action, Replica};
use chaos_scenarios::quantity::Span;

use super::check::told_dead;
use super::error::{DockerError, classify, status};
use super::network::{networks_of, object_name};
use super::site::Site;
use super::{broker, container, control, impair, inside, redrive, resource, volume};
use crate::helper::FOREIGN;
use crate::recorder::Recorder;

/// The event of a start or of a death is waited for this long.
const TOLD: Duration = Duration::from_millis(500);
/// Time that a process has to end where its target file does not say it, as Docker has it.
const USUAL_GRACE: Span = Span::seconds(10);

/// Carries out an action.
pub(super) async fn apply(site: &Arc<Site>, action: &Action) -> Result<(), DockerError> {
    match action {
        Action::Kill { replica, signal } => kill(site, replica, signal).await,
        Action::Start { replica } => start(site, replica).await,
        Action::Crash { replica } => crash(site, replica).await,
        Action::Stop { replica, grace } => stop(site, replica, *grace).await,
        Action::Restart { replica, grace } => restart(site, replica, *grace).await,
        Action::Pause { replica } => freeze(site, replica, true).await,
        Action::Unpause { replica } => freeze(site, replica, false).await,
        Action::Disconnect { replica } => disconnect(site, replica).await,
        Action::Connect { replica } => connect(site, replica).await,
        Action::LimitCpu { replica, millicores } => {
            resource::limit_cpu(site, replica, *millicores).await
        }
        Action::LimitMemory { replica, limit } => {
            resource::limit_memory(site, replica, *limit).await
        }
        Action::Hog { replica, hog } => resource::hog(site, replica, *hog).await,
        Action::EndHog { replica, hog } => resource::end_hog(site, replica, *hog).await,
        Action::Impair { replica, impairment } => impair::impair(site, replica, impairment).await,
        Action::EndImpair { replica, impairment } => impair::end(site, replica, impairment).await,
        Action::Poison { replica, poison } => broker::poison(site, replica, poison).await,
        Action::EndPoison { replica, poison } => broker::end_poison(site, replica, poison).await,
        Action::LimitQueues { replica, limit } => broker::limit(site, replica, limit).await,
        Action::UnlimitQueues { replica, .. } => broker::unlimit(site, replica).await,
        Action::Redrive { replica, port, path } => {
            redrive::redrive(site, replica, *port, path).await
        }
        Action::FillVolume { replica, fill } => volume::fill(site, replica, fill).await,
        Action::EmptyVolume { replica, fill } => volume::end_fill(site, replica, fill).await,
        Action::Remove { replica } => remove(site, replica).await,
        Action::Swap { replica, image } => swap(site, replica, image.as_deref()).await,
        Action::Http { replica, proxied, port, request } => {
            let door = control::Door { replica, proxied: proxied.is_some(), port: *port };
            control::ask(site, door, request).await
        }
    }
}

/// Returns once the process is known to be dead, which Docker's events tell about 0.1 s before the
/// request returns: it goes on to release the network.
async fn kill(site: &Site, replica: &Replica, signal: &str) -> Result<(), DockerError> {
    let options = KillContainerOptionsBuilder::default().signal(signal).build();
    let (client, id) = (site.daemon().client.clone(), site.held(replica)?.id);
    let asked = site.recorder().now();
    // A task of its own: a request that is dropped half-way would be cancelled by the daemon.
    let request = tokio::spawn(async move { client.kill_container(&id, Some(options)).await });
    let result = tokio::select! {
        () = died_since(site.recorder(), replica, asked) => return Ok(()),
        result = request => result,
    };
    let what = format!("killing {replica} with SIG{signal}");
    match result {
        // 409: it does not run, which is what was wanted.
        Ok(Err(error)) if status(&error) != Some(409) => Err(classify(what, &error)),
        Err(panicked) => Err(DockerError::Request { what, reason: panicked.to_string() }),
        Ok(_) => Ok(()),
    }
}

/// Waits until the death of a replica is told.
async fn died_since(recorder: &Recorder, replica: &Replica, asked: Moment) {
    let died = recorder.until(|record| {
        let mut events = record.container_events.iter().rev();
        events
            .any(|told| told.action == "die" && told.replica == *replica && told.happened >= asked)
            .then_some(())
    });
    died.await;
}

/// Our program dies together with its victim, so its own end tells nothing, unless it failed.
async fn crash(site: &Site, replica: &Replica) -> Result<(), DockerError> {
    let asked = site.recorder().now();
    let ran = match crash_as(site, replica, None).await {
        Err(DockerError::Inside { exit_code, said, .. }) if exit_code == i64::from(FOREIGN) => {
            crash_as(site, replica, Some(said)).await
        }
        other => other,
    };
    let died = died_since(site.recorder(), replica, asked);
    match tokio::time::timeout(TOLD, died).await {
        Ok(()) => Ok(()),
        Err(_) => ran.map(|_| ()),
    }
}

async fn crash_as(
    site: &Site,
    replica: &Replica,
    user: Option<String>,
) -> Result<String, DockerError> {
    let mut task = inside::task(&site.maker.entry, &["crash"]);
    task.user = user;
    let id = site.held(replica)?.id;
    inside::run(site.daemon(), replica, &id, task).await
}

/// What is taken away on purpose may finish what it has in hand.
async fn remove(site: &Site, replica: &Replica) -> Result<(), DockerError> {
    let grace = site.component(replica)?.stop_grace_period.unwrap_or(USUAL_GRACE);
    if site.inspect(replica).await.is_ok() {
        stop(site, replica, grace).await?;
    }
    site.remove(replica).await
}

/// Where the wanted image runs already, nothing is done.
async fn swap(site: &Site, replica: &Replica, image: Option<&str>) -> Result<(), DockerError> {
    if site.runs_image(replica, image).await? {
        return start(site, replica).await;
    }
    remove(site, replica).await?;
    site.make(replica, image).await?;
    start(site, replica).await
}

/// Returns once the start was told, so that nobody takes the death before it for the present.
async fn start(site: &Site, replica: &Replica) -> Result<(), DockerError> {
    if site.held(replica).is_err() {
        site.make(replica, None).await?;
    }
    // A container that runs already answers 304, which counts as success.
    let started = match start_once(site, replica).await? {
        Err(error) if status(&error) == Some(404) => {
            site.make(replica, None).await?;
            start_once(site, replica).await?
        }
        other => other,
    };
    started.map_err(|error| classify(format!("starting {replica}"), &error))?;
    let told = site.recorder().until(|record| told_dead(replica, record).is_none().then_some(()));
    // The event is an observation: without it, the start is none the less done.
    let _ = tokio::time::timeout(TOLD, told).await;
    Ok(())
}

async fn start_once(site: &Site, replica: &Replica) -> Result<Result<(), Error>, DockerError> {
    let id = site.held(replica)?.id;
    Ok(site.daemon().client.start_container(&id, None::<StartContainerOptions>).await)
}

async fn stop(site: &Site, replica: &Replica, grace: Span) -> Result<(), DockerError> {
    let options = StopContainerOptionsBuilder::default().t(whole_seconds(grace)).build();
    let id = site.held(replica)?.id;
    let stopped = site.daemon().client.stop_container(&id, Some(options)).await;
    stopped.map_err(|error| classify(format!("stopping {replica}"), &error))
}

async fn restart(site: &Site, replica: &Replica, grace: Span) -> Result<(), DockerError> {
    let options = RestartContainerOptionsBuilder::default().t(whole_seconds(grace)).build();
    let id = site.held(replica)?.id;
    let restarted = site.daemon().client.restart_container(&id, Some(options)).await;
    restarted.map_err(|error| classify(format!("restarting {replica}"), &error))
}

/// Docker takes whole seconds; a started one counts.
fn whole_seconds(span: Span) -> i32 {
    i32::try_from(span.duration().as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}

/// Freezes a replica, or lets it go on. Docker refuses what is so already in words only, so its
/// state is asked first; a replica that is gone or ended has nothing to go on with.
async fn freeze(site: &Site, replica: &Replica, frozen: bool) -> Result<(), DockerError> {
    let state = match site.inspect(replica).await {
        Err(DockerError::UnknownReplica { .. }) if !frozen => return Ok(()),
        inspected => inspected?.state.unwrap_or_default(),
    };
    if state.paused.unwrap_or(false) == frozen {
        return Ok(());
    }
    let (client, id) = (&site.daemon().client, site.held(replica)?.id);
    let (done, what) = if frozen {
        (client.pause_container(&id).await, format!("pausing {replica}"))
    } else {
        (client.unpause_container(&id).await, format!("unpausing {replica}"))
    };
    done.map_err(|error| classify(what, &error))
}

async fn disconnect(site: &Site, replica: &Replica) -> Result<(), DockerError> {
    let joined = joined(site, replica).await?;
    for (network, _) in networks_of(site.component(replica)?) {
        let name = object_name(&site.maker.context.run, network);
        if !joined.contains(&name) {
            continue;
        }
        let container = site.held(replica)?.id;
        let request = NetworkDisconnectRequest { container, force: Some(true) };
        let left = site.daemon().client.disconnect_network(&name, request).await;
        left.map_err(|error| classify(format!("taking {replica} off {network}"), &error))?;
    }
    Ok(())
}

async fn connect(site: &Site, replica: &Replica) -> Result<(), DockerError> {
    let joined = joined(site, replica).await?;
    let component = site.component(replica)?;
    for (network, aliases) in networks_of(component) {
        let name = object_name(&site.maker.context.run, network);
        if joined.contains(&name) {
            continue;
        }
        let endpoint = container::endpoint(&site.maker.context, component, replica, aliases);
        let container = site.held(replica)?.id;
        let request = NetworkConnectRequest { container, endpoint_config: Some(endpoint) };
        let back = site.daemon().client.connect_network(&name, request).await;
        back.map_err(|error| classify(format!("joining {replica} to {network}"), &error))?;
    }
    Ok(())
}

/// The networks that a replica is on, by Docker's names.
pub(super) async fn joined(
    site: &Site,
    replica: &Replica,
) -> Result<BTreeSet<String>, DockerError> {
    let settings = site.inspect(replica).await?.network_settings;
    let networks = settings.and_then(|settings| settings.networks).unwrap_or_default();
    Ok(networks.into_keys().collect())
}
