//! The ports of the proxy: what comes to them, and how many connections each takes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::answer::{Answer, Own, json, own};
use super::forward::Forward;
use super::switch::Switch;

/// Connections of one port at the same time; further ones wait to be taken.
const MOST_CONNECTIONS: usize = 4096;
/// A client has so long to send the head of a request, which also bounds idle connections.
const HEAD_LIMIT: Duration = Duration::from_secs(60);
/// A connection to the replica that is not made by then is not made.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// Pause after a connection could not be taken, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest order, bytes.
const LONGEST_ORDER: usize = 64 << 10;
/// Where orders are taken.
const PATH: &str = "/chaos";

/// What is behind a port.
#[derive(Clone)]
pub(super) enum Door {
    /// HTTP of the replica.
    Http(Arc<Forward>),
    /// Whatever the replica speaks there, at `host:port`.
    Bytes(String),
    /// Orders.
    Admin(Arc<Switch>),
}

/// Takes connections without an end.
pub(super) async fn serve(listener: TcpListener, door: Door) {
    let free = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        // Small answers must not wait for an acknowledgement of earlier ones.
        let _ = stream.set_nodelay(true);
        let door = door.clone();
        tokio::spawn(async move {
            door.attend(stream).await;
            drop(permit);
        });
    }
}

impl Door {
    /// How a connection ends concerns its two ends alone.
    async fn attend(self, mut stream: TcpStream) {
        if let Self::Bytes(upstream) = &self {
            let connecting = timeout(CONNECT_LIMIT, TcpStream::connect(upstream)).await;
            if let Ok(Ok(mut upstream)) = connecting {
                let _ = copy_bidirectional(&mut stream, &mut upstream).await;
            }
            return;
        }
        let answer =
            service_fn(|request| async { Ok::<_, Infallible>(self.answer(request).await) });
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT);
        let _ = server.serve_connection(TokioIo::new(stream), answer).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        match self {
            Self::Http(forward) => forward.pass(request).await,
            Self::Admin(switch) => order(switch, request).await,
            Self::Bytes(_) => own(StatusCode::BAD_REQUEST, Own::Refused, "it speaks no HTTP"),
        }
    }
}

/// `POST` gives an order, `DELETE` ends it, `GET` tells what was done.
async fn order(switch: &Switch, request: Request<Incoming>) -> Answer {
    let refused = |said: &str| own(StatusCode::UNPROCESSABLE_ENTITY, Own::Refused, said);
    let told = |counts| json(StatusCode::OK, &json!(counts));
    if request.uri().path() != PATH {
        return own(StatusCode::NOT_FOUND, Own::Refused, "orders are taken at /chaos");
    }
    match *request.method() {
        Method::GET => told(switch.counts()),
        Method::DELETE => told(switch.disarm()),
        Method::POST => {
            let body = Limited::new(request.into_body(), LONGEST_ORDER).collect().await;
            let order = body.map_err(|error| error.to_string()).and_then(|body| {
                serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
            });
            match order.and_then(|order| switch.arm(order)) {
                Ok(()) => json(StatusCode::OK, &json!({ "armed": true })),
                Err(error) => refused(&error),
            }
        }
        _ => own(StatusCode::METHOD_NOT_ALLOWED, Own::Refused, "use POST, DELETE or GET"),
    }
}
