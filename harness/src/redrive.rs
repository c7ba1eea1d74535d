//! Asks an application to send its dead letters again: a step of a scenario and `chaos redrive` do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::http;

/// Bound of one request: every letter is published, and confirmed, before the answer.
const LIMIT: Duration = Duration::from_secs(30);
/// Longest answer that is read, bytes.
const LONGEST: usize = 64 << 10;

/// What an application answers: numbers of letters.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Sent again.
    pub(crate) redriven: u64,
    /// Left where they were.
    #[serde(default)]
    pub(crate) refused: u64,
}

/// Asks at the address of a redrive endpoint; or why it was not done.
pub(crate) async fn ask(url: &str) -> Result<Answer, String> {
    let client = http::client(url).timeout(LIMIT).build().map_err(http::told)?;
    let mut response = client.post(url).send().await.map_err(http::told)?;
    let status = response.status();
    let body = http::body(&mut response, LONGEST).await;
    if !status.is_success() {
        let said = body.unwrap_or_default();
        return Err(format!("{status} {}", String::from_utf8_lossy(&said)));
    }
    let body = body.map_err(http::BodyError::told)?;
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}
