//! What operators and auditors see: readiness, figures, the final state, the work that is still
//! waiting, and the dead letters. Never reached through the proxy.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Map, Value};

use super::audit::{self, Table};
use super::health::{self, Readiness};
use super::{chaos, measure, metrics_route, nothing_done, problem};
use crate::backlog::{Backlog, Redriven};
use crate::metrics::Metrics;
use crate::store::{Database, StoreError, orders};

/// The kinds of work that every service tells of, so that a missing one is told from none.
const PENDING: [&str; 9] =
    ["outbox", "inbox", "retry", "dead", "ready", "unacked", "pipelines", "todos", "open"];

/// The table name under which dead letters are listed.
const DEAD: &str = "dead";

/// What the admin port of a service shows.
#[derive(Clone)]
pub(crate) struct Admin {
    /// Its database.
    pub(crate) database: Database,
    /// What it may leave unfinished, where it can.
    pub(crate) backlog: Option<Arc<dyn Backlog>>,
    /// The tables it owns.
    pub(crate) tables: &'static [Table],
    /// Whether trouble may be made on request.
    pub(crate) chaos_switch: bool,
}

impl Admin {
    /// The routes.
    pub(crate) fn door(self, readiness: Readiness, metrics: Metrics) -> Router {
        let chaos = if self.chaos_switch { chaos::routes() } else { Router::new() };
        Router::new()
            .route("/audit", get(audit_all))
            .route("/audit/pending", get(pending))
            .route("/audit/{table}", get(audit_one))
            .route("/dead/redrive", post(redrive))
            .with_state(self)
            .merge(chaos)
            .merge(health::routes(readiness))
            .merge(metrics_route(metrics.clone()))
            .fallback(async || problem(StatusCode::NOT_FOUND, "there is nothing at this path"))
            .layer(middleware::from_fn_with_state(metrics, measure))
    }

    /// The dead letters as lines; empty where there can be none.
    async fn dead_lines(&self) -> Result<String, Response> {
        let Some(backlog) = &self.backlog else { return Ok(String::new()) };
        let letters = backlog
            .dead()
            .await
            .map_err(|error| nothing_done(format!("the dead letters cannot be read: {error}")))?;
        let line = |letter| serde_json::to_string(letter).expect("a row has only text keys") + "\n";
        Ok(letters.iter().map(line).collect())
    }

    async fn stream(&self, tables: Vec<Table>, first: String) -> Response {
        let streamed = audit::stream_tables(&self.database, tables, first).await;
        streamed.unwrap_or_else(|error| nothing_done(error.to_string()))
    }

    async fn count(&self) -> Result<Map<String, Value>, StoreError> {
        let mut counts = match &self.backlog {
            Some(backlog) => backlog.pending().await?,
            None => Map::new(),
        };
        if self.tables.contains(&audit::ORDERS) {
            counts.insert("open".into(), orders::count_open(&self.database).await?.into());
        }
        Ok(counts)
    }
}

async fn audit_all(State(admin): State<Admin>) -> Response {
    match admin.dead_lines().await {
        Ok(dead) => admin.stream(admin.tables.to_vec(), dead).await,
        Err(response) => response,
    }
}

async fn audit_one(State(admin): State<Admin>, Path(name): Path<String>) -> Response {
    if name == DEAD {
        return match admin.dead_lines().await {
            Ok(dead) => admin.stream(Vec::new(), dead).await,
            Err(response) => response,
        };
    }
    match admin.tables.iter().find(|table| table.name == name) {
        Some(table) => admin.stream(vec![*table], String::new()).await,
        None => problem(StatusCode::NOT_FOUND, "this service owns no such table"),
    }
}

/// Work that has been taken on and is not finished.
async fn pending(State(admin): State<Admin>) -> Response {
    let mut counts = Map::new();
    for kind in PENDING {
        counts.insert(kind.into(), 0.into());
    }
    match admin.count().await {
        Ok(counted) => {
            counts.extend(counted);
            Json(counts).into_response()
        }
        Err(error) => nothing_done(error.to_string()),
    }
}

async fn redrive(State(admin): State<Admin>) -> Response {
    let Some(backlog) = &admin.backlog else {
        return Json(Redriven { redriven: 0, refused: 0 }).into_response();
    };
    match backlog.redrive().await {
        Ok(result) => Json(result).into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, error),
    }
}
