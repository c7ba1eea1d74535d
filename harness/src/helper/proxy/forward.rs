//! Passes HTTP on: the request as it came, apart from what concerns one connection alone.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderMap, HeaderName};
use hyper::{Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::answer::{Answer, Own, own};
use super::switch::{Switch, Trouble};

/// A connection that is not made by then is not made.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// A replica that has not begun to answer by then will not: clients give up long before.
const ANSWER_LIMIT: Duration = Duration::from_secs(120);
/// The longest body that is passed on, bytes; it streams, and is never held.
const LONGEST_BODY: usize = 256 << 20;
/// Connections that are kept open without use.
const IDLE_CONNECTIONS: usize = 64;
/// How long they are kept: shorter than any server keeps them, so that none closes under a request.
const IDLE_LIMIT: Duration = Duration::from_secs(1);
/// What concerns one connection alone, besides what `Connection` names.
const HOP_BY_HOP: [&str; 8] = [
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// One HTTP port of the replica.
pub(super) struct Forward {
    port: u16,
    /// `host:port` of the replica.
    upstream: String,
    switch: Arc<Switch>,
    client: Client<HttpConnector, Limited<Incoming>>,
}

impl Forward {
    pub(super) fn new(port: u16, upstream: &str, switch: Arc<Switch>) -> Self {
        Self::to(port, format!("{upstream}:{port}"), switch)
    }

    /// The same for a replica that listens on another port, as in tests.
    pub(super) fn to(port: u16, upstream: String, switch: Arc<Switch>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_LIMIT));
        connector.set_nodelay(true);
        let mut builder = Client::builder(TokioExecutor::new());
        builder
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .pool_idle_timeout(IDLE_LIMIT);
        Self { port, upstream, switch, client: builder.build(connector) }
    }

    /// What becomes of a request: trouble, if some was ordered, or what the replica says.
    pub(super) async fn pass(&self, request: Request<Incoming>) -> Answer {
        match self.switch.meets(self.port, request.uri().path()) {
            Some(Trouble::Status(status)) => {
                return own(status, Own::Fault, "this failure was asked for");
            }
            Some(Trouble::Delay(delay)) => tokio::time::sleep(delay).await,
            None => {}
        }
        match self.send(request).await {
            Ok(answer) => answer,
            Err(refusal) => refusal,
        }
    }

    async fn send(&self, request: Request<Incoming>) -> Result<Answer, Answer> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri: Result<Uri, _> = format!("http://{}{path}", self.upstream).parse();
        let refuse = |error: &dyn std::fmt::Display| {
            own(StatusCode::BAD_REQUEST, Own::Refused, &error.to_string())
        };
        head.uri = uri.map_err(|error| refuse(&error))?;
        head.version = hyper::Version::HTTP_11;
        strip(&mut head.headers);
        let request = Request::from_parts(head, Limited::new(body, LONGEST_BODY));
        let answer = tokio::time::timeout(ANSWER_LIMIT, self.client.request(request)).await;
        let answer = answer.map_err(|_| {
            let said = format!("the replica did not answer within {} s", ANSWER_LIMIT.as_secs());
            own(StatusCode::GATEWAY_TIMEOUT, Own::Unanswered, &said)
        })?;
        let (mut head, body) = answer.map_err(|error| failed(&error))?.into_parts();
        head.version = hyper::Version::HTTP_11;
        strip(&mut head.headers);
        Ok(Answer::from_parts(head, Limited::new(body, LONGEST_BODY).boxed_unsync()))
    }
}

/// Why there is no answer of the replica.
fn failed(error: &hyper_util::client::legacy::Error) -> Answer {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |it| it.source());
    let said = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let why = if error.is_connect() { Own::Unreachable } else { Own::Unanswered };
    own(StatusCode::BAD_GATEWAY, why, &said)
}

/// Removes what concerns one connection alone.
fn strip(headers: &mut HeaderMap) {
    let named = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<HeaderName> = named
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    headers.remove(CONNECTION);
    named.into_iter().for_each(|name| drop(headers.remove(name)));
    HOP_BY_HOP.into_iter().for_each(|name| drop(headers.remove(name)));
}
