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

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use dead_letter::{DeadLetter, Redriven};
pub(crate) use depth::Depths;
pub(crate) use handling::{Reactor, StepError};
pub(crate) use outbox::{Outbox, count_unsent};

use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::Safeguards;
use crate::store::Database;
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
        let (publishing, link) = link::publishing(&context);
        let publisher = Publisher::new(&context, link.clone());
        let (outbox, relay) = outbox::new(&context, publisher.clone());
        let consuming = Arc::new(AtomicBool::new(false));
        let handling = Handling::new(&context, outbox.clone(), reactor);
        let consumer = Consumer::new(&context, publisher.clone(), handling, consuming.clone());
        tasks.spawn(supervise(publishing, url.clone(), stop.clone()));
        tasks.spawn(supervise(consumer, url, stop.clone()));
        tasks.spawn(relay.run(stop.clone()));
        let depth = DepthGauge::new(&context, link.clone());
        (Self { role, link, publisher, depth, consuming }, outbox)
    }

    /// Whether messages really pass: the consumer runs, and a message published to a private queue
    /// is confirmed and comes back.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        if !self.consuming.load(Ordering::Relaxed) {
            return Err("the consumer is not running".into());
        }
        probe::round_trip(&self.link).await.map_err(|error| error.to_string())
    }

    /// How many messages wait in the queues of this service.
    pub(crate) async fn depths(&self) -> Depths {
        self.depth.read().await
    }

    /// The messages that this service has given up, left where they are.
    pub(crate) async fn dead_letters(&self) -> Result<Vec<DeadLetter>, BrokerError> {
        dead_letter::list(&self.link, self.role).await
    }

    /// Sends the messages that this service has given up through it once more.
    pub(crate) async fn redrive(&self) -> Result<Redriven, BrokerError> {
        dead_letter::redrive(&self.link, &self.publisher, self.role).await
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
        let (_, link) = link::publishing(&context);
        let (outbox, _) = outbox::new(&context, Publisher::new(&context, link));
        (Handling::new(&context, outbox.clone(), reactor), outbox)
    }
}
