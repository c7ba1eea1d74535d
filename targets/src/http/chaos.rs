//! The door to the chaos switch, on the admin port and only where it was asked for.

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::json;

use super::problem;
use crate::chaos_switch;

/// `POST` arms, `DELETE` disarms, `GET` tells what has happened; all answer with the counts.
pub(crate) fn routes() -> Router {
    Router::new().route("/chaos", post(arm).delete(disarm).get(tell))
}

async fn arm(body: Bytes) -> Response {
    let order = match serde_json::from_slice(&body) {
        Ok(order) => order,
        Err(error) => return problem(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
    };
    match chaos_switch::arm(order) {
        Ok(()) => Json(json!({ "armed": true })).into_response(),
        Err(error) => problem(StatusCode::UNPROCESSABLE_ENTITY, error),
    }
}

async fn disarm() -> Response {
    Json(chaos_switch::disarm()).into_response()
}

async fn tell() -> Response {
    Json(chaos_switch::counts()).into_response()
}
