//! Events are stored in the transaction of the change that they tell of, and a relay publishes
//! them from there: neither can exist without the other, whatever dies in between.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Context;
use super::message::Outgoing;
use super::publisher::{CONFIRM_DEADLINE, Publish, PublishError, Publisher};
use crate::chaos_switch::{self, Injected, Point};
use crate::domain::event::Event;
use crate::log::{self, now_micros};
use crate::mutant::{self, Mutant};
use crate::safeguard::{Safeguard, Safeguards};
use crate::store::{Database, StoreError, Unit};

/// What the chaos switch calls publishing.
pub(super) const STEP: &str = "outbox";
/// Events that are published and confirmed together.
const WINDOW: i64 = 100;
/// The relay is woken by commits of this process; it looks by itself for what others left behind.
const POLL: Duration = Duration::from_millis(500);
/// Longest duration of publishing one window.
const WINDOW_DEADLINE: Duration = Duration::from_secs(2 * CONFIRM_DEADLINE.as_secs());

/// Where handlers put their events.
#[derive(Clone)]
pub(crate) struct Outbox {
    safeguards: Safeguards,
    publisher: Publisher,
    wake: Arc<Notify>,
}

/// Events of a transaction, to be handed back after its commit.
#[must_use = "events must be dispatched after the commit"]
pub(crate) struct Pending(Vec<Event>);

/// An event that is stored and not published yet.
pub(super) struct Stored {
    id: i64,
    message: Outgoing,
}

/// Where the relay finds events.
pub(super) trait OutboxStore: Send + Sync {
    /// Some events that nobody else publishes meanwhile: until it is closed or dropped.
    type Window: Send;

    /// Takes the oldest events, up to a window.
    fn open(&self) -> impl Future<Output = Result<(Self::Window, Vec<Stored>), RelayError>> + Send;

    /// Notes down which of them were sent, and gives back the others.
    fn close(
        &self,
        window: Self::Window,
        sent: &[i64],
    ) -> impl Future<Output = Result<(), RelayError>> + Send;
}

impl OutboxStore for Database {
    type Window = Unit;

    async fn open(&self) -> Result<(Unit, Vec<Stored>), RelayError> {
        let unit = self.begin_for(WINDOW_DEADLINE).await?;
        let rows = unit
            .rows(
                "SELECT id, message_id, event FROM outbox WHERE sent_at IS NULL
                 ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
                &[&WINDOW],
            )
            .await?;
        let mut stored = Vec::with_capacity(rows.len());
        for row in &rows {
            let event: Event = serde_json::from_str(row.get("event"))?;
            let message = Outgoing::event(&event, row.get("message_id"));
            stored.push(Stored { id: row.get("id"), message });
        }
        Ok((unit, stored))
    }

    async fn close(&self, window: Unit, sent: &[i64]) -> Result<(), RelayError> {
        if !sent.is_empty() {
            let sql = "UPDATE outbox SET sent_at = $2 WHERE id = ANY ($1)";
            window.execute(sql, &[&sent, &now_micros()]).await?;
        }
        Ok(window.commit().await?)
    }
}

/// Publishes what is stored.
pub(super) struct Relay<S, P> {
    store: S,
    publisher: P,
    wake: Arc<Notify>,
}

/// The outbox and its relay.
pub(super) fn new(context: &Context, publisher: Publisher) -> (Outbox, Relay<Database, Publisher>) {
    let wake = Arc::new(Notify::new());
    let outbox =
        Outbox { safeguards: context.safeguards, publisher: publisher.clone(), wake: wake.clone() };
    (outbox, Relay { store: context.database.clone(), publisher, wake })
}

