//! Looks whether a fault is felt, or undone. Every look is short; whoever waits asks again.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bollard::models::ContainerState;
use chaos_reports::record::Moment;
use chaos_reports::record::run_record::RunRecord;
use chaos_scenarios::action::{Check, Replica};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::connection::Daemon;
use super::error::{DockerError, classify, status};
use super::provision::Held;
use crate::port::Proof;
use crate::recorder::Recorder;

/// Bound of one connection attempt.
const CONNECT: Duration = Duration::from_millis(500);
/// Docker's port proxy accepts first and looks for the container then: a connection that is not
/// closed within this time has reached somebody.
const CLOSED_AT_ONCE: Duration = Duration::from_millis(250);

/// Looks once whether a check is true.
pub(super) async fn look(
    daemon: &Daemon,
    check: &Check,
    held: &Held,
    recorder: &Recorder,
) -> Result<Option<Proof>, DockerError> {
    match check {
        Check::Ended { replica } => ended(daemon, replica, &held.id, recorder).await,
        Check::Running { replica } => {
            let state = state(daemon, replica, &held.id).await?;
            Ok(running(&state, recorder))
        }
        Check::Unreachable { .. } if !held.ports.is_empty() => {
            Ok(unreachable(&held.ports, recorder).await)
        }
        Check::Unreachable { replica } => {
            let proof = ended(daemon, replica, &held.id, recorder).await?;
            Ok(proof.map(|proof| Proof {
                evidence: "it publishes no port, and its main process has ended".to_owned(),
                ..proof
            }))
        }
        Check::Ready { replica } => Err(DockerError::NotForRuntime { replica: replica.clone() }),
    }
}

async fn state(
    daemon: &Daemon,
    replica: &Replica,
    id: &str,
) -> Result<ContainerState, DockerError> {
    match daemon.client.inspect_container(id, None).await {
        Ok(inspected) => Ok(inspected.state.unwrap_or_default()),
        Err(error) if status(&error) == Some(404) => {
            Err(DockerError::UnknownReplica { replica: replica.clone() })
        }
        Err(error) => Err(classify(format!("inspecting {replica}"), &error)),
    }
}

/// The `die` event is told first: the daemon answers no question about the container before it has
/// released its network.
async fn ended(
    daemon: &Daemon,
    replica: &Replica,
    id: &str,
    recorder: &Recorder,
) -> Result<Option<Proof>, DockerError> {
    if let Some(proof) = recorder.read(|record| told_dead(replica, record)) {
        return Ok(Some(proof));
    }
    let state = state(daemon, replica, id).await?;
    if state.running.unwrap_or(false) {
        return Ok(None);
    }
    let finished = state.finished_at.as_deref().and_then(|text| moment(text, recorder));
    let code = state.exit_code.unwrap_or(-1);
    let evidence = format!("its state is ended with exit code {code}");
    Ok(finished.map(|since| Proof { since, evidence }))
}

/// The proof of a replica's death, if that is the last that was told of it.
pub(super) fn told_dead(replica: &Replica, record: &RunRecord) -> Option<Proof> {
    let events = record.container_events.iter().filter(|told| {
        told.replica == *replica && ["start", "die"].contains(&told.action.as_str())
    });
    let last = events.max_by_key(|told| told.happened).filter(|told| told.action == "die")?;
    let code = last.exit_code.map_or_else(String::new, |code| format!(" with exit code {code}"));
    Some(Proof { since: last.happened, evidence: format!("die event{code}") })
}

fn running(state: &ContainerState, recorder: &Recorder) -> Option<Proof> {
    let is = |flag: Option<bool>| flag.unwrap_or(false);
    if !is(state.running) || is(state.restarting) || is(state.paused) {
        return None;
    }
    let since = state.started_at.as_deref().and_then(|text| moment(text, recorder))?;
    let pid = state.pid.unwrap_or(0);
    Some(Proof { since, evidence: format!("its main process runs as {pid}") })
}

/// The moment of a time as Docker writes it; none for its year 1, which means never.
fn moment(text: &str, recorder: &Recorder) -> Option<Moment> {
    let micros = chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros();
    (micros > 0).then(|| recorder.moment_of_wall_clock(micros))
}

/// All published ports must be unreachable.
async fn unreachable(ports: &BTreeMap<u16, u16>, recorder: &Recorder) -> Option<Proof> {
    let mut evidence = Vec::new();
    for (inside, outside) in ports {
        let why = closed(*outside).await?;
        evidence.push(format!("port {inside}: {why}"));
    }
    Some(Proof { since: recorder.now(), evidence: evidence.join(", ") })
}

/// Why nobody can be reached on a loopback port; none if somebody can, or may.
async fn closed(port: u16) -> Option<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut connection = match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
        Err(_) => return Some("connecting takes too long".to_owned()),
        Ok(Err(error)) => return Some(words(error.kind())),
        Ok(Ok(connection)) => connection,
    };
    let mut byte = [0];
    match tokio::time::timeout(CLOSED_AT_ONCE, connection.read(&mut byte)).await {
        Ok(Ok(0)) => Some("closed at once".to_owned()),
        Ok(Err(error)) => Some(words(error.kind())),
        Ok(Ok(_)) | Err(_) => None,
    }
}

fn words(kind: ErrorKind) -> String {
    match kind {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_waits_for_its_client_can_be_reached() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = tokio::spawn(async move {
            let accepted = listener.accept().await.expect("a client");
            tokio::time::sleep(Duration::from_secs(2)).await;
            drop(accepted);
        });
        assert_eq!(closed(port).await, None);
        server.abort();
    }

    #[tokio::test]
    async fn a_port_proxy_without_a_server_cannot_be_reached() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let proxy = tokio::spawn(async move { drop(listener.accept().await) });
        let why = closed(port).await.expect("nobody is behind it");
        assert!(["closed at once", "connection reset"].contains(&why.as_str()), "{why}");
        proxy.await.expect("it ended");
        assert_eq!(closed(port).await.as_deref(), Some("connection refused"));
    }

    #[test]
    fn times_of_docker_are_read() {
        let recorder = Recorder::new(Box::new(Vec::new()));
        assert_eq!(moment("0001-01-01T00:00:00Z", &recorder), None);
        let later = recorder.wall_clock() + 1_500_000;
        let text = chrono::DateTime::from_timestamp_micros(later).expect("a time").to_rfc3339();
        assert_eq!(moment(&text, &recorder), Some(Moment(1_500_000)));
    }
}
