//! Publishing: a window of messages at a time, all confirmations awaited together and never longer
//! than a deadline.

use std::time::Duration;

use lapin::options::BasicPublishOptions;
use lapin::{Channel, Confirmation, PublisherConfirm};
use tokio::time::{Instant, timeout_at};

use super::Context;
use super::link::Link;
use super::message::Outgoing;
use super::outbox;
use crate::chaos_switch::{self, Point};
use crate::metrics::Metrics;
use crate::mutant::{self, Mutant};
use crate::safeguard::{Safeguard, Safeguards};

/// Longest wait for confirmations: a paused broker never sends any.
pub(super) const CONFIRM_DEADLINE: Duration = Duration::from_secs(5);

/// Why it is not sure that a message arrived.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum PublishError {
    /// There is no connection at the moment.
    #[error("not connected to the broker")]
    NotConnected,
    /// No queue takes messages with this key.
    #[error("no queue takes {0}")]
    Unroutable(String),
    /// The broker refused the message.
    #[error("the broker refused the message")]
    Refused,
    /// The connection failed or the confirmation never came: it may have arrived.
    #[error("the message was not confirmed: {0}")]
    Unconfirmed(String),
}

/// Whoever publishes messages.
pub(super) trait Publish: Send + Sync {
    /// Waits until there is a connection to publish on.
    fn ready(&self) -> impl Future<Output = ()> + Send;

    /// Publishes messages and says of each whether it has certainly arrived.
    fn publish(
        &self,
        messages: &[Outgoing],
    ) -> impl Future<Output = Vec<Result<(), PublishError>>> + Send;
}

/// Publishes on the link of this service.
#[derive(Clone)]
pub(super) struct Publisher {
    link: Link,
    metrics: Metrics,
    safeguards: Safeguards,
}

impl Publisher {
    pub(super) fn new(context: &Context, link: Link) -> Self {
        Self { link, metrics: context.metrics.clone(), safeguards: context.safeguards }
    }
}

impl Publish for Publisher {
    async fn ready(&self) {
        self.link.wait().await;
    }

    async fn publish(&self, messages: &[Outgoing]) -> Vec<Result<(), PublishError>> {
        let Ok(open) = self.link.open() else {
            return messages.iter().map(|_| Err(PublishError::NotConnected)).collect();
        };
        let deadline = Instant::now() + CONFIRM_DEADLINE;
        let mut sent = Vec::with_capacity(messages.len());
        for message in messages {
            sent.push(self.send(&open.channel, message, deadline).await);
        }
        if let Err(injected) = chaos_switch::reach(outbox::STEP, Point::AfterPublish).await {
            let failed = Err(PublishError::Unconfirmed(injected.to_string()));
            return vec![failed; messages.len()];
        }
        let mut results = Vec::with_capacity(messages.len());
        for (message, sent) in messages.iter().zip(sent) {
            let result = match sent {
                Ok(confirm) => self.confirmed(message, confirm, deadline).await,
                Err(error) => Err(error),
            };
            self.metrics.published.with_label_values(&[label(&result)]).inc();
            results.push(result);
        }
        if results.iter().any(|result| matches!(result, Err(PublishError::Unconfirmed(_)))) {
            open.give_up();
        }
        results
    }
}

impl Publisher {
    /// Publishes one message.
    pub(super) async fn publish_one(&self, message: Outgoing) -> Result<(), PublishError> {
        let results = self.publish(std::slice::from_ref(&message)).await;
        results.into_iter().next().unwrap_or(Err(PublishError::NotConnected))
    }

    async fn send(
        &self,
        channel: &Channel,
        message: &Outgoing,
        deadline: Instant,
    ) -> Result<PublisherConfirm, PublishError> {
        let options =
            BasicPublishOptions { mandatory: message.mandatory, ..BasicPublishOptions::default() };
        let properties = message.properties(self.safeguards.has(Safeguard::DurableQueues));
        let (exchange, key) = (message.exchange.into(), message.routing_key.as_str().into());
        let sending = channel.basic_publish(exchange, key, options, &message.body, properties);
        match timeout_at(deadline, sending).await {
            Ok(Ok(confirm)) => Ok(confirm),
            Ok(Err(error)) => Err(PublishError::Unconfirmed(error.to_string())),
            Err(_) => Err(PublishError::Unconfirmed("the connection is blocked".into())),
        }
    }

    async fn confirmed(
        &self,
        message: &Outgoing,
        confirm: PublisherConfirm,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        if mutant::is_planted(Mutant::TrustPublish) {
            return Ok(());
        }
        match timeout_at(deadline, confirm).await {
            // The broker confirms what it could not route, too: it has returned it before.
            Ok(Ok(Confirmation::Ack(Some(_)))) => {
                Err(PublishError::Unroutable(message.routing_key.clone()))
            }
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::NotRequested)) if !self.safeguards.has(Safeguard::Confirms) => {
                Ok(())
            }
            Ok(Ok(Confirmation::NotRequested)) => {
                Err(PublishError::Unconfirmed("the channel is not in confirm mode".into()))
            }
            Ok(Ok(Confirmation::Nack(_))) => Err(PublishError::Refused),
            Ok(Err(error)) => Err(PublishError::Unconfirmed(error.to_string())),
            Err(_) => Err(PublishError::Unconfirmed("no confirmation in time".into())),
        }
    }
}

fn label(result: &Result<(), PublishError>) -> &'static str {
    match result {
        Ok(()) => "sent",
        Err(PublishError::NotConnected) => "not_connected",
        Err(PublishError::Unroutable(_)) => "unroutable",
        Err(PublishError::Refused) => "refused",
        Err(PublishError::Unconfirmed(_)) => "unconfirmed",
    }
}
