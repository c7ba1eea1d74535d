//! Messages between services, over RabbitMQ.
//!
//! Publishing and consuming use separate connections, because a broker that is short of memory
//! stops reading from publishers. Each connection has a supervisor that connects, works, and on any
//! error drops the connection and starts again: nothing is recovered in place, so nothing of
//! unknown state is left.

mod consumer;
mod dead_letter;
mod depth;
mod handling;
mod inbox;
mod link;
mod message;
mod outbox;
mod probe;
mod publisher;
mod retry;
mod supervisor;
mod topology;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use handling::{Reactor, StepError, Work};
pub(crate) use outbox::Outbox;

use crate::backlog::{Backlog, DeadLetter, Redriven};
use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::Safeguards;
use crate::store::{Database, StoreError};
use consumer::Consumer;
use depth::DepthGauge;
use handling::Handling;
use link::Link;
use publisher::Publisher;
use supervisor::{AmqpUrl, supervise};

/// What every part of the messaging of one service needs to know.
#[derive(Clone)]
struct Context {
    role: Role,
    safeguards: Safeguards,
    metrics: Metrics,
    database: Database,
}

/// The messaging of one service.
#[derive(Clone)]
pub(crate) struct Broker {
    role: Role,
    database: Database,
    link: Link,
    publisher: Publisher,
    depth: DepthGauge,
    consuming: Arc<AtomicBool>,
}

/// Something that needs the broker failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    /// There is no connection at the moment.
    #[error("not connected to the broker")]
    NotConnected,
    /// The broker or the connection refused.
    #[error("the broker refused: {0}")]
    Refused(#[from] lapin::Error),
    /// A message could not be published.
    #[error(transparent)]
    Publish(#[from] publisher::PublishError),
}

impl Broker {
    /// Starts the connections, the relay of the outbox and the consumer, and keeps them going
    /// until `stop`.
    pub(crate) fn start(
        (role, safeguards): (Role, Safeguards),
        (database, metrics): (Database, Metrics),
        url: &str,
        reactor: Arc<dyn Reactor>,
        (stop, tasks): (&CancellationToken, &TaskTracker),
    ) -> (Self, Outbox) {
        let context = Context { role, safeguards, metrics, database };
        let url = AmqpUrl::new(url);
        let (publishing, link) = link::publishing(&context, reactor.audience());
        let publisher = Publisher::new(&context, link.clone());
        let (outbox, relay) = outbox::new(&context, publisher.clone());
        let consuming = Arc::new(AtomicBool::new(false));
        let handling = Handling::new(&context, outbox.clone(), reactor);
        let consumer = Consumer::new(&context, publisher.clone(), handling, consuming.clone());
        tasks.spawn(supervise(publishing, url.clone(), stop.clone()));
        tasks.spawn(supervise(consumer, url, stop.clone()));
        tasks.spawn(relay.run(stop.clone()));
        let depth = DepthGauge::new(&context, link.clone());
        let database = context.database;
        (Self { role, database, link, publisher, depth, consuming }, outbox)
    }

    /// Whether messages really pass: the consumer runs, and a message published to a private queue
    /// is confirmed and comes back.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        if !self.consuming.load(Ordering::Relaxed) {
            return Err("the consumer is not running".into());
        }
        probe::round_trip(&self.link).await.map_err(|error| error.to_string())
    }
}

impl Backlog for Broker {
    fn pending(&self) -> BoxFuture<'_, Result<Map<String, Value>, StoreError>> {
        Box::pin(async {
            let depths = self.depth.read().await;
            let unsent = outbox::count_unsent(&self.database).await?;
            let mut counts = Map::new();
            counts.insert("outbox".into(), unsent.into());
            counts.insert("retry".into(), depths.retry.into());
            counts.insert("dead".into(), depths.dead.into());
            counts.insert("ready".into(), depths.ready.into());
            counts.insert("unacked".into(), depths.unacked.into());
            counts.insert("broker_reachable".into(), depths.broker_reachable.into());
            Ok(counts)
        })
    }

    fn dead(&self) -> BoxFuture<'_, Result<Vec<DeadLetter>, String>> {
        Box::pin(async {
            let letters = dead_letter::list(&self.link, self.role).await;
            letters.map_err(|error| error.to_string())
        })
    }

    fn redrive(&self) -> BoxFuture<'_, Result<Redriven, String>> {
        Box::pin(async {
            let redriven = dead_letter::redrive(&self.link, &self.publisher, self.role).await;
            redriven.map_err(|error| error.to_string())
        })
    }
}

/// The handling of one service without any connection: what it would publish stays in its outbox.
#[cfg(test)]
pub(crate) mod offline {
    use super::{Arc, Context, Database, Metrics, Publisher, Reactor, Role, Safeguards};
    use super::{Outbox, link, outbox};

    pub(crate) use super::handling::{Handling, Message};
    pub(crate) use super::outbox::take_unsent;

    pub(crate) fn handling(
        (role, safeguards): (Role, Safeguards),
        database: Database,
        reactor: Arc<dyn Reactor>,
    ) -> (Handling, Outbox) {
        let context = Context { role, safeguards, metrics: Metrics::new(), database };
        let (_, link) = link::publishing(&context, Vec::new());
        let (outbox, _) = outbox::new(&context, Publisher::new(&context, link));
        (Handling::new(&context, outbox.clone(), reactor), outbox)
    }
}
