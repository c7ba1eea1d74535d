//! The HTTP client that goose is given, and the way a request takes through it: sent, read to its
//! end, judged. Its limits are those of the other engine, too.

use std::time::Duration;

use chaos_scenarios::workload::Request;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response};

use super::arrival::Arrival;
use super::outcome::{Answer, EFFECT_HEADER, Failure, Seen};
use crate::http::{self, BodyError, told};
use crate::port::PortError;

/// Connections idle for longer are closed before a server does so under a request.
pub(super) const IDLE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest body that is read.
pub(super) const BODY_BYTES: usize = 1024 * 1024;

/// A client that sends each request once and as it is, over as many connections as there are users.
pub(super) fn client(entry: &str, users: usize) -> Result<Client, PortError> {
    http::client(entry)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(users)
        .build()
        .map_err(|error| PortError(format!("the load's HTTP client cannot be made: {error}")))
}

/// What became of a request that was handed to an engine.
pub(super) enum Sent {
    /// An answer began.
    Answered(Response),
    /// The client library failed.
    Failed(reqwest::Error),
    /// The engine failed after it may have sent the request.
    EngineFailed(String),
}

/// Sends an arrival by `send`, reads the answer and settles it.
pub(super) async fn exchange(
    client: &Client,
    entry: &str,
    mut arrival: Arrival,
    send: impl AsyncFnOnce(RequestBuilder) -> Sent,
) {
    let Some(time_left) = arrival.time_left() else {
        arrival.refuse("no worker was free before its time was over");
        return;
    };
    let request = match build(client, entry, arrival.request(), time_left) {
        Ok(request) => request,
        Err(reason) => {
            arrival.refuse(&format!("it cannot be sent as the workload writes it: {reason}"));
            return;
        }
    };
    arrival.begin();
    let answer = send(RequestBuilder::from_parts(client.clone(), request)).await;
    let seen = conclude(&arrival, answer).await;
    let end = arrival.now();
    arrival.settle(end, seen);
}

fn build(
    client: &Client,
    entry: &str,
    request: &Request,
    timeout: Duration,
) -> Result<reqwest::Request, String> {
    let method = Method::from_bytes(request.method.as_bytes()).map_err(|e| e.to_string())?;
    let mut builder = client.request(method, format!("{entry}{}", request.path)).timeout(timeout);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    if let Some(body) = &request.body {
        builder = builder.body(body.clone());
    }
    builder.build().map_err(told)
}

/// Whether an answer says that its request certainly had no effect.
pub(super) fn says_no_effect(headers: &HeaderMap) -> bool {
    let effect = headers.get(EFFECT_HEADER);
    effect.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"none"))
}

async fn conclude(arrival: &Arrival, sent: Sent) -> Seen {
    let mut response = match sent {
        Sent::Answered(response) => response,
        Sent::Failed(error) => {
            return Seen::of_failure(Failure::of(&error), None, &told(error));
        }
        Sent::EngineFailed(error) => return Seen::of_failure(Failure::Broken, None, &error),
    };
    let status = response.status().as_u16();
    let no_effect = says_no_effect(response.headers());
    match http::body(&mut response, BODY_BYTES).await {
        Ok(body) => arrival.judge(Answer { status, no_effect, body: &body }),
        Err(error) => {
            let failure = match &error {
                BodyError::TooLong(_) => Failure::Broken,
                BodyError::Broken(error) => Failure::of(error),
            };
            Seen::of_failure(failure, Some(status), &error.told())
        }
    }
}
