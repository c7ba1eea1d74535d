//! One connection of the stub: requests one after the other, each treated as the script says.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use super::log::{Fate, Handled};
use super::script::Behaviour;
use super::server::Stub;
use crate::calibration::clock;

/// Longest request that is read, bytes.
const REQUEST_BYTES: usize = 16 * 1024;

const COMPLETED: &[u8] =
    b"HTTP/1.1 201 Created\r\ncontent-length: 21\r\n\r\n{\"state\":\"COMPLETED\"}";
const REJECTED: &[u8] =
    b"HTTP/1.1 201 Created\r\ncontent-length: 20\r\n\r\n{\"state\":\"REJECTED\"}";
const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n";
const FINE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 21\r\n\r\n{\"state\":\"COMPLETED\"}";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    /// An order is placed.
    Order { n: u64, id: String },
    /// How an order stands.
    State,
    /// Whether the stub is healthy.
    Health,
    /// All orders.
    Audit,
}

/// Serves a connection until either side ends it.
pub(super) async fn converse(mut stream: TcpStream, stub: Arc<Stub>) {
    // Without it the kernel may hold an answer back.
    let _ = stream.set_nodelay(true);
    let mut refusing = stub.refusing.subscribe();
    let mut text = Vec::with_capacity(1_024);
    loop {
        let head = tokio::select! {
            biased;
            _ = refusing.wait_for(|refusing| *refusing) => return,
            head = read_request(&mut stream, &mut text) => head,
        };
        let Some(asked) = head.as_deref().and_then(asked) else { return };
        let arrived = clock::now();
        let goes_on = match asked {
            Asked::Order { n, id } => {
                let order = Order { id, arrived, stub: &stub };
                order.treat(n, &mut stream, &mut refusing).await
            }
            Asked::Health => health(&stub, arrived, &mut stream).await,
            Asked::State => stream.write_all(FINE).await.is_ok(),
            Asked::Audit => {
                let rows = stub.audit();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", rows.len());
                stream.write_all(head.as_bytes()).await.is_ok()
                    && stream.write_all(rows.as_bytes()).await.is_ok()
            }
        };
        if !goes_on {
            return;
        }
    }
}

struct Order<'a> {
    id: String,
    arrived: u64,
    stub: &'a Stub,
}

impl Order<'_> {
    /// Whether the connection goes on.
    async fn treat(
        self,
        n: u64,
        stream: &mut TcpStream,
        refusing: &mut watch::Receiver<bool>,
    ) -> bool {
        let behaviour = self.stub.script.borrow().behaviour(n, self.arrived);
        let (wait, fate, answer) = match behaviour {
            Behaviour::Answer(micros) => (micros, Fate::Answered, COMPLETED),
            Behaviour::Wrong(micros) => (micros, Fate::Wrong, REJECTED),
            Behaviour::Error => (0, Fate::Error, FAILED),
            Behaviour::Freeze => {
                self.stub.until_over().await;
                (0, Fate::Answered, COMPLETED)
            }
            Behaviour::HalfClose => {
                self.ended(Fate::Broken);
                let _ = stream.shutdown().await;
                drain(stream).await;
                return false;
            }
            Behaviour::Hang => {
                self.stub.record(self.handled(None, Fate::Hung));
                drain(stream).await;
                return false;
            }
        };
        tokio::select! {
            biased;
            _ = refusing.wait_for(|refusing| *refusing) => {
                self.ended(Fate::Broken);
                return false;
            }
            () = rest(self.arrived + wait) => {}
        }
        self.ended(fate);
        stream.write_all(answer).await.is_ok()
    }

    fn ended(self, fate: Fate) {
        let now = clock::now();
        let stub = self.stub;
        stub.record(self.handled(Some(now), fate));
    }

    fn handled(self, ended: Option<u64>, fate: Fate) -> Handled {
        Handled { order: self.id, arrived: self.arrived, ended, fate }
    }
}

