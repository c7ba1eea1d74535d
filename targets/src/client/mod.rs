//! How a service asks another one for a step: names are looked up again every second and requests
//! spread over all replicas, each attempt has a time limit, a failed one is repeated with the same
//! key, and a service that keeps failing is left alone for a while. What is done and what is undone
//! have a breaker each: where nothing can be undone, orders can still be served.

mod breaker;
mod replicas;
mod transport;

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::breaker::Breaker;
use self::replicas::Replicas;
use self::transport::{Answer, Transport};
use crate::addresses::Addresses;
pub(crate) use crate::domain::step::Direction;
use crate::domain::step::Step;
use crate::http::steps::{StepAnswer, StepRequest};
use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::{Safeguard, Safeguards};

/// Time limit of one attempt, with the safeguard for it.
const ATTEMPT_LIMIT: Duration = Duration::from_millis(300);
/// Time limit of one attempt without it: what HTTP clients commonly have.
const USUAL_LIMIT: Duration = Duration::from_secs(30);
/// Attempts after the first.
const RETRIES: u32 = 2;
/// Pause before an attempt is repeated, in milliseconds.
const RETRY_PAUSE_MILLIS: std::ops::RangeInclusive<u64> = 20..=80;

/// Why a step has no answer.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum CallError {
    /// Nothing has been changed by this call: it was not sent, or it was refused as a whole.
    #[error("{0} has done nothing: {1}")]
    NothingDone(&'static str, String),
    /// Nobody knows whether the step was taken.
    #[error("{0} gave no clear answer: {1}")]
    Unknown(&'static str, String),
    /// The service says that it will never take this step for this order again.
    #[error("{0} refuses for good: {1}")]
    Never(&'static str, String),
}

/// Asks the other services for steps.
pub(crate) struct Client {
    services: HashMap<Role, Service>,
    safeguards: Safeguards,
    metrics: Metrics,
}

struct Service {
    replicas: Replicas,
    transport: Transport,
    forward: Breaker,
    back: Breaker,
}

impl Service {
    fn at(replicas: Replicas) -> Self {
        let (forward, back) = (Breaker::default(), Breaker::default());
        Self { replicas, transport: Transport::new(), forward, back }
    }

    fn breaker(&self, direction: Direction) -> &Breaker {
        match direction {
            Direction::Forward => &self.forward,
            Direction::Compensate => &self.back,
        }
    }
}

impl Client {
    /// A client for the given services; looks for their replicas until `stop`.
    pub(crate) fn new(
        roles: &[Role],
        addresses: &Addresses,
        safeguards: Safeguards,
        metrics: Metrics,
        stop: &CancellationToken,
    ) -> Self {
        let service =
            |role: &Role| (*role, Service::at(Replicas::of(addresses.of(*role), stop.clone())));
        Self { services: roles.iter().map(service).collect(), safeguards, metrics }
    }

    /// A client for services at fixed addresses.
    #[cfg(test)]
    pub(crate) fn at(services: &[(Role, std::net::SocketAddr)], safeguards: Safeguards) -> Self {
        let service = |(role, address): &(Role, _)| (*role, Service::at(Replicas::fixed(*address)));
        let services = services.iter().map(service).collect();
        Self { services, safeguards, metrics: Metrics::new() }
    }

    /// Asks the owner of a step for it, as often as it may until `deadline`.
    pub(crate) async fn call(
        &self,
        step: Step,
        direction: Direction,
        request: &StepRequest,
        deadline: Instant,
    ) -> Result<StepAnswer, CallError> {
        let path = match direction {
            Direction::Forward => format!("/steps/{}", step.name()),
            Direction::Compensate => format!("/steps/{}/compensate", step.name()),
        };
        let call = Call { direction, path: &path, body: Some(request) };
        self.ask(step.owner(), call, read, deadline).await
    }

    /// Reads what a service shows at a path, as often as it may until `deadline`.
    pub(crate) async fn fetch(
        &self,
        owner: Role,
        path: &str,
        deadline: Instant,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let call = Call { direction: Direction::Forward, path, body: None };
        self.ask(owner, call, pass_on, deadline).await
    }

    async fn ask<T>(
        &self,
        owner: Role,
        call: Call<'_>,
        read: Read<T>,
        deadline: Instant,
    ) -> Result<T, CallError> {
        let tries = if self.safeguards.has(Safeguard::Retries) { 1 + RETRIES } else { 1 };
        let mut uncertain = None;
        let mut nothing = CallError::NothingDone(owner.name(), "the time is over".into());
        for attempt in 1..=tries {
            let Some(limit) = self.limit(deadline) else { break };
            match self.attempt(owner, call, read, limit).await {
                Err(error @ CallError::Unknown(..)) => uncertain = Some(error),
                Err(error @ CallError::NothingDone(..)) => nothing = error,
                settled => return settled,
            }
            if attempt < tries {
                sleep(Duration::from_millis(fastrand::u64(RETRY_PAUSE_MILLIS))).await;
            }
        }
        // One attempt that may have done something outweighs others that certainly did nothing.
        Err(uncertain.unwrap_or(nothing))
    }

    /// Time for the next attempt; nothing once the time is over, and so nothing is sent.
    fn limit(&self, deadline: Instant) -> Option<Duration> {
        if !self.safeguards.has(Safeguard::Timeouts) {
            return Some(USUAL_LIMIT);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        (!left.is_zero()).then(|| left.min(ATTEMPT_LIMIT))
    }

    async fn attempt<T>(
        &self,
        owner: Role,
        Call { direction, path, body }: Call<'_>,
        read: Read<T>,
        limit: Duration,
    ) -> Result<T, CallError> {
        let name = owner.name();
        let nothing = |reason: &str| CallError::NothingDone(name, reason.to_owned());
        let service = self.services.get(&owner).ok_or_else(|| nothing("it is not known here"))?;
        let breaker = service.breaker(direction);
        let guarded = self.safeguards.has(Safeguard::Breaker);
        if guarded && !breaker.lets_pass(Instant::now()) {
            self.count(name, "not_sent");
            return Err(nothing("it keeps failing and is left alone for a while"));
        }
        let address = service.replicas.next().ok_or_else(|| nothing("its name has no address"))?;
        let result = service.transport.send(address, path, body, limit).await;
        let result = result.map_err(|error| error.of(name)).and_then(|answer| read(name, &answer));
        // What the service says for good is an answer, not a failure of the service.
        let well = matches!(result, Ok(_) | Err(CallError::Never(..)));
        breaker.note(well, Instant::now());
        self.count(name, if well { "answered" } else { "failed" });
        result
    }

    fn count(&self, service: &str, result: &str) {
        self.metrics.calls.with_label_values(&[service, result]).inc();
    }
}

/// What is asked of a service.
#[derive(Clone, Copy)]
struct Call<'a> {
    direction: Direction,
    path: &'a str,
    body: Option<&'a StepRequest>,
}

/// Takes the answer of a service for what it means.
type Read<T> = fn(&'static str, &Answer) -> Result<T, CallError>;

/// Whatever a service shows is passed on, unless it could not show anything.
fn pass_on(name: &'static str, answer: &Answer) -> Result<(StatusCode, Bytes), CallError> {
    if answer.status.is_server_error() {
        return Err(CallError::NothingDone(name, format!("HTTP {}", answer.status.as_u16())));
    }
    Ok((answer.status, answer.body.clone()))
}

fn read(name: &'static str, answer: &Answer) -> Result<StepAnswer, CallError> {
    let body = &answer.body;
    let text = || String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    let status = answer.status;
    if status == StatusCode::OK {
        return serde_json::from_slice(body).map_err(|error| {
            CallError::Unknown(name, format!("its answer cannot be read: {error}"))
        });
    }
    if answer.nothing_done {
        return Err(CallError::NothingDone(name, text()));
    }
    if status.is_client_error() {
        return Err(CallError::Never(name, text()));
    }
    Err(CallError::Unknown(name, format!("HTTP {}: {}", status.as_u16(), text())))
}

#[cfg(test)]
mod tests;
