//! Whether a database or a broker can do its work, in its own protocol. A broker that greets may be
//! without a leader for its queues, and a database may refuse until it has recovered: both must
//! really do something.

use std::time::Duration;

use futures::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::port::PortError;

/// A connection that stays open for so long without a word is a listener, not Docker's port proxy,
/// which closes at once where nothing listens inside.
const SILENCE: Duration = Duration::from_millis(100);

/// Answers a query.
pub(super) async fn postgres(url: &str, limit: Duration) -> Result<(), PortError> {
    bounded(limit, async {
        let (client, connection) =
            tokio_postgres::connect(url, tokio_postgres::NoTls).await.map_err(failed)?;
        let serving = tokio::spawn(connection);
        let answer = client.simple_query("SELECT 1").await.map_err(failed);
        drop(client);
        serving.abort();
        answer.map(drop)
    })
    .await
}

/// Takes a message, confirms it, and delivers it from a private queue.
pub(super) async fn amqp(url: &str, limit: Duration) -> Result<(), PortError> {
    bounded(limit, async {
        let connection =
            Connection::connect(url, ConnectionProperties::default()).await.map_err(failed)?;
        let round = round_trip(&connection).await;
        // The queue is exclusive: it is gone with the connection, however that ends.
        let _ = connection.close(200, "probed".into()).await;
        round
    })
    .await
}

async fn round_trip(connection: &Connection) -> Result<(), PortError> {
    let channel = connection.create_channel().await.map_err(failed)?;
    channel.confirm_select(ConfirmSelectOptions::default()).await.map_err(failed)?;
    let options = QueueDeclareOptions {
        exclusive: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await;
    let queue = queue.map_err(failed)?.name().as_str().to_owned();
    publish(&channel, &queue).await?;
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let consuming =
        channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await;
    match consuming.map_err(failed)?.next().await {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(failed(error)),
        None => Err(PortError("the broker ended the consumer".to_owned())),
    }
}

async fn publish(channel: &Channel, queue: &str) -> Result<(), PortError> {
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = BasicProperties::default();
    let sending =
        channel.basic_publish("".into(), queue.into(), options, b"ready?", properties).await;
    match sending.map_err(failed)?.await.map_err(failed)? {
        Confirmation::Ack(None) => Ok(()),
        other => Err(PortError(format!("the broker did not take a message: {other:?}"))),
    }
}

/// Accepts a connection and does not close it again at once.
pub(super) async fn tcp(url: &str, limit: Duration) -> Result<(), PortError> {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = address.rsplit_once('@').map_or(address, |(_, address)| address);
    let address = address.split('/').next().unwrap_or(address);
    bounded(limit, async {
        let mut stream = TcpStream::connect(address).await.map_err(failed)?;
        match timeout(SILENCE, stream.read(&mut [0; 1])).await {
            Ok(Ok(0)) => Err(PortError("the connection was closed at once".to_owned())),
            Ok(Err(error)) => Err(failed(error)),
            Ok(Ok(_)) | Err(_) => Ok(()),
        }
    })
    .await
}

async fn bounded(
    limit: Duration,
    probe: impl Future<Output = Result<(), PortError>>,
) -> Result<(), PortError> {
    let silent = || PortError(format!("no answer within {} ms", limit.as_millis()));
    timeout(limit, probe).await.unwrap_or_else(|_| Err(silent()))
}

fn failed(error: impl std::fmt::Display) -> PortError {
    PortError(error.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn only_a_listener_that_keeps_the_connection_is_ready() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("tcp://{}", listener.local_addr().expect("an address"));
        let closing = tokio::spawn(async move {
            drop(listener.accept().await);
            listener
        });
        assert!(tcp(&url, LIMIT).await.is_err(), "a closed connection is not ready");
        let listener = closing.await.expect("it accepted");
        let keeping = tokio::spawn(async move { listener.accept().await });
        tcp(&url, LIMIT).await.expect("an open connection is ready");
        drop(keeping);
    }

    #[tokio::test]
    async fn nobody_at_a_port_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let url = |scheme: &str| format!("{scheme}://u:p@127.0.0.1:{port}/x");
        assert!(postgres(&url("postgres"), LIMIT).await.is_err());
        assert!(amqp(&url("amqp"), LIMIT).await.is_err());
        assert!(tcp(&url("tcp"), LIMIT).await.is_err());
    }
}
