//! One order that nobody counts, followed to its final state: the proof that a target as a whole
//! can work, which no part of it can give.

use std::time::Duration;

use chaos_scenarios::plan::Plan;
use chaos_scenarios::workload::{Expected, Request};
use reqwest::Method;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{ANSWER_BYTES, HttpAuditor};
use crate::http;
use crate::port::PortError;

/// How long one answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between two looks at its state.
const POLL: Duration = Duration::from_millis(20);
/// A canary that is not final by then is given up, and another may be tried.
const FINAL_LIMIT: Duration = Duration::from_secs(15);
/// States that an order never leaves.
const FINAL_STATES: [&str; 3] = ["COMPLETED", "REJECTED", "CANCELLED"];

#[derive(Deserialize)]
struct OrderState {
    state: String,
}

impl HttpAuditor {
    /// Sends a canary and waits until its state is final; that state must be an expected one.
    pub(super) async fn see_through(
        &self,
        plan: &Plan,
        entry: &str,
        request: &Request,
    ) -> Result<String, PortError> {
        let workload = plan.load.workload.compile().map_err(|e| PortError(e.to_string()))?;
        let accept = &plan.load.workload.requests[request.template].accept;
        let begun = Instant::now();
        self.send(entry, request, accept).await?;
        let order = request.ledger.as_ref();
        let path = order.and_then(|order| workload.status_path(request.template, &order.id));
        let (Some(order), Some(path)) = (order, path) else {
            return Ok("accepted; its state cannot be asked".to_owned());
        };
        let state = self.final_state(&format!("{entry}{path}")).await?;
        let id = &order.id;
        if is_expected(order.expect, &state) {
            let taken = begun.elapsed().as_millis();
            return Ok(format!("order {id} is {state} after {taken} ms"));
        }
        Err(PortError(format!("order {id} ended {state}, but {:?} is expected", order.expect)))
    }

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
        let mut answer = answer.map_err(|error| PortError(http::told(error)))?;
        let status = answer.status().as_u16();
        let body = http::body(&mut answer, ANSWER_BYTES).await;
        body.map_err(|error| PortError(error.told()))?;
        if accept.contains(&status) {
            return Ok(());
        }
        Err(PortError(format!("it was answered with HTTP {status}")))
    }

    async fn final_state(&self, url: &str) -> Result<String, PortError> {
        let mut last = "it was never told".to_owned();
        let begun = Instant::now();
        while begun.elapsed() < FINAL_LIMIT {
            match self.text(url, ANSWER_TIMEOUT).await {
                Ok(text) => {
                    let told: OrderState = serde_json::from_str(&text)
                        .map_err(|error| PortError(format!("its state cannot be read: {error}")))?;
                    if FINAL_STATES.contains(&told.state.as_str()) {
                        return Ok(told.state);
                    }
                    last = told.state;
                }
                // It may not be known everywhere yet.
                Err(error) => last = error.to_string(),
            }
            sleep(POLL).await;
        }
        Err(PortError(format!("not final after {} s; last: {last}", FINAL_LIMIT.as_secs())))
    }
}

fn is_expected(expected: Expected, state: &str) -> bool {
    match expected {
        Expected::Completed => state == "COMPLETED",
        Expected::Rejected => state == "REJECTED",
        Expected::Either => state != "CANCELLED",
    }
}
