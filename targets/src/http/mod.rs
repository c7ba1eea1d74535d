//! The two doors of a process: one for customers behind the proxy, one for operators.

pub(crate) mod admin;
pub(crate) mod audit;
mod chaos;
pub(crate) mod health;
pub(crate) mod public;
mod report;
pub(crate) mod steps;

use std::io;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt as _;
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

/// The header that says that a refused request has certainly changed nothing.
pub(crate) const EFFECT: &str = "X-Effect";

/// A port could not be had.
#[derive(Debug, thiserror::Error)]
#[error("port {port} cannot be used: {cause}")]
pub(crate) struct PortError {
    port: u16,
    cause: io::Error,
}

/// Serves one door until `stop`, then lets requests in progress finish.
pub(crate) async fn serve(
    port: u16,
    router: Router,
    stop: CancellationToken,
) -> Result<(), PortError> {
    let wrap = |cause| PortError { port, cause };
    let listener = TcpListener::bind(("0.0.0.0", port)).await.map_err(wrap)?.tap_io(|stream| {
        // Small answers must not wait for an acknowledgement of earlier ones.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await.map_err(wrap)
}

/// `/metrics`, the same on both doors.
fn metrics_route(metrics: Metrics) -> Router {
    let render = move || async move {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())
    };
    Router::new().route("/metrics", get(render))
}

/// Counts and times every request by its route.
async fn measure(
    State(metrics): State<Metrics>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let start = Instant::now();
    let response = next.run(request).await;
    let route = path.as_ref().map_or("unmatched", MatchedPath::as_str);
    let seconds = start.elapsed().as_secs_f64();
    metrics.request_seconds.with_label_values(&[route]).observe(seconds);
    metrics.requests.with_label_values(&[route, response.status().as_str()]).inc();
    response
}

/// An answer that says what went wrong.
fn problem(status: StatusCode, message: impl Into<String>) -> Response {
    (status, axum::Json(json!({ "error": message.into() }))).into_response()
}

/// 503 for a request that has certainly changed nothing.
pub(crate) fn nothing_done(message: impl Into<String>) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(EFFECT, HeaderValue::from_static("none"));
    (headers, problem(StatusCode::SERVICE_UNAVAILABLE, message)).into_response()
}
