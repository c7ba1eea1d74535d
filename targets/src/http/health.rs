//! Alive is not able to work: `/healthz` answers whenever the process runs, `/readyz` tries every
//! dependency for real.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::messaging::Broker;
use crate::store::Database;

/// A dependency that takes longer than this to answer does not work.
const CHECK_DEADLINE: Duration = Duration::from_secs(1);

/// What a process depends on.
#[derive(Clone)]
pub(crate) struct Readiness {
    /// Its database.
    pub(crate) database: Database,
    /// Set once the tables are laid out.
    pub(crate) laid_out: Arc<AtomicBool>,
    /// Its broker, where it has one.
    pub(crate) broker: Option<Broker>,
    /// Set once the process has been told to stop.
    pub(crate) stopping: CancellationToken,
    /// Set while another process does the work of this one.
    pub(crate) standing_by: Arc<AtomicBool>,
}

impl Readiness {
    /// Tries every dependency and tells what each said.
    async fn check(&self) -> Vec<(&'static str, Result<(), String>)> {
        let mut results = vec![("database", bounded(self.check_database()).await)];
        if let Some(broker) = &self.broker {
            results.push(("broker", bounded(broker.probe()).await));
        }
        results
    }

    async fn check_database(&self) -> Result<(), String> {
        if !self.laid_out.load(Ordering::Relaxed) {
            return Err("the tables are not laid out yet".into());
        }
        self.database.rows("SELECT 1", &[]).await.map(drop).map_err(|error| error.to_string())
    }
}

async fn bounded(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    timeout(CHECK_DEADLINE, check).await.unwrap_or_else(|_| Err("no answer within 1 s".into()))
}

/// `/healthz` and `/readyz`.
pub(crate) fn routes(readiness: Readiness) -> Router {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(readiness)
}

/// A process that is about to leave, or leaves the work to another, says so while it still serves,
/// so that the proxy sends new requests elsewhere.
async fn alive(State(readiness): State<Readiness>) -> Response {
    let stopping = readiness.stopping.is_cancelled();
    let standing_by = readiness.standing_by.load(Ordering::Relaxed);
    let leaves = stopping || standing_by;
    let status = if leaves { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut state = json!({ "alive": true, "stopping": stopping });
    if standing_by {
        state["standing_by"] = true.into();
    }
    (status, Json(state)).into_response()
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let results = readiness.check().await;
    let ready = results.iter().all(|(_, result)| result.is_ok());
    let dependencies: Map<String, Value> = results
        .into_iter()
        .map(|(name, result)| (name.to_owned(), result.err().unwrap_or("ok".into()).into()))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": ready, "dependencies": dependencies }))).into_response()
}
