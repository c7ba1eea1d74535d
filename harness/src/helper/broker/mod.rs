//! Speaks with the RabbitMQ server of the container that this runs in, over loopback, with the
//! credentials that its environment gives it. No plugin is needed, and no port is published.

pub(super) mod depths;
pub(super) mod poison;
pub mod protocol;
pub(super) mod sweep;

use std::env;
use std::sync::mpsc;
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;

use super::Failure;

/// Where a server in the same container listens, unless its environment says otherwise.
const PORT: u16 = 5672;
/// What a server has whose environment says nothing.
const USUAL: &str = "guest";
/// Bound of one connection.
const CONNECT: Duration = Duration::from_secs(3);
/// How often what is told is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What went wrong, in words.
type Told<T> = Result<T, String>;

/// Runs a task to its end.
pub(super) fn run(task: impl Future<Output = Told<String>>) -> Result<String, Failure> {
    let failed = |said: String| Failure { exit_code: 1, said };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    runtime.block_on(task).map_err(failed)
}

/// A connection to the server.
async fn connect() -> Told<Connection> {
    let of = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let port = of("RABBITMQ_NODE_PORT").and_then(|port| port.parse().ok());
    let uri = AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: of("RABBITMQ_DEFAULT_USER").unwrap_or_else(|| USUAL.to_owned()),
                password: of("RABBITMQ_DEFAULT_PASS").unwrap_or_else(|| USUAL.to_owned()),
            },
            host: "127.0.0.1".to_owned(),
            port: port.unwrap_or(PORT),
        },
        vhost: of("RABBITMQ_DEFAULT_VHOST").unwrap_or_else(|| "/".to_owned()),
        query: AMQPQueryString::default(),
    };
    let connecting = Connection::connect_uri(uri, ConnectionProperties::default());
    match timeout(CONNECT, connecting).await {
        Ok(connected) => connected.map_err(|error| format!("the broker cannot be used: {error}")),
        Err(_) => Err(format!("the broker does not answer within {} s", CONNECT.as_secs())),
    }
}

/// How many messages wait in a queue. Asked on a channel of its own, which a queue that is not
/// there closes.
async fn depth(connection: &Connection, queue: &str) -> Told<u32> {
    let asked = async {
        let channel = connection.create_channel().await?;
        let passive = QueueDeclareOptions::default().passive();
        let found = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
        channel.close(200, "counted".into()).await?;
        Ok::<_, lapin::Error>(found.message_count())
    };
    asked.await.map_err(|error| format!("the queue {queue} cannot be looked at: {error}"))
}

/// Whether the standard input has ended.
fn ended(input: &mpsc::Receiver<()>) -> bool {
    !matches!(input.try_recv(), Err(mpsc::TryRecvError::Empty))
}
