//! Cases as data: what is asked, and what has to come back. They run in turn against each
//! implementation on a database of its own, so that both end in the same state.

use reqwest::Method;
use serde_json::{Value, json};

use crate::service::{Answer, Door, Service};

/// What has to come back.
#[derive(Clone, Debug)]
pub(crate) enum Expected {
    /// Exactly this JSON.
    Json(u16, Value),
    /// Some text that tells the mistake, in the words of the implementation.
    Problem(u16),
    /// This status, whatever the body.
    Status(u16),
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) door: Door,
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
    pub(crate) expected: Expected,
}

/// Calls that belong together.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) calls: Vec<Call>,
}

pub(crate) fn case(name: &'static str, calls: impl Into<Vec<Call>>) -> Case {
    Case { name, calls: calls.into() }
}

/// `POST /steps/<step>` with a body.
pub(crate) fn step(step: &str, body: impl Into<Vec<u8>>, expected: Expected) -> Call {
    let path = format!("/steps/{step}");
    Call { method: Method::POST, door: Door::Public, path, body: body.into(), expected }
}

pub(crate) fn get(door: Door, path: &str, expected: Expected) -> Call {
    Call { method: Method::GET, door, path: path.to_owned(), body: Vec::new(), expected }
}

pub(crate) fn done() -> Expected {
    Expected::Json(200, json!({ "outcome": "done" }))
}

pub(crate) fn refused() -> Expected {
    Expected::Json(200, json!({ "outcome": "refused", "reason": "out_of_stock" }))
}

pub(crate) fn undone() -> Expected {
    Expected::Json(200, json!({ "outcome": "undone" }))
}

/// A mistake that both name in the same words.
pub(crate) fn error(status: u16, text: &str) -> Expected {
    Expected::Json(status, json!({ "error": text }))
}

impl Expected {
    fn check(&self, answer: &Answer) -> Result<(), String> {
        let holds = match self {
            Self::Json(status, value) => answer.status == *status && answer.json() == *value,
            Self::Problem(status) => {
                answer.status == *status && answer.json()["error"].as_str().is_some()
            }
            Self::Status(status) => answer.status == *status,
        };
        if holds && !answer.no_effect {
            return Ok(());
        }
        Err(format!("{self:?} was expected, and this came: {answer:?}"))
    }
}

/// Runs all cases; every failure is told, not only the first. Returns how many passed.
pub(crate) async fn run(service: &Service, cases: &[Case]) -> usize {
    let mut failures = Vec::new();
    for case in cases {
        for (position, call) in case.calls.iter().enumerate() {
            let Call { method, door, path, body, expected } = call.clone();
            let answer = service.send(method, door, &path, body).await;
            if let Err(problem) = expected.check(&answer) {
                let name = case.name;
                failures.push(format!("{name}, call {}, {path}: {problem}", position + 1));
                break;
            }
        }
    }
    assert!(failures.is_empty(), "{} fails:\n{}", service.name, failures.join("\n"));
    cases.len()
}
