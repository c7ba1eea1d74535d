//! What operators and auditors see: readiness, figures, the final state, the work that is still
//! waiting, and the dead letters. Never reached through the proxy.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::json;

use super::audit::{self, Table};
use super::health::{self, Readiness};
use super::{measure, metrics_route, nothing_done, problem};
use crate::messaging::{Broker, Depths, count_unsent};
use crate::metrics::Metrics;
use crate::store::{Database, StoreError, orders};

/// The table name under which dead letters are listed.
const DEAD: &str = "dead";

/// What the admin port of a service shows.
#[derive(Clone)]
pub(crate) struct Admin {
    /// Its database.
    pub(crate) database: Database,
    /// Its broker, where it has one.
    pub(crate) broker: Option<Broker>,
    /// The tables it owns.
    pub(crate) tables: &'static [Table],
}

impl Admin {
    /// The routes.
    pub(crate) fn door(self, readiness: Readiness, metrics: Metrics) -> Router {
        Router::new()
            .route("/audit", get(audit_all))
            .route("/audit/pending", get(pending))
            .route("/audit/{table}", get(audit_one))
            .route("/dead/redrive", post(redrive))
            .with_state(self)
            .merge(health::routes(readiness))
            .merge(metrics_route(metrics.clone()))
            .fallback(async || problem(StatusCode::NOT_FOUND, "there is nothing at this path"))
            .layer(middleware::from_fn_with_state(metrics, measure))
    }

    /// The dead letters as lines; empty where there is no broker.
    async fn dead_lines(&self) -> Result<String, Response> {
        let Some(broker) = &self.broker else { return Ok(String::new()) };
        let letters = broker
            .dead_letters()
            .await
            .map_err(|error| nothing_done(format!("the dead letters cannot be read: {error}")))?;
        let line = |letter| serde_json::to_string(letter).expect("a row has only text keys") + "\n";
        Ok(letters.iter().map(line).collect())
    }

    async fn stream(&self, tables: Vec<Table>, first: String) -> Response {
        let streamed = audit::stream_tables(&self.database, tables, first).await;
        streamed.unwrap_or_else(|error| nothing_done(error.to_string()))
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
    let depths = match &admin.broker {
        Some(broker) => broker.depths().await,
        None => Depths { broker_reachable: true, ..Depths::default() },
    };
    match count_rows(&admin).await {
        Ok((outbox, open)) => Json(json!({
            "outbox": outbox, "inbox": 0, "retry": depths.retry, "dead": depths.dead,
            "ready": depths.ready, "unacked": depths.unacked, "pipelines": 0, "todos": 0,
            "open": open, "broker_reachable": depths.broker_reachable,
        }))
        .into_response(),
        Err(error) => nothing_done(error.to_string()),
    }
}

async fn count_rows(admin: &Admin) -> Result<(i64, i64), StoreError> {
    let outbox = match admin.broker {
        Some(_) => count_unsent(&admin.database).await?,
        None => 0,
    };
    let open = if admin.tables.contains(&audit::ORDERS) {
        orders::count_open(&admin.database).await?
    } else {
        0
    };
    Ok((outbox, open))
}

async fn redrive(State(admin): State<Admin>) -> Response {
    let Some(broker) = &admin.broker else {
        return Json(json!({ "redriven": 0, "refused": 0 })).into_response();
    };
    match broker.redrive().await {
        Ok(result) => Json(result).into_response(),
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}
