//! What the proxy itself says, and how it is told from what the replica says.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

/// Why a body broke off.
pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// An answer, of the proxy or of the replica.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, BodyError>>;

/// On every answer that is the proxy's own, with the reason.
pub(super) const OWN: HeaderName = HeaderName::from_static("x-chaos-proxy");
/// On those that come before anything was passed on: certainly nothing was done.
const EFFECT: HeaderName = HeaderName::from_static("x-effect");

/// Why the proxy answers in the place of the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// A fault asked for it.
    Fault,
    /// Nobody listens at the replica.
    Unreachable,
    /// The replica took the request and did not answer it.
    Unanswered,
    /// It does not make sense.
    Refused,
}

impl Own {
    fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Unreachable => "unreachable",
            Self::Unanswered => "unanswered",
            Self::Refused => "refused",
        }
    }
}

/// An answer of the proxy's own.
pub(super) fn own(status: StatusCode, why: Own, said: &str) -> Answer {
    let mut answer = json(status, &json!({ "error": said }));
    let headers = answer.headers_mut();
    headers.insert(OWN, HeaderValue::from_static(why.name()));
    if why != Own::Unanswered {
        headers.insert(EFFECT, HeaderValue::from_static("none"));
    }
    answer
}

/// A JSON object.
pub(super) fn json(status: StatusCode, told: &serde_json::Value) -> Answer {
    let body = Full::new(Bytes::from(told.to_string())).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
