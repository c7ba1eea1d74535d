//! Keeps a connection to the broker: connect, work, and after any error drop the connection and
//! start again. A client library that repairs a connection in place leaves it unclear which
//! confirmations and acknowledgements still hold; a new connection has none.

use std::future::Future;
use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::log;

/// Shortest and longest pause between two attempts, in milliseconds: spread evenly, so that
/// services that lost the broker together do not come back together.
const PAUSE_MILLIS: std::ops::RangeInclusive<u64> = 100..=1_000;
/// Longest time for a connection to be opened and logged in: a paused broker accepts connections
/// and never says a word.
const CONNECT_DEADLINE: Duration = Duration::from_secs(2);
/// Seconds after which a silent peer counts as gone.
const HEARTBEAT_SECONDS: u16 = 5;

/// Where the broker is, with the settings of a connection.
#[derive(Clone)]
pub(super) struct AmqpUrl(String);

impl AmqpUrl {
    /// Adds the heartbeat to a plain URL.
    pub(super) fn new(url: &str) -> Self {
        let separator = if url.contains('?') { '&' } else { '?' };
        Self(format!("{url}{separator}heartbeat={HEARTBEAT_SECONDS}"))
    }
}

/// Why work on a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The connection or a channel failed.
    #[error("{0}")]
    Lost(#[from] lapin::Error),
    /// The broker did not answer in time.
    #[error("the broker did not answer within {0:?}")]
    Silent(Duration),
    /// A part of this process asked for a fresh connection.
    #[error("{0}")]
    GaveUp(String),
}

/// Work on one connection.
pub(super) trait Session: Send + Sync + 'static {
    /// What the connection is for, in logs.
    const PURPOSE: &'static str;

    /// Works until the connection fails (an error) or `stop` (no error).
    fn run(
        &self,
        connection: Connection,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<(), SessionError>> + Send;
}

/// Runs sessions one after the other until `stop`.
pub(super) async fn supervise<S: Session>(session: S, url: AmqpUrl, stop: CancellationToken) {
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        let result = match connect(&url).await {
            Ok(connection) => {
                let (purpose, after) = (&S::PURPOSE, std::mem::take(&mut failures));
                log::event("broker connected", &[("purpose", purpose), ("failures", &after)]);
                session.run(connection, &stop).await
            }
            Err(error) => Err(error),
        };
        let Err(error) = result else { continue };
        // An outage is two lines: when it began and when it ended.
        if failures == 0 {
            log::event("broker connection lost", &[("purpose", &S::PURPOSE), ("error", &error)]);
        }
        failures = failures.saturating_add(1);
        let pause = Duration::from_millis(fastrand::u64(PAUSE_MILLIS));
        tokio::select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
}

async fn connect(url: &AmqpUrl) -> Result<Connection, SessionError> {
    let connecting = Connection::connect(&url.0, ConnectionProperties::default());
    match timeout(CONNECT_DEADLINE, connecting).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(SessionError::Silent(CONNECT_DEADLINE)),
    }
}

#[cfg(test)]
mod tests {
    use super::AmqpUrl;

    #[test]
    fn the_heartbeat_is_added_to_any_url() {
        assert_eq!(AmqpUrl::new("amqp://b:5672/%2f").0, "amqp://b:5672/%2f?heartbeat=5");
        assert_eq!(AmqpUrl::new("amqp://b/?frame_max=9").0, "amqp://b/?frame_max=9&heartbeat=5");
    }
}
