//! The target's own word, over its published ports: whether it is ready, what is pending, and its
//! final state; and the word of its databases, which checks that. Docker's port proxy accepts
//! connections even where nothing listens inside, so only an answer counts.

mod canary;
mod probe;
mod read;
mod sql;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_reports::record::final_state::SourcedRow;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::target::{DatabaseAudit, Endpoint};
use chaos_scenarios::workload::Request;
use futures::future::{join_all, try_join_all};
use reqwest::Client;
use tokio::time::sleep;

use self::read::ReadError;
use crate::http;
use crate::port::{Auditor, Deployment, PortError};

/// How long a probe of readiness may take, per replica.
const READY_TIMEOUT: Duration = Duration::from_secs(1);
/// How long one replica may take to tell what is pending; it is asked four times a second.
const PENDING_TIMEOUT: Duration = Duration::from_millis(500);
/// An audit may stream for longer than this, but never pause for so long.
const PAUSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is not an audit, bytes.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Pause before an audit is asked again after its connection broke.
const AUDIT_RETRY: Duration = Duration::from_millis(200);

/// Asks a target over HTTP, and probes databases and brokers in their own protocols.
#[derive(Debug, Clone)]
pub struct HttpAuditor {
    client: Client,
}

impl HttpAuditor {
    /// An auditor without connections yet.
    pub fn new() -> Result<Self, PortError> {
        let client = http::client("http:").read_timeout(PAUSE_TIMEOUT).build();
        let client = client
            .map_err(|error| PortError(format!("the HTTP client cannot be made: {error}")))?;
        Ok(Self { client })
    }

    /// The answer to a GET, if it is a success.
    async fn text(&self, url: &str, limit: Duration) -> Result<String, PortError> {
        let failed = |error| PortError(http::told(error));
        let mut answer = self.client.get(url).timeout(limit).send().await.map_err(failed)?;
        let status = answer.status();
        let body = http::body(&mut answer, ANSWER_BYTES).await;
        let text = body.map_err(|error| PortError(error.told()))?;
        let text = String::from_utf8_lossy(&text).into_owned();
        if status.is_success() {
            return Ok(text);
        }
        let start: String = text.chars().take(200).collect();
        Err(PortError(format!("HTTP {}: {}", status.as_u16(), start.trim())))
    }

    /// Whether one replica can do its work.
    async fn probe(&self, scheme: &str, url: &str) -> Result<(), PortError> {
        match scheme {
            "http" => self.text(url, READY_TIMEOUT).await.map(drop),
            "postgres" => probe::postgres(url, READY_TIMEOUT).await,
            "amqp" => probe::amqp(url, READY_TIMEOUT).await,
            _ => probe::tcp(url, READY_TIMEOUT).await,
        }
    }

    /// The first answer of an endpoint's replicas, which share their data.
    async fn counts(
        &self,
        endpoint: &Endpoint,
        deployment: &Deployment,
    ) -> Result<BTreeMap<String, u64>, PortError> {
        let mut last = not_published(endpoint);
        for (_, url) in deployment.urls(endpoint) {
            match self.text(&url, PENDING_TIMEOUT).await {
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

    /// Reads from one replica, once more if the connection broke.
    async fn rows(&self, url: &str, source: &str) -> Result<Vec<SourcedRow>, ReadError> {
        match read::rows(&self.client, url, source).await {
            Err(ReadError::Connection(_)) => {
                sleep(AUDIT_RETRY).await;
                read::rows(&self.client, url, source).await
            }
            told => told,
        }
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
        let probes = urls.iter().map(|(replica, url)| async move {
            let probed = self.probe(&endpoint.scheme, url).await;
            probed.map_err(|error| PortError(format!("{replica} is not ready: {error}")))
        });
        try_join_all(probes).await?;
        Ok(match endpoint.scheme.as_str() {
            "http" => format!("{endpoint} answers with success"),
            "postgres" => format!("{endpoint} answers a query"),
            "amqp" => format!("{endpoint} confirms and delivers a message"),
            _ => format!("{endpoint} keeps a connection"),
        })
    }

    async fn canary(
        &self,
        plan: &Plan,
        deployment: &Deployment,
        request: &Request,
    ) -> Result<String, PortError> {
        let urls = deployment.urls(&plan.target.entry);
        let (_, entry) = urls.first().ok_or_else(|| not_published(&plan.target.entry))?;
        self.see_through(plan, entry.trim_end_matches('/'), request).await
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
                Ok(of_endpoint) => of_endpoint.into_iter().for_each(|(kind, count)| {
                    let sum = counts.entry(kind).or_default();
                    // Whatever a target tells, it is no reason to panic.
                    *sum = sum.saturating_add(count);
                }),
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
        let source = endpoint.to_string();
        let mut last = not_published(endpoint);
        for (_, url) in deployment.urls(endpoint) {
            match self.rows(&url, &source).await {
                Ok(rows) => return Ok(rows),
                Err(error) => last = PortError(error.to_string()),
            }
        }
        Err(last)
    }

    async fn audit_database(
        &self,
        audit: &DatabaseAudit,
        deployment: &Deployment,
    ) -> Result<Vec<SourcedRow>, PortError> {
        let mut last = not_published(&audit.database);
        for (_, url) in deployment.urls(&audit.database) {
            match sql::rows(&url, audit).await {
                Ok(rows) => return Ok(rows),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn not_published(endpoint: &Endpoint) -> PortError {
    let Endpoint { component, port, .. } = endpoint;
    PortError(format!(
        "{endpoint} is not published: no replica of {component} has its port {port} on loopback"
    ))
}

/// The whole numbers of a JSON object; whatever else it tells is passed over.
fn counts_in(text: &str) -> Option<BTreeMap<String, u64>> {
    let object: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let counts: BTreeMap<String, u64> =
        object.into_iter().filter_map(|(kind, told)| Some((kind, told.as_u64()?))).collect();
    (!counts.is_empty()).then_some(counts)
}
