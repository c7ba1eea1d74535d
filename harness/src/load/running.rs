//! A load that runs, and how it comes to its end: arrivals stop, open requests get their time,
//! everything is told and written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use chaos_reports::record::event::Event;
use tokio::time::sleep;

use super::Work;
use super::engine::EngineThread;
use super::ledger::LedgerWriter;
use crate::port::{Load, PortError};
use crate::recorder::Recorder;

/// Arrivals that are already due get this long to be taken by a worker.
const QUEUE_LIMIT: Duration = Duration::from_millis(100);
const QUEUE_INTERVAL: Duration = Duration::from_millis(5);

/// A running load. Dropping it ends it too, without waiting and without telling the end.
pub struct RunningLoad {
    pub(super) work: Arc<Work>,
    pub(super) recorder: Recorder,
    pub(super) stop_pacer: Arc<AtomicBool>,
    pub(super) end_reporter: mpsc::Sender<()>,
    pub(super) pacer: Option<JoinHandle<()>>,
    pub(super) reporter: Option<JoinHandle<()>>,
    pub(super) engine: Option<EngineThread>,
    pub(super) ledger: Option<LedgerWriter>,
}

impl Load for RunningLoad {
    async fn stop(mut self) -> Result<(), PortError> {
        self.stop_pacer.store(true, Ordering::Relaxed);
        join(self.pacer.take()).await?;
        self.drain_queue().await;
        let engine = self.engine.take();
        let counted = match engine {
            Some(mut engine) => engine.end().await,
            None => Ok(0),
        };
        // Nobody listens only if the reporter is gone, which joining it tells.
        let _ = self.end_reporter.send(());
        join(self.reporter.take()).await?;
        let panics = self.work.tally.panics();
        let engine_requests = counted.unwrap_or_else(|error| {
            self.recorder.emit(Event::Note { text: error.to_string() });
            0
        });
        self.recorder.emit(Event::LoadEnded { engine_requests, panics });
        self.finish_ledger().await
    }

    fn orders_in_flight(&self) -> u64 {
        self.work.tally.orders_in_flight()
    }
}

impl RunningLoad {
    async fn drain_queue(&self) {
        let mut waited = Duration::ZERO;
        while !self.work.queue.is_empty() && waited < QUEUE_LIMIT {
            sleep(QUEUE_INTERVAL).await;
            waited += QUEUE_INTERVAL;
        }
    }

    async fn finish_ledger(&mut self) -> Result<(), PortError> {
        let Some(ledger) = self.ledger.take() else { return Ok(()) };
        let written = blocking(move || ledger.finish()).await?;
        written.map_err(|error| PortError(error.to_string()))
    }
}

impl Drop for RunningLoad {
    fn drop(&mut self) {
        self.stop_pacer.store(true, Ordering::Relaxed);
    }
}

async fn join(thread: Option<JoinHandle<()>>) -> Result<(), PortError> {
    let Some(thread) = thread else { return Ok(()) };
    let name = thread.thread().name().unwrap_or("thread").to_owned();
    let ended = blocking(move || thread.join()).await?;
    ended.map_err(|_| PortError(format!("the {name} of the load panicked; please report it")))
}

async fn blocking<T: Send + 'static>(
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PortError> {
    let task = tokio::task::spawn_blocking(body).await;
    task.map_err(|error| PortError(format!("the load could not be waited for: {error}")))
}
