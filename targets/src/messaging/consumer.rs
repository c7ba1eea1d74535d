//! Taking messages: everything that has arrived is handled in one transaction, together with the
//! ids of the messages and the events that follow, and acknowledged after the commit.
//!
//! When a batch fails its messages are handled one by one, so that only the bad one is retried.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use prometheus::IntGauge;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::handling::{Handling, Message, StepError};
use super::message::{History, Outgoing, message_id};
use super::publisher::Publisher;
use super::retry::{Failure, Next};
use super::supervisor::{Session, SessionError};
use super::{Context, retry, topology};
use crate::domain::event::Event;
use crate::log;
use crate::mutant::{self, Mutant};

/// Messages that the broker may send ahead of their acknowledgement.
const PREFETCH: u16 = 64;
/// Messages handled in one transaction.
const BATCH: usize = 32;

/// A delivery that could be read.
struct Incoming {
    delivery: Delivery,
    message: Message,
}

impl Incoming {
    /// A message without an id of its own has the one that follows from its event.
    fn new(delivery: Delivery, event: Event) -> Self {
        let id = message_id(&delivery.properties).parse();
        let id = id.unwrap_or_else(|_| event.message_id());
        Self { delivery, message: Message { id, event } }
    }
}

/// The session that holds the connection for consuming.
pub(super) struct Consumer {
    context: Context,
    publisher: Publisher,
    handling: Handling,
    consuming: Arc<AtomicBool>,
}

/// Says for its lifetime that the consumer runs.
struct Running<'a> {
    consuming: &'a AtomicBool,
    connected: IntGauge,
    unacked: IntGauge,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.consuming.store(false, Ordering::Relaxed);
        self.connected.set(0);
        // The broker takes back whatever was not acknowledged.
        self.unacked.set(0);
    }
}

impl Session for Consumer {
    const PURPOSE: &'static str = "consume";

    async fn run(
        &self,
        connection: Connection,
        stop: &CancellationToken,
    ) -> Result<(), SessionError> {
        let channel = connection.create_channel().await?;
        let (mut arrivals, _reader) = self.subscribe(&channel).await?;
        let _running = self.running();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                count = arrivals.recv_many(&mut batch, BATCH) => if count == 0 {
                    return Err(SessionError::GaveUp("the consumer was cancelled".into()));
                },
            }
            let deliveries = batch.drain(..).collect::<lapin::Result<Vec<Delivery>>>()?;
            self.handle(deliveries).await?;
        }
        Ok(connection.close(200, "stopping".into()).await?)
    }
}

impl Consumer {
    pub(super) fn new(
        context: &Context,
        publisher: Publisher,
        handling: Handling,
        consuming: Arc<AtomicBool>,
    ) -> Self {
        Self { context: context.clone(), publisher, handling, consuming }
    }

    /// Declares the queues and starts to take messages. Each is counted the moment it arrives,
    /// not when its turn comes; the prefetch bounds how many can wait.
    async fn subscribe(&self, channel: &Channel) -> Result<Subscription, SessionError> {
        let Context { role, safeguards, .. } = self.context;
        topology::declare(channel, role, safeguards, &self.handling.routing_keys()).await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let queue = topology::work_queue(role).into();
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let mut consumer = channel.basic_consume(queue, "".into(), options, none).await?;
        let (sender, receiver) = mpsc::unbounded_channel();
        let unacked = self.context.metrics.unacked.clone();
        let reader = tokio::spawn(async move {
            while let Some(arrival) = consumer.next().await {
                unacked.add(i64::from(arrival.is_ok()));
                if sender.send(arrival).is_err() {
                    return;
                }
            }
        });
        Ok((receiver, AbortOnDropHandle::new(reader)))
    }

