//! Requests to services on loopback, each on a connection of its own: the one before may have died
//! with its service.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::time::timeout;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client.
pub(super) struct Http(Client<HttpConnector, Full<Bytes>>);

/// Status and body; the body is null where it is not JSON. None where no answer came.
type Answer = Option<(u16, Value)>;

impl Http {
    pub(super) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http())
    }

    pub(super) async fn get(&self, port: u16, path: &str) -> Answer {
        let request = Request::get(format!("http://127.0.0.1:{port}{path}"));
        self.send(request.body(Full::default()).expect("a request")).await
    }

    pub(super) async fn post(&self, port: u16, path: &str, body: &Value) -> Answer {
        let request = Request::post(format!("http://127.0.0.1:{port}{path}"));
        self.send(request.body(body.to_string().into()).expect("a request")).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        let exchange = async {
            let response = self.0.request(request).await.ok()?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.ok()?.to_bytes();
            Some((status, serde_json::from_slice(&body).unwrap_or_default()))
        };
        timeout(PATIENCE, exchange).await.ok().flatten()
    }
}
