//! What a client can conclude from what came back. The rules know nothing of any application: what
//! is accepted and what is expected stands in the workload.
//!
//! | observation | outcome |
//! |---|---|
//! | a status that the request accepts, and, for an order, a state that fits what is expected | ok |
//! | any other answer below 500 | wrong |
//! | name not resolved, connection refused or not made in time | fail: nothing happened |
//! | 429 or 503 with `X-Effect: none` | fail: nothing happened |
//! | 408, 429 or 5xx otherwise; broken off after the connection stood; timeout | unknown |
//!
//! An order's answer promises something ([`Acknowledgement`]): 409 and 422 refuse it. A 2xx says so
//! in the field `state` of its JSON body: `COMPLETED`, `REJECTED`, or a state on the way there,
//! which means that the order is taken. Without that field 202 takes the order and every other 2xx
//! has completed it. `CANCELLED` and `NEEDS_ATTENTION` promise nothing, and are never expected.

use std::borrow::Cow;

use chaos_reports::record::order::{Acknowledgement, Outcome};
use chaos_scenarios::workload::{Expected, RequestTemplate};
use serde::Deserialize;

/// Header field with which a service says that a request certainly had no effect, as `none`.
pub(super) const EFFECT_HEADER: &str = "x-effect";
/// Longest error text that is kept, in characters.
const ERROR_CHARACTERS: usize = 200;

/// What the client saw of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// What is concluded.
    pub(super) outcome: Outcome,
    /// What the answer promised about an order.
    pub(super) acknowledged: Option<Acknowledgement>,
    /// HTTP status, if an answer came.
    pub(super) status: Option<u16>,
    /// What went wrong, in words.
    pub(super) error: Option<String>,
    /// Whether the timeout was hit.
    pub(super) timed_out: bool,
    /// How an order stands, if the answer told that.
    pub(super) told: Option<Told>,
}

/// How an order stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Told {
    /// Such as `CHARGED`.
    pub(super) state: String,
    /// Grows with every change.
    #[serde(default)]
    pub(super) version: Option<i64>,
}

/// An answer that was read to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    /// HTTP status.
    pub(super) status: u16,
    /// Whether it says `X-Effect: none`.
    pub(super) no_effect: bool,
    /// Its body.
    pub(super) body: &'a [u8],
}

/// How a request failed without a whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection was made: nothing can have happened.
    NotConnected,
    /// The time of the request was over.
    TimedOut,
    /// The connection broke, or what came was not HTTP.
    Broken,
}

impl Failure {
    /// What a failure of the client library means.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        if error.is_connect() {
            Self::NotConnected
        } else if error.is_timeout() {
            Self::TimedOut
        } else {
            Self::Broken
        }
    }
}

impl Told {
    /// What an answer tells of an order, if it is one and tells that.
    pub(super) fn of(answer: Answer<'_>) -> Option<Self> {
        (200..300).contains(&answer.status).then(|| serde_json::from_slice(answer.body).ok())?
    }
}

impl Seen {
    /// Concludes from an answer.
    pub(super) fn of_answer(request: &RequestTemplate, answer: Answer<'_>) -> Self {
        let Answer { status, no_effect, .. } = answer;
        let accepted = request.accept.contains(&status);
        let acknowledged = request.ledger.as_ref().and_then(|_| acknowledgement(answer));
        let outcome = match status {
            429 | 503 if no_effect && !accepted => Outcome::Fail,
            408 | 429 | 500.. if !accepted => Outcome::Unknown,
            _ if !accepted => Outcome::Wrong,
            _ => request.ledger.as_ref().map_or(Outcome::Ok, |ledger| {
                if is_expected(ledger.expect, acknowledged) { Outcome::Ok } else { Outcome::Wrong }
            }),
        };
        let error = (outcome != Outcome::Ok).then(|| complaint(request, answer, acknowledged));
        Self { outcome, acknowledged, status: Some(status), error, timed_out: false, told: None }
    }

    /// Concludes from a failure; `status` is known if it struck while the body was read.
    pub(super) fn of_failure(failure: Failure, status: Option<u16>, error: &str) -> Self {
        let outcome = match failure {
            Failure::NotConnected => Outcome::Fail,
            Failure::TimedOut | Failure::Broken => Outcome::Unknown,
        };
        let timed_out = failure == Failure::TimedOut;
        let error = Some(shortened(error));
        Self { outcome, acknowledged: None, status, error, timed_out, told: None }
    }