impl Outbox {
    /// Stores events in the transaction; without the safeguard they only wait in memory.
    pub(crate) async fn record(
        &self,
        unit: &Unit,
        events: Vec<Event>,
    ) -> Result<Pending, StoreError> {
        if !self.safeguards.has(Safeguard::Outbox) || events.is_empty() {
            return Ok(Pending(events));
        }
        if mutant::strikes(Mutant::SwallowEvent) {
            return Ok(Pending(Vec::new()));
        }
        let ids: Vec<Uuid> = events.iter().map(Event::message_id).collect();
        let texts: Vec<String> = events
            .iter()
            .map(|event| serde_json::to_string(event).expect("an event has only text keys"))
            .collect();
        let sql =
            "INSERT INTO outbox (message_id, event) SELECT * FROM unnest($1::uuid[], $2::text[])";
        unit.execute(sql, &[&ids, &texts]).await?;
        Ok(Pending(Vec::new()))
    }

    /// After the commit: wakes the relay, and publishes what is not stored.
    pub(crate) async fn dispatch(&self, pending: Pending) -> Result<(), PublishError> {
        if pending.0.is_empty() {
            self.wake.notify_one();
            return Ok(());
        }
        let messages: Vec<Outgoing> =
            pending.0.iter().map(|event| Outgoing::event(event, event.message_id())).collect();
        self.publisher.publish(&messages).await.into_iter().collect()
    }
}

/// The number of events that are stored and not published yet.
pub(super) async fn count_unsent(database: &Database) -> Result<i64, StoreError> {
    let rows = database.rows("SELECT count(*) FROM outbox WHERE sent_at IS NULL", &[]).await?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

impl<S: OutboxStore, P: Publish> Relay<S, P> {
    /// Publishes window after window until `stop`, and once more then: what is left after that is
    /// published by the next process.
    pub(super) async fn run(self, stop: CancellationToken) {
        self.keep_publishing(&stop).await;
        if let Err(error) = self.window().await {
            log::event("outbox not published at the end", &[("error", &error)]);
        }
    }

    async fn keep_publishing(&self, stop: &CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            tokio::select! {
                () = self.publisher.ready() => {}
                () = stop.cancelled() => return,
            }
            let more = match self.window().await {
                Ok(more) => more,
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        log::event("outbox not published", &[("error", &error)]);
                    }
                    sleep(POLL).await;
                    continue;
                }
            };
            failing = false;
            if !more {
                let woken = async { timeout(POLL, self.wake.notified()).await.is_ok() };
                tokio::select! {
                    _ = woken => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }

    /// Publishes one window; says whether more may be waiting.
    async fn window(&self) -> Result<bool, RelayError> {
        let (window, stored) = self.store.open().await?;
        let messages: Vec<Outgoing> = stored.iter().map(|event| event.message.clone()).collect();
        let all: Vec<i64> = stored.iter().map(|event| event.id).collect();
        if mutant::is_planted(Mutant::MarkSentFirst) {
            self.store.close(window, &all).await?;
            self.publisher.publish(&messages).await;
            return Ok(false);
        }
        let results = self.publisher.publish(&messages).await;
        let arrived = all.iter().zip(&results).filter(|(_, result)| result.is_ok());
        let sent: Vec<i64> = arrived.map(|(id, _)| *id).collect();
        if !sent.is_empty() {
            chaos_switch::reach(STEP, Point::AfterConfirm).await?;
        }
        self.store.close(window, &sent).await?;
        match results.into_iter().find_map(Result::err) {
            Some(error) => Err(error.into()),
            None => Ok(i64::try_from(stored.len()) == Ok(WINDOW)),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Injected(#[from] Injected),
    #[error("a stored event cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// What a relay would publish now; it counts as published from then on.
#[cfg(test)]
pub(crate) async fn take_unsent(database: &Database) -> Vec<Event> {
    let sql = "UPDATE outbox SET sent_at = 1 WHERE sent_at IS NULL RETURNING event";
    let rows = database.rows(sql, &[]).await.expect("the outbox can be read");
    rows.iter().map(|row| serde_json::from_str(row.get(0)).expect("it holds events")).collect()
}

#[cfg(test)]
mod simulation;
