//! Carries out actions. All are idempotent: what is so already is no failure.

use std::time::Duration;

use bollard::query_parameters::{KillContainerOptionsBuilder, StartContainerOptions};
use chaos_scenarios::action::{Action, Replica};

use super::check::told_dead;
use super::connection::Daemon;
use super::error::{DockerError, classify, status};
use crate::recorder::Recorder;

/// The event of a start is waited for this long.
const TOLD: Duration = Duration::from_millis(500);

/// Carries out an action on the container `id`.
pub(super) async fn apply(
    daemon: &Daemon,
    action: &Action,
    id: &str,
    recorder: &Recorder,
) -> Result<(), DockerError> {
    match action {
        Action::Kill { replica, signal } => kill(daemon, replica, id, signal, recorder).await,
        Action::Start { replica } => start(daemon, replica, id, recorder).await,
    }
}

/// Returns once the process is known to be dead, which Docker's events tell about 0.1 s before the
/// request returns: it goes on to release the network.
async fn kill(
    daemon: &Daemon,
    replica: &Replica,
    id: &str,
    signal: &str,
    recorder: &Recorder,
) -> Result<(), DockerError> {
    let options = KillContainerOptionsBuilder::default().signal(signal).build();
    let (client, id) = (daemon.client.clone(), id.to_owned());
    let asked = recorder.now();
    // A task of its own: a request that is dropped half-way would be cancelled by the daemon.
    let request = tokio::spawn(async move { client.kill_container(&id, Some(options)).await });
    let died = recorder.until(|record| {
        let mut events = record.container_events.iter().rev();
        events
            .any(|told| told.action == "die" && told.replica == *replica && told.happened >= asked)
            .then_some(())
    });
    let result = tokio::select! {
        () = died => return Ok(()),
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

/// Returns once the start was told, so that nobody takes the death before it for the present.
async fn start(
    daemon: &Daemon,
    replica: &Replica,
    id: &str,
    recorder: &Recorder,
) -> Result<(), DockerError> {
    // A container that runs already answers 304, which counts as success.
    let started = daemon.client.start_container(id, None::<StartContainerOptions>).await;
    started.map_err(|error| classify(format!("starting {replica}"), &error))?;
    let told = recorder.until(|record| told_dead(replica, record).is_none().then_some(()));
    // The event is an observation: without it, the start is none the less done.
    let _ = tokio::time::timeout(TOLD, told).await;
    Ok(())
}
