//! A worker: takes one arrival after the other, sends it, reads the answer to its end, settles it,
//! and keeps its connection for the next one as long as that is in order.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::Request;
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::arrival::Arrival;
use super::super::client::{BODY_BYTES, says_no_effect};
use super::super::outcome::{Answer, Failure, Seen};
use super::Crew;
use super::connection::{Connection, Unanswered};
use super::desk::Desk;
use crate::http::{CONNECT_TIMEOUT, chain};

/// Works until sent home, or until the queue is closed.
pub(super) async fn work(crew: Arc<Crew>, first: Arrival) {
    let desk = Arc::new(Desk::new());
    let mut connection = None;
    let mut next = Some(first);
    while let Some(arrival) = next {
        // After a panic the connection is gone with what was under way on it.
        let (crew, connection) = (&crew, &mut connection);
        crew.work.guarded(exchange(crew, connection, arrival)).await;
        next = match crew.work.queue.try_take() {
            Some(arrival) => Some(arrival),
            None if crew.work.queue.is_closed() => None,
            None => wait(crew, &desk, connection).await,
        };
    }
}

/// Waits for the next arrival, and meanwhile notices when the connection ends.
async fn wait(
    crew: &Crew,
    desk: &Arc<Desk>,
    connection: &mut Option<Box<Connection>>,
) -> Option<Arrival> {
    desk.set_free();
    crew.rest(desk);
    poll_fn(|context| {
        if let Poll::Ready(next) = desk.poll_next(context) {
            return Poll::Ready(next);
        }
        if connection.as_mut().is_some_and(|open| open.poll_end(context).is_ready()) {
            *connection = None;
        }
        Poll::Pending
    })
    .await
}

/// Sends an arrival, reads the answer and settles it. The connection is kept only after a whole
/// answer.
async fn exchange(crew: &Crew, kept: &mut Option<Box<Connection>>, mut arrival: Arrival) {
    let Some(time_left) = arrival.time_left() else {
        arrival.refuse("no worker was free before its time was over");
        return;
    };
    let request = match crew.server.request(arrival.take_message()) {
        Ok(request) => request,
        Err(reason) => {
            arrival.refuse(&format!("it cannot be sent as the workload writes it: {reason}"));
            return;
        }
    };
    arrival.begin();
    crew.requests.fetch_add(1, Ordering::Relaxed);
    let mut stage = Stage::Connecting;
    let talking = talk(crew, kept, request, &mut stage);
    let (seen, reusable) = match timeout(time_left, talking).await {
        Ok(Ok((body, connection))) => (stage.judge(&arrival, &body), Some(connection)),
        Ok(Err(broken)) => (Seen::of_failure(broken.failure, stage.status(), &broken.error), None),
        Err(_) => (stage.time_is_over(), None),
    };
    *kept = reusable;
    let end = arrival.now();
    arrival.settle(end, seen);
}

/// How far an exchange came: it is needed when its time is over.
enum Stage {
    /// No connection stands yet.
    Connecting,
    /// The request may have been sent.
    Waiting,
    /// The head of an answer came.
    Answered { status: u16, no_effect: bool },
}

struct Broken {
    failure: Failure,
    error: String,
}

impl Stage {
    fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status, .. } => Some(*status),
            _ => None,
        }
    }

    fn judge(&self, arrival: &Arrival, body: &[u8]) -> Seen {
        match self {
            Self::Answered { status, no_effect } => {
                arrival.judge(Answer { status: *status, no_effect: *no_effect, body })
            }
            _ => unreachable!("a body has a head"),
        }
    }

    fn time_is_over(&self) -> Seen {
        match self {
            Self::Connecting => {
                let error = "no connection was made before its time was over";
                Seen::of_failure(Failure::NotConnected, None, error)
            }
            _ => Seen::of_failure(Failure::TimedOut, self.status(), "the time was over"),
        }
    }
}

/// One request and its answer; returns the body and the connection, if that may be used again.
async fn talk(
    crew: &Crew,
    kept: &mut Option<Box<Connection>>,
    mut request: Request<Full<Bytes>>,
    stage: &mut Stage,
) -> Result<(Bytes, Box<Connection>), Broken> {
    let mut fresh = false;
    loop {
        let mut connection = if let Some(open) = usable(kept).await {
            open
        } else {
            fresh = true;
            connect(crew).await?
        };
        *stage = Stage::Waiting;
        match connection.send(request).await {
            Ok(answer) => {
                let no_effect = says_no_effect(answer.headers());
                *stage = Stage::Answered { status: answer.status().as_u16(), no_effect };
                let body = read(&mut connection, answer.into_body()).await?;
                return Ok((body, connection));
            }
            Err(Unanswered::NeverSent(unsent, _)) if !fresh => request = *unsent,
            Err(Unanswered::NeverSent(_, error) | Unanswered::Broken(error)) => {
                return Err(Broken { failure: Failure::Broken, error: chain(&error) });
            }
        }
        *stage = Stage::Connecting;
    }
}

/// The kept connection, if it can carry another request.
async fn usable(kept: &mut Option<Box<Connection>>) -> Option<Box<Connection>> {
    let mut open = kept.take()?;
    open.is_reusable().await.then_some(open)
}

async fn connect(crew: &Crew) -> Result<Box<Connection>, Broken> {
    let not_made = |error: String| Broken { failure: Failure::NotConnected, error };
    let connecting = TcpStream::connect(crew.server.address());
    let stream = match timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(made) => made.map_err(|error| not_made(format!("not connected: {error}")))?,
        Err(_) => {
            return Err(not_made(format!(
                "not connected within {} ms",
                CONNECT_TIMEOUT.as_millis()
            )));
        }
    };
    stream.set_nodelay(true).map_err(|error| not_made(error.to_string()))?;
    let made = Connection::over(stream).await.map_err(|error| not_made(chain(&error)))?;
    // It is handed on for every request, and it is large.
    Ok(Box::new(made))
}

async fn read(connection: &mut Connection, mut body: Incoming) -> Result<Bytes, Broken> {
    let broken = |error: String| Broken { failure: Failure::Broken, error };
    let mut whole = Bytes::new();
    while let Some(chunk) = connection.chunk(&mut body).await.map_err(|e| broken(chain(&e)))? {
        if whole.len() + chunk.len() > BODY_BYTES {
            return Err(broken(format!("the body is longer than {BODY_BYTES} bytes")));
        }
        // Most bodies come in one piece, which is taken as it is.
        whole = if whole.is_empty() {
            chunk
        } else {
            let mut joined = BytesMut::from(whole);
            joined.extend_from_slice(&chunk);
            joined.freeze()
        };
    }
    Ok(whole)
}
