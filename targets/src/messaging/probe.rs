//! Whether messages really pass. A broker that has just started accepts connections well before it
//! can store and deliver a message, so a message is sent round.

use lapin::Confirmation;
use lapin::options::{
    BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;

use super::BrokerError;
use super::link::Link;
use super::topology::DIRECT;

/// Publishes a message to a private queue, waits for its confirmation, and takes it out again.
pub(super) async fn round_trip(link: &Link) -> Result<(), ProbeError> {
    let channel = link.fresh_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let private = QueueDeclareOptions::exclusive().auto_delete();
    let queue = channel.queue_declare("".into(), private, FieldTable::default()).await?;
    let name = queue.name().clone();
    let confirmation = channel
        .basic_publish(
            DIRECT.into(),
            name.clone(),
            BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() },
            b"probe",
            lapin::BasicProperties::default(),
        )
        .await?
        .await?;
    if confirmation != Confirmation::Ack(None) {
        return Err(ProbeError::NotConfirmed);
    }
    let back = channel.basic_get(name.clone(), BasicGetOptions { no_ack: true }).await?;
    channel.queue_delete(name, lapin::options::QueueDeleteOptions::default()).await?;
    channel.close(200, "probed".into()).await?;
    back.map(drop).ok_or(ProbeError::Vanished)
}

/// Why messages do not pass.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    /// The connection or the broker failed.
    #[error(transparent)]
    Broker(#[from] BrokerError),
    /// The broker did not confirm.
    #[error("the broker did not confirm a message to a private queue")]
    NotConfirmed,
    /// The broker confirmed, but the message was not there.
    #[error("a confirmed message did not come back from its private queue")]
    Vanished,
}

impl From<lapin::Error> for ProbeError {
    fn from(error: lapin::Error) -> Self {
        Self::Broker(error.into())
    }
}
