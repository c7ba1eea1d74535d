//! The connection for publishing, as the rest of the process sees it: there or not there, and
//! dropped by anyone who finds it not working.

use std::sync::Arc;

use futures::StreamExt as _;
use lapin::options::ConfirmSelectOptions;
use lapin::{Channel, Connection, Event};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::supervisor::{Session, SessionError};
use super::{BrokerError, Context, topology};
use crate::role::Role;
use crate::safeguard::Safeguard;

/// An open connection with the channel that everything is published on.
#[derive(Clone)]
pub(super) struct Open {
    connection: Arc<Connection>,
    /// In confirm mode where confirms are on.
    pub(super) channel: Channel,
    broken: CancellationToken,
}

impl Open {
    /// Says that this connection does not work: it will be dropped and made anew.
    pub(super) fn give_up(&self) {
        self.broken.cancel();
    }
}

/// A handle on the connection for publishing, whichever it is at the moment.
#[derive(Clone)]
pub(super) struct Link(watch::Receiver<Option<Open>>);

impl Link {
    /// The connection of the moment.
    pub(super) fn open(&self) -> Result<Open, BrokerError> {
        self.0.borrow().clone().ok_or(BrokerError::NotConnected)
    }

    /// A fresh channel of the same connection, for questions whose failure closes the channel.
    pub(super) async fn fresh_channel(&self) -> Result<Channel, BrokerError> {
        Ok(self.open()?.connection.create_channel().await?)
    }

    /// Waits until there is a connection. Never returns once its session has ended for good.
    pub(super) async fn wait(&self) {
        let mut open = self.0.clone();
        if open.wait_for(Option::is_some).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The session that holds the connection for publishing.
pub(super) struct Publishing {
    context: Context,
    /// Who has to hear of what is published, with the routing key.
    audience: Vec<(Role, String)>,
    open: watch::Sender<Option<Open>>,
}

/// The session and the handle on it.
pub(super) fn publishing(context: &Context, audience: Vec<(Role, String)>) -> (Publishing, Link) {
    let (open, receiver) = watch::channel(None);
    (Publishing { context: context.clone(), audience, open }, Link(receiver))
}

impl Session for Publishing {
    const PURPOSE: &'static str = "publish";

    async fn run(
        &self,
        connection: Connection,
        stop: &CancellationToken,
    ) -> Result<(), SessionError> {
        let mut events = Box::pin(connection.events_listener());
        let channel = connection.create_channel().await?;
        topology::declare_audience(&channel, self.context.safeguards, &self.audience).await?;
        if self.context.safeguards.has(Safeguard::Confirms) {
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
        }
        let connected = self.context.metrics.connected.with_label_values(&[Self::PURPOSE]);
        connected.set(1);
        let broken = CancellationToken::new();
        let connection = Arc::new(connection);
        self.open.send_replace(Some(Open { connection, channel, broken: broken.clone() }));
        let result = loop {
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                () = broken.cancelled() => {
                    break Err(SessionError::GaveUp("publishing failed".into()));
                }
                event = events.next() => match event {
                    Some(Event::Error(error)) => break Err(error.into()),
                    Some(_) => {}
                    None => break Err(SessionError::GaveUp("the connection ended".into())),
                },
            }
        };
        connected.set(0);
        // When the process stops, what is in progress may still use the connection.
        if result.is_err() {
            self.open.send_replace(None);
        }
        result
    }
}
