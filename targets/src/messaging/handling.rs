//! What handling a message means: its id, its effects and the events that follow in one
//! transaction, so that a message that comes again finds that it was handled.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::BoxFuture;
use uuid::Uuid;

use super::outbox::{Outbox, Pending};
use super::publisher::PublishError;
use super::retry::Failure;
use super::{Context, inbox};
use crate::chaos_switch::{self, Injected, Point};
use crate::domain::event::Event;
use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::Safeguards;
use crate::store::{Database, StoreError, Unit};

/// What an event makes a service do, as the chaos switch calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// A step, or what counts as one.
    Forward(&'static str),
    /// The way back through a step.
    Back(&'static str),
}

/// What a service does about events.
pub(crate) trait Reactor: Send + Sync + 'static {
    /// The events it wants, as routing keys.
    fn routing_keys(&self) -> Vec<String>;

    /// Who has to hear of the events that it tells, each with the routing key.
    fn audience(&self) -> Vec<(Role, String)>;

    /// What it will do about an event; none where it has nothing to do.
    fn work(&self, event: &Event) -> Option<Work>;

    /// Takes the locks that a whole batch needs, before any of its events is worked on.
    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        events: &'a [&'a Event],
    ) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Does what the event asks for and returns the events that follow.
    fn react<'a>(
        &'a self,
        unit: &'a Unit,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Vec<Event>, StepError>>;
}

/// Why an event was not handled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The database failed; it may go well later.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An event could not be published after the commit.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// It was asked for; it may go well later.
    #[error(transparent)]
    Injected(#[from] Injected),
    /// The event makes no sense here; it never will.
    #[error("{0}")]
    Impossible(String),
}

impl StepError {
    /// Whether another attempt can go well.
    pub(super) fn failure(&self) -> Failure {
        match self {
            Self::Store(_) | Self::Publish(_) | Self::Injected(_) => Failure::Transient,
            Self::Impossible(_) => Failure::Permanent,
        }
    }

    /// Whether what follows in the same batch cannot go better: then it need not be tried.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_outage())
    }
}

/// A message that could be read.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// Under which it is known to have been handled.
    pub(crate) id: Uuid,
    /// What it says.
    pub(crate) event: Event,
}

/// What handling asks of the database, of the outbox and of the service itself.
pub(crate) trait Effects: Send + Sync {
    /// A transaction: dropped before its commit it leaves nothing.
    type Unit: Send + Sync;
    /// What has to be published after the commit.
    type Pending: Send;

    /// What the service will do about an event.
    fn work(&self, event: &Event) -> Option<Work>;

    /// Begins a transaction.
    fn begin(&self) -> impl Future<Output = Result<Self::Unit, StoreError>> + Send;

    /// Notes down message ids, and says which of them were not known yet.
    fn note(
        &self,
        unit: &Self::Unit,
        ids: &[Uuid],
    ) -> impl Future<Output = Result<HashSet<Uuid>, StoreError>> + Send;

    /// Does what events ask for, and returns the events that follow.
    fn react(
        &self,
        unit: &Self::Unit,
        events: &[&Event],
    ) -> impl Future<Output = Result<Vec<Event>, StepError>> + Send;

    /// Stores the events that follow, and commits.
    fn commit(
        &self,
        unit: Self::Unit,
        follow: Vec<Event>,
    ) -> impl Future<Output = Result<Self::Pending, StoreError>> + Send;

    /// Publishes what is not published by itself.
    fn dispatch(
        &self,
        pending: Self::Pending,
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
}

/// The effects of a service, in its database.
pub(crate) struct Stored {
    database: Database,
    outbox: Outbox,
    reactor: Arc<dyn Reactor>,
}

impl Effects for Stored {
    type Unit = Unit;
    type Pending = Pending;

    fn work(&self, event: &Event) -> Option<Work> {
        self.reactor.work(event)
    }

    async fn begin(&self) -> Result<Unit, StoreError> {
        self.database.begin().await
    }

    async fn note(&self, unit: &Unit, ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
        inbox::note(unit, ids).await
    }

    async fn react(&self, unit: &Unit, events: &[&Event]) -> Result<Vec<Event>, StepError> {
        self.reactor.prepare(unit, events).await?;
        let mut follow = Vec::with_capacity(events.len());
        for event in events {
            follow.extend(self.reactor.react(unit, event).await?);
        }
        Ok(follow)
    }

    async fn commit(&self, unit: Unit, follow: Vec<Event>) -> Result<Pending, StoreError> {
        let pending = self.outbox.record(&unit, follow).await?;
        unit.commit().await?;
        Ok(pending)
    }

    async fn dispatch(&self, pending: Pending) -> Result<(), PublishError> {
        self.outbox.dispatch(pending).await
    }
}

/// Handles messages for one service.
pub(crate) struct Handling<E = Stored> {
    effects: E,
    safeguards: Safeguards,
    metrics: Metrics,
}

impl Handling {
    pub(super) fn new(context: &Context, outbox: Outbox, reactor: Arc<dyn Reactor>) -> Self {
        let Context { safeguards, metrics, database, .. } = context.clone();
        Self { effects: Stored { database, outbox, reactor }, safeguards, metrics }
    }

    /// The events that the service wants, as routing keys.
    pub(super) fn routing_keys(&self) -> Vec<String> {
        self.effects.reactor.routing_keys()
    }
}

impl<E: Effects> Handling<E> {
    /// Handles a batch of messages in one transaction; those handled before are left out.
    pub(crate) async fn handle(&self, batch: &[&Message]) -> Result<(), StepError> {
        self.pass_before_tx(batch).await?;
        let unit = self.effects.begin().await?;
        let ids: Vec<Uuid> = batch.iter().map(|message| message.id).collect();
        let admitted = inbox::admit(&self.effects, &unit, &ids, self.safeguards).await?;
        let new = batch.iter().zip(&admitted).filter(|(_, new)| **new);
        let events: Vec<&Event> = new.map(|(message, _)| &message.event).collect();
        let follow = self.effects.react(&unit, &events).await?;
        let pending = self.effects.commit(unit, follow).await?;
        self.pass_after_commit(batch).await?;
        let messages = &self.metrics.messages;
        messages.with_label_values(&["handled"]).inc_by(events.len() as u64);
        let duplicates = batch.len() - events.len();
        messages.with_label_values(&["duplicate"]).inc_by(duplicates as u64);
        Ok(self.effects.dispatch(pending).await?)
    }

    async fn pass_before_tx(&self, batch: &[&Message]) -> Result<(), Injected> {
        for message in batch {
            if let Some(Work::Forward(step)) = self.effects.work(&message.event) {
                chaos_switch::reach(step, Point::BeforeTx).await?;
            }
        }
        Ok(())
    }

    async fn pass_after_commit(&self, batch: &[&Message]) -> Result<(), Injected> {
        for message in batch {
            match self.effects.work(&message.event) {
                Some(Work::Forward(step)) => {
                    chaos_switch::reach(step, Point::AfterCommit).await?;
                }
                Some(Work::Back(step)) => {
                    chaos_switch::reach(step, Point::AfterCompensation).await?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod simulation;
