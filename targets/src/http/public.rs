//! What customers see: the same everywhere, whatever the architecture does behind it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use futures::future::BoxFuture;
use serde_json::json;

use super::{health, measure, metrics_route, nothing_done, problem, report};
use crate::chaos_switch::Injected;
use crate::domain::order::{Order, OrderError};
use crate::domain::state;
use crate::metrics::Metrics;
use crate::mutant::{self, Mutant};
use crate::step::inventory;
use crate::store::orders::{self, View};
use crate::store::{Database, StoreError};

/// Largest request body in bytes.
pub(crate) const LARGEST_BODY: usize = 64 * 1024;

/// How an architecture takes an order.
pub(crate) trait Checkout: Send + Sync + 'static {
    /// Takes an order as far as the architecture goes before it answers.
    fn place<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<View, PlaceError>>;
}

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlaceError {
    /// The id belongs to another order.
    #[error("order_id is already used by a different order: use a new id for a new order")]
    Conflict,
    /// Something failed; the error knows whether anything can have happened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The order is stored, but nobody can be told of it.
    #[error("the order is stored, but its event could not be published: {0}")]
    Unpublished(String),
    /// No order is taken here at the moment; nothing has been done.
    #[error("the order was not taken: {0}")]
    Refused(String),
    /// The order was given up, and everything that was done for it is undone.
    #[error("the order was cancelled, and nothing of it is left: {0}")]
    Cancelled(String),
    /// It was asked for: the status to answer with.
    #[error(transparent)]
    Injected(#[from] Injected),
    /// Nobody knows how far the order has come.
    #[error("the order could not be finished: {0}")]
    Unfinished(String),
}

/// The routes for orders.
pub(crate) fn order_routes(database: Database, checkout: Arc<dyn Checkout>) -> Router {
    Router::new()
        .route("/orders", post(place).layer(DefaultBodyLimit::max(LARGEST_BODY)))
        .with_state(checkout)
        .route("/orders/{id}", get(status).with_state(database.clone()))
        .route("/report", get(report::report).with_state(database))
}

/// The routes for products.
pub(crate) fn catalog_routes(database: Database) -> Router {
    Router::new().route("/catalog/{sku}", get(catalog)).with_state(database)
}

/// Adds what every process shows on its public port.
pub(crate) fn door(routes: Router, readiness: health::Readiness, metrics: Metrics) -> Router {
    routes
        .merge(health::routes(readiness))
        .merge(metrics_route(metrics.clone()))
        .fallback(async || problem(StatusCode::NOT_FOUND, "there is nothing at this path"))
        .layer(middleware::from_fn_with_state(metrics, measure))
}

async fn place(
    State(checkout): State<Arc<dyn Checkout>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return problem(rejection.status(), rejection.body_text()),
    };
    let order = match Order::parse(&body) {
        Ok(order) => order,
        Err(error @ OrderError::NotJson(_)) => {
            return problem(StatusCode::BAD_REQUEST, error.to_string());
        }
        Err(error) => return problem(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    };
    match checkout.place(&order).await {
        Ok(_) if mutant::strikes(Mutant::DenyCommitted) => nothing_done("an exam denies it"),
        Ok(view) if view.is_final() && mutant::is_planted(Mutant::AnswerCompleted) => {
            let state = state::State::Completed.name().to_owned();
            (StatusCode::CREATED, Json(View { state, ..view })).into_response()
        }
        Ok(view) if view.is_final() => (StatusCode::CREATED, Json(view)).into_response(),
        Ok(view) => (StatusCode::ACCEPTED, Json(view)).into_response(),
        Err(error) => refuse(&error),
    }
}

/// Only a transaction that was never committed has certainly changed nothing.
fn refuse(error: &PlaceError) -> Response {
    let message = error.to_string();
    match error {
        PlaceError::Conflict => problem(StatusCode::UNPROCESSABLE_ENTITY, message),
        PlaceError::Store(
            StoreError::Url(_)
            | StoreError::Unreachable(_)
            | StoreError::Silent
            | StoreError::Undone(_),
        )
        | PlaceError::Refused(_)
        | PlaceError::Cancelled(_) => nothing_done(message),
        PlaceError::Injected(injected) => problem(injected.status(), message),
        PlaceError::Store(StoreError::CommitUnknown(_))
        | PlaceError::Unpublished(_)
        | PlaceError::Unfinished(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, message),
    }
}

async fn status(State(database): State<Database>, Path(id): Path<String>) -> Response {
    match orders::find(&database, &id).await {
        Ok(Some(view)) => Json(view).into_response(),
        Ok(None) => problem(StatusCode::NOT_FOUND, "there is no order with this id"),
        Err(error) => nothing_done(error.to_string()),
    }
}

async fn catalog(State(database): State<Database>, Path(sku): Path<String>) -> Response {
    match inventory::offer(&database, &sku).await {
        Ok(Some((product, available))) => {
            let offer = json!({
                "sku": product.sku, "price": product.price, "available": available,
            });
            Json(offer).into_response()
        }
        Ok(None) => problem(StatusCode::NOT_FOUND, "there is no product with this sku"),
        Err(error) => nothing_done(error.to_string()),
    }
}