    /// A request that never left, with the reason.
    pub(super) fn not_sent(reason: &str) -> Self {
        let error = Some(shortened(reason));
        let outcome = Outcome::NotSent;
        Self { outcome, acknowledged: None, status: None, error, timed_out: false, told: None }
    }
}

#[derive(Deserialize)]
struct OrderAnswer<'a> {
    #[serde(borrow)]
    state: Option<State<'a>>,
}

/// Copied only if it is written with escapes: of an optional text itself, serde always makes a copy.
#[derive(Deserialize)]
struct State<'a>(#[serde(borrow)] Cow<'a, str>);

fn acknowledgement(answer: Answer<'_>) -> Option<Acknowledgement> {
    match answer.status {
        409 | 422 => return Some(Acknowledgement::Rejected),
        200..=299 => {}
        _ => return None,
    }
    let state =
        serde_json::from_slice(answer.body).ok().and_then(|told: OrderAnswer<'_>| told.state);
    match state.as_ref().map(|state| state.0.as_ref()) {
        Some("COMPLETED") => Some(Acknowledgement::Completed),
        Some("REJECTED") => Some(Acknowledgement::Rejected),
        Some("CANCELLED" | "NEEDS_ATTENTION") => None,
        None if answer.status != 202 => Some(Acknowledgement::Completed),
        _ => Some(Acknowledgement::Accepted),
    }
}

/// Who only took the order has not yet decided it: that is judged by its final state.
fn is_expected(expected: Expected, acknowledged: Option<Acknowledgement>) -> bool {
    match (acknowledged, expected) {
        (None, _)
        | (Some(Acknowledgement::Completed), Expected::Rejected)
        | (Some(Acknowledgement::Rejected), Expected::Completed) => false,
        (Some(Acknowledgement::Accepted), _)
        | (Some(Acknowledgement::Completed), Expected::Completed | Expected::Either)
        | (Some(Acknowledgement::Rejected), Expected::Rejected | Expected::Either) => true,
    }
}

fn complaint(
    request: &RequestTemplate,
    answer: Answer<'_>,
    acknowledged: Option<Acknowledgement>,
) -> String {
    let body = String::from_utf8_lossy(&answer.body[..answer.body.len().min(ERROR_CHARACTERS)]);
    let promise = match (request.ledger.as_ref(), acknowledged) {
        (Some(ledger), Some(acknowledged)) => {
            format!(", which means {acknowledged:?} where {:?} was expected", ledger.expect)
        }
        _ => String::new(),
    };
    shortened(&format!("HTTP {}{promise}: {}", answer.status, body.trim()))
}

fn shortened(text: &str) -> String {
    text.chars().take(ERROR_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaos_scenarios::quantity::Span;
    use chaos_scenarios::workload::LedgerTemplate;

    fn request(accept: &[u16], expect: Option<Expected>) -> RequestTemplate {
        RequestTemplate {
            class: "order".to_owned(),
            weight: 1.0,
            method: "POST".to_owned(),
            path: "/orders".to_owned(),
            headers: std::collections::BTreeMap::new(),
            body: None,
            accept: accept.to_owned(),
            bound: Span::seconds(1),
            ledger: expect.map(|expect| LedgerTemplate {
                id: "{{uuid}}".to_owned(),
                expect,
                kind: None,
                status_path: None,
            }),
        }
    }

    fn seen(request: &RequestTemplate, status: u16, no_effect: bool, body: &str) -> Seen {
        Seen::of_answer(request, Answer { status, no_effect, body: body.as_bytes() })
    }

    #[test]
    fn requests_that_make_no_order_are_judged_by_their_status() {
        let browse = request(&[200, 404], None);
        let outcome = |status, no_effect| seen(&browse, status, no_effect, "").outcome;
        for status in [200, 404] {
            assert_eq!(outcome(status, false), Outcome::Ok);
        }
        for status in [201, 204, 301, 400, 403, 409, 422] {
            assert_eq!(outcome(status, false), Outcome::Wrong, "{status}");
        }
        for status in [408, 429, 500, 502, 503, 504, 599] {
            assert_eq!(outcome(status, false), Outcome::Unknown, "{status}");
        }
        for status in [429, 503] {
            assert_eq!(outcome(status, true), Outcome::Fail, "{status}");
        }
        assert_eq!(outcome(500, true), Outcome::Unknown, "only 429 and 503 can be certain");
    }

    #[test]
    fn an_order_is_judged_by_what_its_answer_promises() {
        use Acknowledgement::{Accepted, Completed, Rejected};
        use Outcome::{Ok, Wrong};
        let cases = [
            (Expected::Completed, 201, "COMPLETED", Some(Completed), Ok),
            (Expected::Completed, 201, "REJECTED", Some(Rejected), Wrong),
            (Expected::Completed, 202, "ACCEPTED", Some(Accepted), Ok),
            (Expected::Completed, 409, "REJECTED", Some(Rejected), Wrong),
            (Expected::Rejected, 201, "REJECTED", Some(Rejected), Ok),
            (Expected::Rejected, 422, "", Some(Rejected), Ok),
            (Expected::Rejected, 201, "COMPLETED", Some(Completed), Wrong),
            (Expected::Rejected, 202, "ACCEPTED", Some(Accepted), Ok),
            (Expected::Either, 201, "REJECTED", Some(Rejected), Ok),
            (Expected::Either, 201, "COMPLETED", Some(Completed), Ok),
            (Expected::Completed, 201, "CANCELLED", None, Wrong),
            (Expected::Completed, 202, "RESERVED", Some(Accepted), Ok),
        ];
        for (expect, status, state, acknowledged, outcome) in cases {
            let request = request(&[201, 202, 409, 422], Some(expect));
            let seen = seen(&request, status, false, &format!(r#"{{"state":"{state}"}}"#));
            assert_eq!(
                (seen.acknowledged, seen.outcome),
                (acknowledged, outcome),
                "{expect:?} {status} {state}"
            );
        }
    }

    #[test]
    fn an_answer_tells_how_an_order_stands() {
        let told = |status, body: &str| {
            Told::of(Answer { status, no_effect: false, body: body.as_bytes() })
        };
        let state = "CHARGED".to_owned();
        let body = r#"{"state":"CHARGED","reason":null,"version":3}"#;
        let versioned = Told { state: state.clone(), version: Some(3) };
        assert_eq!(told(200, body), Some(versioned));
        assert_eq!(told(200, r#"{"state":"CHARGED"}"#), Some(Told { state, version: None }));
        assert_eq!(told(404, body), None, "an error tells nothing");
        assert_eq!(told(200, "CHARGED"), None);
    }

    #[test]
    fn an_answer_without_a_state_is_read_by_its_status() {
        let order = request(&[200, 201, 202], Some(Expected::Completed));
        let acknowledged = |status| seen(&order, status, false, "thank you").acknowledged;
        assert_eq!(acknowledged(202), Some(Acknowledgement::Accepted));
        assert_eq!(acknowledged(201), Some(Acknowledgement::Completed));
        assert_eq!(acknowledged(404), None);
        let refused = seen(&order, 409, false, "");
        assert_eq!(refused.outcome, Outcome::Wrong, "the status is not accepted");
        assert_eq!(refused.acknowledged, Some(Acknowledgement::Rejected));
    }

    #[test]
    fn only_a_failure_before_the_connection_stood_is_certain() {
        let outcome = |failure| Seen::of_failure(failure, None, "why").outcome;
        assert_eq!(outcome(Failure::NotConnected), Outcome::Fail);
        assert_eq!(outcome(Failure::TimedOut), Outcome::Unknown);
        assert_eq!(outcome(Failure::Broken), Outcome::Unknown);
        assert!(Seen::of_failure(Failure::TimedOut, None, "").timed_out);
    }

    #[test]
    fn an_error_tells_what_came_and_stays_short() {
        let order = request(&[201], Some(Expected::Completed));
        let wrong = seen(&order, 201, false, r#"{"state":"REJECTED","reason":"declined"}"#);
        let error = wrong.error.expect("told");
        assert!(error.contains("Rejected where Completed was expected"), "{error}");
        assert!(error.contains("declined"), "{error}");
        let long = seen(&order, 500, false, &"é".repeat(5_000)).error.expect("told");
        assert!(long.chars().count() <= ERROR_CHARACTERS, "{long}");
        assert!(seen(&order, 201, false, r#"{"state":"COMPLETED"}"#).error.is_none());
    }
}
