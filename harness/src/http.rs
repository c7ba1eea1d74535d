//! What every HTTP client of the harness has in common: it talks to loopback, as it is told and
//! once, and reads no more than it asked for.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Response};

/// A connection that is not made by then counts as not made: a machine that is gone answers only
/// after seconds.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// A client without retries, redirects, proxies or cookies, for addresses that begin like `url`.
pub(crate) fn client(url: &str) -> ClientBuilder {
    let builder = Client::builder()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .no_gzip()
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT);
    // Where no certificate will be looked at, the client must also start on a system without any.
    if url.starts_with("https:") { builder } else { builder.tls_certs_only(std::iter::empty()) }
}

/// Why a body could not be read to its end.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// It is longer than the given number of bytes.
    TooLong(usize),
    /// The connection broke or the time was over.
    Broken(reqwest::Error),
}

impl BodyError {
    /// In words.
    pub(crate) fn told(self) -> String {
        match self {
            Self::TooLong(limit) => format!("the body is longer than {limit} bytes"),
            Self::Broken(error) => told(error),
        }
    }
}

/// Reads a body to its end, which also frees the connection for the next request.
pub(crate) async fn body(response: &mut Response, limit: usize) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        if body.len() + chunk.len() > limit {
            return Err(BodyError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The chain of causes in one line, without the address, which every line would repeat.
pub(crate) fn told(error: reqwest::Error) -> String {
    chain(&error.without_url())
}

/// An error with the chain of its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
