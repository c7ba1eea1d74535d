//! Tries the published ports of a replica from outside, as its peers would: is anybody there, and
//! does anybody answer.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::port::Proof;
use crate::recorder::Recorder;

/// Bound of one connection attempt.
const CONNECT: Duration = Duration::from_millis(500);
/// Docker's port proxy accepts first and looks for the container then: a connection that is not
/// closed within this time has reached somebody.
const CLOSED_AT_ONCE: Duration = Duration::from_millis(250);
/// Every server answers this within milliseconds, or closes: one that speaks another protocol
/// takes it for a mistake.
const QUESTION: &[u8] = b"GET / HTTP/1.1\r\nHost: chaos\r\nConnection: close\r\n\r\n";
/// Who has said nothing after this time does not answer.
const ANSWER: Duration = Duration::from_millis(500);

/// All published ports must be unreachable.
pub(super) async fn unreachable(ports: &BTreeMap<u16, u16>, recorder: &Recorder) -> Option<Proof> {
    let mut evidence = Vec::new();
    for (inside, outside) in ports {
        let why = closed(*outside).await?;
        evidence.push(format!("port {inside}: {why}"));
    }
    Some(Proof { since: recorder.now(), evidence: evidence.join(", ") })
}

/// All published ports must take a connection, and nobody may answer.
pub(super) async fn silent(ports: &BTreeMap<u16, u16>, recorder: &Recorder) -> Option<Proof> {
    let mut evidence = Vec::new();
    for (inside, outside) in ports {
        if !is_silent(*outside).await {
            return None;
        }
        evidence.push(format!("port {inside}: connected, no answer within {ANSWER:?}"));
    }
    Some(Proof { since: recorder.now(), evidence: evidence.join(", ") })
}

async fn is_silent(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await;
    let Ok(Ok(mut connection)) = connecting else { return false };
    let mut byte = [0];
    let asked = async {
        connection.write_all(QUESTION).await?;
        connection.read(&mut byte).await
    };
    tokio::time::timeout(ANSWER, asked).await.is_err()
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

    #[tokio::test]
    async fn only_who_keeps_a_connection_and_says_nothing_is_silent() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        // Not accepted: the kernel takes the connection, as it does for frozen processes.
        assert!(is_silent(port).await);
        let server = tokio::spawn(async move {
            loop {
                let (mut accepted, _) = listener.accept().await.expect("a client");
                let _ = accepted.write_all(b"400 what?").await;
            }
        });
        // The first connection still waits there.
        assert!(!is_silent(port).await);
        server.abort();
        let _ = server.await;
        assert!(!is_silent(port).await, "nobody listens");
    }
}
