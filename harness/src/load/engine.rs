//! The thread in which an engine runs: its runtime serves the load alone and is torn down with it,
//! which ends every request that hangs on.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Work, direct, goose, process, spawn};
use crate::port::PortError;

/// Workers must stand ready within this time.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Requests end at their timeout; what is still open this much later is given up.
const GRACE_AFTER_TIMEOUT: Duration = Duration::from_millis(700);
/// A name lookup that hangs keeps the thread at most this long.
const TEAR_DOWN: Duration = Duration::from_millis(100);
/// The thread ends by itself within grace and tear-down, but on a starved machine it may not be
/// scheduled in time: what it still has to settle is worth waiting for.
const STARVED_LIMIT: Duration = Duration::from_secs(10);

/// Which engine sends the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Goose,
    Direct,
}

impl FromStr for Engine {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        match text {
            "goose" => Ok(Self::Goose),
            "direct" => Ok(Self::Direct),
            other => Err(PortError(format!(
                "`{other}` is no load engine: known are `goose` and `direct`"
            ))),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Goose => "goose",
            Self::Direct => "direct",
        })
    }
}

impl Engine {
    /// Keeps from the engine what it would take of the process.
    pub(super) fn claim_process(self) -> Result<(), PortError> {
        match self {
            Self::Direct => Ok(()),
            Self::Goose => {
                process::claim_log();
                process::claim_signals()
            }
        }
    }
}

/// An engine whose workers stand ready.
pub(super) struct EngineThread {
    stop: CancellationToken,
    ended: oneshot::Receiver<Result<u64, PortError>>,
    /// How long an open request may go on after the stop.
    grace: Duration,
}

impl EngineThread {
    /// Starts the thread and waits until its workers wait for arrivals.
    pub(super) async fn start(engine: Engine, work: Arc<Work>) -> Result<Self, PortError> {
        let grace = work.tally.workload().timeout.duration() + GRACE_AFTER_TIMEOUT;
        let (ready, is_ready) = oneshot::channel();
        let (tell_ended, ended) = oneshot::channel();
        let stop = CancellationToken::new();
        let thread = EngineRun { engine, work, ready, stop: stop.clone(), grace };
        spawn("load", move || {
            // Nobody listens any more if the load was dropped instead of stopped.
            let _ = tell_ended.send(thread.run());
        })?;
        let mut this = Self { stop, ended, grace };
        match timeout(START_LIMIT, is_ready).await {
            Ok(Ok(())) => Ok(this),
            Ok(Err(_)) => Err(this.end().await.err().unwrap_or_else(|| too_late(engine))),
            Err(_) => Err(too_late(engine)),
        }
    }

    /// Stops the engine; returns the number of requests that it counted, once none is open.
    pub(super) async fn end(&mut self) -> Result<u64, PortError> {
        self.stop.cancel();
        let limit = self.grace + TEAR_DOWN + STARVED_LIMIT;
        match timeout(limit, &mut self.ended).await {
            Ok(Ok(counted)) => counted,
            _ => Err(PortError("the load engine did not end; its count is not known".to_owned())),
        }
    }
}

impl Drop for EngineThread {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn too_late(engine: Engine) -> PortError {
    PortError(format!(
        "the workers of the load engine {engine} did not start within {START_LIMIT:?}; try fewer \
         users (a lower --rate or a shorter timeout)"
    ))
}

struct EngineRun {
    engine: Engine,
    work: Arc<Work>,
    ready: oneshot::Sender<()>,
    stop: CancellationToken,
    grace: Duration,
}

impl EngineRun {
    fn run(self) -> Result<u64, PortError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime: Runtime = runtime
            .map_err(|error| PortError(format!("the load's runtime cannot start: {error}")))?;
        let counted = runtime.block_on(self.drive());
        // Ends every task, and with it every arrival that is still open.
        runtime.shutdown_timeout(TEAR_DOWN);
        counted
    }

    async fn drive(self) -> Result<u64, PortError> {
        let Self { engine, work, ready, stop, grace } = self;
        let ready = || {
            // Nobody waits any more if the workers came too late.
            let _ = ready.send(());
        };
        let driving = async {
            match engine {
                // An attack of goose is a large value.
                Engine::Goose => Box::pin(goose::drive(&work, ready, &stop)).await,
                Engine::Direct => direct::drive(&work, ready).await,
            }
        };
        let given_up = async {
            stop.cancelled().await;
            work.queue.close();
            sleep(grace).await;
        };
        tokio::select! {
            counted = driving => counted,
            () = given_up => Err(PortError(format!(
                "requests were still open {grace:?} after the load was stopped; they count as unknown"
            ))),
        }
    }
}