impl Stub {
    /// Waits until the outage is over; its end may not be known yet.
    async fn until_over(&self) {
        let mut script = self.script.subscribe();
        let told = script.wait_for(|script| script.outage.is_none_or(|it| it.until.is_some()));
        let until = told.await.ok().and_then(|script| script.outage?.until);
        if let Some(until) = until {
            rest(until).await;
        }
    }
}

/// A health check fares as orders do, unless only some of them have trouble.
async fn health(stub: &Stub, arrived: u64, stream: &mut TcpStream) -> bool {
    let mut script = *stub.script.borrow();
    script.outage = script.outage.filter(|outage| outage.share >= 1.0);
    script.setup.noise = 0.0;
    match script.behaviour(0, arrived) {
        Behaviour::Answer(_) | Behaviour::Wrong(_) => stream.write_all(FINE).await.is_ok(),
        Behaviour::Error => stream.write_all(FAILED).await.is_ok(),
        Behaviour::Freeze => {
            stub.until_over().await;
            stream.write_all(FINE).await.is_ok()
        }
        Behaviour::Hang | Behaviour::HalfClose => {
            drain(stream).await;
            false
        }
    }
}

/// Sleeps until a time of the shared clock.
async fn rest(until: u64) {
    let left = until.saturating_sub(clock::now());
    if left > 0 {
        sleep(Duration::from_micros(left)).await;
    }
}

/// Until the client gives up.
async fn drain(stream: &mut TcpStream) {
    let mut rest = [0; 256];
    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}

/// The head of the next request, whose body is read and passed over; none at the end.
async fn read_request(stream: &mut TcpStream, text: &mut Vec<u8>) -> Option<String> {
    text.clear();
    let mut chunk = [0; 1_024];
    while text.len() < REQUEST_BYTES {
        if let Some(end) = text.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&text[..end]).into_owned();
            if text.len() >= end + 4 + body_length(&head) {
                return Some(head);
            }
        }
        match stream.read(&mut chunk).await {
            Ok(read) if read > 0 => text.extend_from_slice(&chunk[..read]),
            _ => return None,
        }
    }
    None
}

fn body_length(head: &str) -> usize {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    length.unwrap_or(0)
}

/// What a request asks; none if it is none of ours.
fn asked(head: &str) -> Option<Asked> {
    let mut words = head.lines().next()?.split(' ');
    let (method, path) = (words.next()?, words.next()?);
    let mut parts = path.trim_start_matches('/').split('/');
    match (method, parts.next()?, parts.next(), parts.next()) {
        ("POST", "orders", Some(n), Some(id)) => {
            Some(Asked::Order { n: n.parse().ok()?, id: id.to_owned() })
        }
        ("GET", "orders", Some(_), None) => Some(Asked::State),
        ("GET", "healthz", None, None) => Some(Asked::Health),
        ("GET", "audit", None, None) => Some(Asked::Audit),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_by_method_and_path() {
        let order = Asked::Order { n: 7, id: "a-b".to_owned() };
        assert_eq!(asked("POST /orders/7/a-b HTTP/1.1\r\nhost: x"), Some(order));
        assert_eq!(asked("GET /orders/a-b HTTP/1.1"), Some(Asked::State));
        assert_eq!(asked("GET /healthz HTTP/1.1"), Some(Asked::Health));
        assert_eq!(asked("GET /audit HTTP/1.1"), Some(Asked::Audit));
        assert_eq!(asked("PUT /orders/7/a-b HTTP/1.1"), None);
        assert_eq!(asked("POST /orders/x/a-b HTTP/1.1"), None);
    }

    #[test]
    fn answers_are_as_long_as_they_say() {
        for answer in [COMPLETED, REJECTED, FAILED, FINE] {
            let text = std::str::from_utf8(answer).expect("text");
            let (head, body) = text.split_once("\r\n\r\n").expect("a head");
            assert_eq!(body_length(head), body.len(), "{text}");
        }
    }
}