    fn running(&self) -> Running<'_> {
        let metrics = &self.context.metrics;
        let connected = metrics.connected.with_label_values(&[Self::PURPOSE]);
        connected.set(1);
        self.consuming.store(true, Ordering::Relaxed);
        Running { consuming: &self.consuming, connected, unacked: metrics.unacked.clone() }
    }

    async fn handle(&self, deliveries: Vec<Delivery>) -> Result<(), SessionError> {
        let mut batch = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            match serde_json::from_slice::<Event>(&delivery.data) {
                Ok(event) => batch.push(Incoming::new(delivery, event)),
                Err(error) => {
                    let error = format!("the message cannot be read: {error}");
                    self.put_off(&delivery, Failure::Permanent, error).await?;
                }
            }
        }
        // Two replicas that work on the same orders take their rows in the same sequence.
        batch.sort_by(|one, other| one.message.event.order.id.cmp(&other.message.event.order.id));
        if batch.is_empty() {
            return Ok(());
        }
        if mutant::is_planted(Mutant::AcknowledgeEarly) {
            self.acknowledge(&batch).await?;
            let _ = self.apply(&batch).await;
            return Ok(());
        }
        match self.apply(&batch).await {
            Ok(()) => self.acknowledge(&batch).await,
            Err(error) if batch.len() == 1 || error.is_outage() => self.fail(&batch, &error).await,
            Err(_) => self.handle_singly(&batch).await,
        }
    }

    async fn handle_singly(&self, batch: &[Incoming]) -> Result<(), SessionError> {
        for (position, incoming) in batch.iter().enumerate() {
            let one = std::slice::from_ref(incoming);
            match self.apply(one).await {
                Ok(()) => self.acknowledge(one).await?,
                Err(error) if error.is_outage() => {
                    return self.fail(&batch[position..], &error).await;
                }
                Err(error) => self.fail(one, &error).await?,
            }
        }
        Ok(())
    }

    async fn apply(&self, batch: &[Incoming]) -> Result<(), StepError> {
        let messages: Vec<&Message> = batch.iter().map(|incoming| &incoming.message).collect();
        self.handling.handle(&messages).await
    }

    async fn acknowledge(&self, batch: &[Incoming]) -> Result<(), SessionError> {
        for incoming in batch {
            self.settle(incoming.delivery.ack(BasicAckOptions::default()).await)?;
        }
        Ok(())
    }

    async fn fail(&self, batch: &[Incoming], error: &StepError) -> Result<(), SessionError> {
        for incoming in batch {
            self.put_off(&incoming.delivery, error.failure(), error.to_string()).await?;
        }
        Ok(())
    }

    /// Passes a failed message on, and only then acknowledges it. If it cannot be passed on the
    /// session ends, and the broker takes the message back.
    async fn put_off(
        &self,
        delivery: &Delivery,
        failure: Failure,
        error: String,
    ) -> Result<(), SessionError> {
        let Context { role, safeguards, .. } = self.context;
        let mut history = History::of(&delivery.properties);
        history.last_error = error;
        let (queue, label) = match retry::next(failure, history.attempt, safeguards) {
            Next::Requeue => {
                self.count("requeued", 1);
                let requeue = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
                return self.settle(delivery.nack(requeue).await);
            }
            Next::Retry(attempt) => {
                history.attempt = attempt;
                (topology::retry_queue(role, attempt), "retried")
            }
            Next::DeadLetter => {
                let id = message_id(&delivery.properties);
                log::event("message given up", &[("id", &id), ("error", &history.last_error)]);
                (topology::dead_queue(role), "dead")
            }
        };
        if mutant::is_planted(Mutant::DropFailed) {
            return self.settle(delivery.ack(BasicAckOptions::default()).await);
        }
        let message = Outgoing::pass_on(delivery, queue, history);
        if let Err(error) = self.publisher.publish_one(message).await {
            return Err(SessionError::GaveUp(format!("a failed message cannot wait: {error}")));
        }
        self.count(label, 1);
        self.settle(delivery.ack(BasicAckOptions::default()).await)
    }

    /// The broker's side of a message has ended.
    fn settle(&self, result: lapin::Result<bool>) -> Result<(), SessionError> {
        if result? {
            self.context.metrics.unacked.dec();
            return Ok(());
        }
        Err(SessionError::GaveUp("the channel closed before the acknowledgement".into()))
    }

    fn count(&self, result: &str, messages: usize) {
        let counter = self.context.metrics.messages.with_label_values(&[result]);
        counter.inc_by(messages as u64);
    }
}

type Arrivals = mpsc::UnboundedReceiver<lapin::Result<Delivery>>;
type Subscription = (Arrivals, AbortOnDropHandle<()>);
