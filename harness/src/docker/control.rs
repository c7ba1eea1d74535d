//! Asks the controls of an application over its published admin port: the chaos switch of the
//! reference application, our proxy before another one, or whatever a target offers of that form.

use std::time::Duration;

use chaos_scenarios::action::{HttpRequest, Replica};
use reqwest::{Method, Response};
use serde_json::Value;

use super::error::DockerError;
use super::site::Site;
use crate::http;

/// Bound of one request.
const LIMIT: Duration = Duration::from_secs(2);
/// Longest answer that is read, bytes.
const LONGEST: usize = 64 << 10;

/// Who is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Door<'a> {
    /// Whose controls.
    pub(super) replica: &'a Replica,
    /// Whether they are those of our proxy before it.
    pub(super) proxied: bool,
    /// Port inside the container.
    pub(super) port: u16,
}

/// Asks; any answer but success is a failure.
pub(super) async fn ask(
    site: &Site,
    door: Door<'_>,
    request: &HttpRequest,
) -> Result<(), DockerError> {
    let HttpRequest { method, path, body } = request;
    send(site, door, (method, path), body.clone()).await.map(|_| ())
}

/// A counter, as a field of the JSON object at a path.
pub(super) async fn count(
    site: &Site,
    door: Door<'_>,
    path: &str,
    field: &str,
) -> Result<u64, DockerError> {
    let refuse = |reason: String| refused(door, "GET", path, reason);
    let mut response = send(site, door, ("GET", path), None).await?;
    let body = http::body(&mut response, LONGEST).await.map_err(|error| refuse(error.told()))?;
    let told: Value = serde_json::from_slice(&body).map_err(|error| refuse(error.to_string()))?;
    let count = told.get(field).and_then(Value::as_u64);
    count.ok_or_else(|| refuse(format!("it tells no `{field}`")))
}

/// Where a path of the controls is reached from here.
pub(super) fn address(
    site: &Site,
    door: Door<'_>,
    method: &str,
    path: &str,
) -> Result<String, DockerError> {
    let Door { replica, proxied, port } = door;
    let held = if proxied { site.proxy(replica)? } else { site.held(replica)? };
    let published = held
        .ports
        .get(&port)
        .copied()
        .ok_or_else(|| refused(door, method, path, format!("port {port} is not published")))?;
    Ok(format!("http://127.0.0.1:{published}{path}"))
}

async fn send(
    site: &Site,
    door: Door<'_>,
    (method, path): (&str, &str),
    body: Option<String>,
) -> Result<Response, DockerError> {
    let refuse = |reason: String| refused(door, method, path, reason);
    let url = address(site, door, method, path)?;
    let client = http::client(&url).timeout(LIMIT).build();
    let client = client.map_err(|error| refuse(http::told(error)))?;
    let verb = Method::from_bytes(method.as_bytes()).map_err(|error| refuse(error.to_string()))?;
    let mut request = client.request(verb, &url);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body);
    }
    let mut response = request.send().await.map_err(|error| refuse(http::told(error)))?;
    if response.status().is_success() {
        return Ok(response);
    }
    let said = http::body(&mut response, LONGEST).await.unwrap_or_default();
    Err(refuse(format!("{} {}", response.status(), String::from_utf8_lossy(&said))))
}

/// That a request was not done, and why.
pub(super) fn refused(door: Door<'_>, method: &str, path: &str, reason: String) -> DockerError {
    let Door { replica, proxied, .. } = door;
    let before = if proxied { "the proxy before " } else { "" };
    DockerError::Control { what: format!("{method} {path} of {before}{replica}"), reason }
}
