//! The target's own word, over its published ports: whether it is ready, what is pending, and its
//! final state. Docker's port proxy accepts connections even where nothing listens inside, so only
//! an answer counts.

mod probe;
mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_reports::record::final_state::SourcedRow;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::target::Endpoint;
use chaos_scenarios::workload::Request;
use futures::future::{join_all, try_join_all};
use reqwest::{Client, Method};
use serde::Deserialize;
use tokio::time::sleep;

use crate::port::{Auditor, Deployment, PortError};

/// A connection over loopback is made at once, or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long one answer may take; an audit may stream for longer, but never pause for that long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two looks at a canary.
const CANARY_POLL: Duration = Duration::from_millis(20);
/// How long one canary may take to its final state before another is tried.
const CANARY_POLLS: usize = 500;
/// States that an order never leaves.
const FINAL_STATES: [&str; 3] = ["COMPLETED", "REJECTED", "CANCELLED"];

/// Asks a target over HTTP, and probes databases and brokers in their own protocols.
#[derive(Debug, Clone)]
pub struct HttpAuditor {
    client: Client,
}

impl HttpAuditor {
    /// An auditor without connections yet.
    pub fn new() -> Result<Self, PortError> {
        let client = Client::builder()
            .tls_certs_only(std::iter::empty::<reqwest::Certificate>())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(ANSWER_TIMEOUT)
            .build()
            .map_err(|error| PortError(format!("no HTTP client can be made: {error}")))?;
        Ok(Self { client })
    }

    async fn text(&self, url: &str) -> Result<String, PortError> {
        let failed = |error: reqwest::Error| PortError(told(error));
        let answer = self.client.get(url).timeout(ANSWER_TIMEOUT).send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        if status.is_success() {
            return Ok(text);
        }
        let start: String = text.chars().take(200).collect();
        Err(PortError(format!("HTTP {status}: {}", start.trim())))
    }

    /// The first answer of an endpoint's replicas, which share their data.
    async fn counts(
        &self,
        endpoint: &Endpoint,
        deployment: &Deployment,
    ) -> Result<BTreeMap<String, u64>, PortError> {
        let mut last = not_published(endpoint);
        for (_, url) in deployment.urls(endpoint) {
            match self.text(&url).await {
                Ok(text) => {
                    return counts_in(&text).ok_or_else(|| {
                        PortError(format!("{endpoint} does not tell counts as a JSON object"))
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Auditor for HttpAuditor {
    async fn ready(
        &self,
        plan: &Plan,
        deployment: &Deployment,
        component: &str,
    ) -> Result<String, PortError> {
        let rule = plan.target.component(component).and_then(|it| it.ready.as_ref());
        let Some(endpoint) = rule else {
            return Ok("it has no rule: it runs".to_owned());
        };
        let urls = deployment.urls(endpoint);
        if urls.is_empty() {
            return Err(not_published(endpoint));
        }
        let probes = urls.iter().map(|(_, url)| async {
            match endpoint.scheme.as_str() {
                "http" | "https" => self.text(url).await.map(drop),
                "postgres" | "postgresql" => probe::postgres(url).await,
                "amqp" => probe::amqp(url).await,
                _ => probe::tcp(url).await,
            }
        });
        try_join_all(probes).await?;
        Ok(format!("{endpoint} answers"))
    }

    async fn canary(
        &self,
        plan: &Plan,
        deployment: &Deployment,
        request: &Request,
    ) -> Result<String, PortError> {
        let urls = deployment.urls(&plan.target.entry);
        let (_, entry) = urls.first().ok_or_else(|| not_published(&plan.target.entry))?;
        let entry = entry.trim_end_matches('/');
        let template = &plan.load.workload.requests[request.template];
        self.send(entry, request, &template.accept).await?;
        let workload = plan.load.workload.compile().map_err(|e| PortError(e.to_string()))?;
        let order = request.ledger.as_ref().map(|entry| entry.id.as_str());
        let path = order.and_then(|id| workload.status_path(request.template, id));
        match path {
            Some(path) => self.becomes_final(&format!("{entry}{path}")).await,
            None => Ok("accepted; its state cannot be asked".to_owned()),
        }
    }

    async fn pending(
        &self,
        plan: &Plan,
        deployment: &Deployment,
    ) -> (BTreeMap<String, u64>, Vec<String>) {
        let endpoints = &plan.target.pending;
        let told = join_all(endpoints.iter().map(|it| self.counts(it, deployment))).await;
        let (mut counts, mut silent) = (BTreeMap::<String, u64>::new(), Vec::new());
        for (endpoint, told) in endpoints.iter().zip(told) {
            match told {
                Ok(of_endpoint) => of_endpoint
                    .into_iter()
                    .for_each(|(kind, count)| *counts.entry(kind).or_default() += count),
                Err(_) => silent.push(endpoint.to_string()),
            }
        }
        (counts, silent)
    }

    async fn audit(
        &self,
        endpoint: &Endpoint,
        deployment: &Deployment,
    ) -> Result<Vec<SourcedRow>, PortError> {
        let mut last = not_published(endpoint);
        for (_, url) in deployment.urls(endpoint) {
            match read::rows(&self.client, &url, &endpoint.to_string()).await {
                Ok(rows) => return Ok(rows),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

#[derive(Deserialize)]
struct OrderState {
    state: String,
}

impl HttpAuditor {
    async fn send(&self, entry: &str, request: &Request, accept: &[u16]) -> Result<(), PortError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| PortError(format!("`{}` is no HTTP method", request.method)))?;
        let mut builder = self.client.request(method, format!("{entry}{}", request.path));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let answer = builder.timeout(ANSWER_TIMEOUT).send().await;
        let status = answer.map_err(|error| PortError(told(error)))?.status();
        if accept.contains(&status.as_u16()) {
            return Ok(());
        }
        Err(PortError(format!("it was answered with HTTP {status}")))
    }

    async fn becomes_final(&self, url: &str) -> Result<String, PortError> {
        let mut state = "unknown".to_owned();
        for _ in 0..CANARY_POLLS {
            if let Ok(text) = self.text(url).await {
                let told: OrderState = serde_json::from_str(&text)
                    .map_err(|error| PortError(format!("its state cannot be read: {error}")))?;
                if FINAL_STATES.contains(&told.state.as_str()) {
                    return Ok(told.state);
                }
                state = told.state;
            }
            sleep(CANARY_POLL).await;
        }
        Err(PortError(format!("its last known state is {state}")))
    }
}

/// The whole numbers of a JSON object; whatever else it tells is passed over.
fn counts_in(text: &str) -> Option<BTreeMap<String, u64>> {
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let counts: BTreeMap<String, u64> =
        object.into_iter().filter_map(|(kind, told)| Some((kind, told.as_u64()?))).collect();
    (!counts.is_empty()).then_some(counts)
}

fn not_published(endpoint: &Endpoint) -> PortError {
    PortError(format!("{endpoint} is not published"))
}

/// The chain of causes in one line.
fn told(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_beside_whatever_else_is_told() {
        let told = r#"{"outbox": 3, "ready": 0, "broker_reachable": true, "note": null}"#;
        let counts = BTreeMap::from([("outbox".to_owned(), 3), ("ready".to_owned(), 0)]);
        assert_eq!(counts_in(told), Some(counts));
        assert_eq!(counts_in("[1]"), None);
        assert_eq!(counts_in(r#"{"reachable": false}"#), None);
    }
}
