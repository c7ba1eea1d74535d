//! One HTTP request between services, and what its failure means.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use tokio::time::timeout;

use super::CallError;
use crate::http::EFFECT;

/// A connection that is not made by then will not be: an address that has vanished is silent. It
/// ends before an attempt does, so that an attempt that was never sent is known for one.
const CONNECT_LIMIT: Duration = Duration::from_millis(200);
/// Longest answer in bytes.
const LONGEST_ANSWER: usize = 64 * 1024;
/// Connections that are kept open to each replica.
const IDLE_CONNECTIONS: usize = 32;
/// How long they are kept without use: shorter than any service keeps them.
const IDLE_LIMIT: Duration = Duration::from_secs(10);

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum TransportError {
    NotSent(String),
    NoAnswer(String),
}

impl TransportError {
    pub(super) fn of(self, service: &'static str) -> CallError {
        match self {
            Self::NotSent(reason) => CallError::NothingDone(service, reason),
            Self::NoAnswer(reason) => CallError::Unknown(service, reason),
        }
    }
}

/// What a service said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Whether it says that nothing was changed.
    pub(super) nothing_done: bool,
    pub(super) body: Bytes,
}

/// Connections to the replicas of one service.
pub(super) struct Transport(Client<HttpConnector, Full<Bytes>>);

impl Transport {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(IDLE_CONNECTIONS).pool_idle_timeout(IDLE_LIMIT);
        // A request that a kept connection could not even begin to send goes out on a fresh one.
        builder.retry_canceled_requests(true);
        Self(builder.build(connector))
    }

    /// Sends one request, a `POST` where it has a body, and reads the whole answer.
    pub(super) async fn send(
        &self,
        address: SocketAddr,
        path: &str,
        body: Option<&impl Serialize>,
        limit: Duration,
    ) -> Result<Answer, TransportError> {
        let not_sent = |error: &dyn std::fmt::Display| TransportError::NotSent(error.to_string());
        let builder = Request::builder().uri(format!("http://{address}{path}"));
        let request = match body {
            None => builder.body(Full::default()),
            Some(body) => {
                let body = serde_json::to_vec(body).map_err(|error| not_sent(&error))?;
                let builder = builder.method(Method::POST);
                builder
                    .header(header::CONTENT_TYPE, "application/json")
                    .body(Full::new(body.into()))
            }
        };
        let request = request.map_err(|error| not_sent(&error))?;
        match timeout(limit, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => {
                Err(TransportError::NoAnswer(format!("none within {} ms", limit.as_millis())))
            }
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, TransportError> {
        let response = self.0.request(request).await.map_err(|error| {
            let reason = chain(&error);
            if error.is_connect() {
                TransportError::NotSent(reason)
            } else {
                TransportError::NoAnswer(reason)
            }
        })?;
        let status = response.status();
        let nothing_done = response.headers().get(EFFECT).is_some_and(|effect| effect == "none");
        let body = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await;
        let body = body.map_err(|error| TransportError::NoAnswer(chain(error.as_ref())))?;
        Ok(Answer { status, nothing_done, body: body.to_bytes() })
    }
}

/// An error with its causes, in one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
