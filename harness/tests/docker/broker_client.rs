//! An application in front of a broker, in the test's own process: what it sends is confirmed or
//! refused, and what it cannot read is set aside or goes straight back.

use std::time::{Duration, Instant};

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
    ConfirmSelectOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties};
use tokio_util::task::AbortOnDropHandle;

/// Where messages wait for the application.
pub(crate) const WORK: &str = "q.work";
/// Where it keeps what it gave up.
pub(crate) const DEAD: &str = "dlq.work";
/// A broker is up within this time, also on a crowded machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// What becomes of a message that cannot be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// It is set aside.
    SetAside,
    /// It goes straight back, and comes again at once.
    Requeue,
}

pub(crate) struct Client {
    connection: Connection,
    channel: Channel,
}

impl Client {
    /// Waits for the broker, and declares the queues, that of the work of a kind.
    pub(crate) async fn connect(port: u16, kind: &str) -> Self {
        let url = format!("amqp://shop:secret@127.0.0.1:{port}/%2f");
        let begun = Instant::now();
        let connection = loop {
            match Connection::connect(&url, ConnectionProperties::default()).await {
                Ok(connection) => break connection,
                Err(error) => assert!(begun.elapsed() < START_LIMIT, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        for (queue, kind) in [(WORK, kind), (DEAD, "quorum")] {
            let mut arguments = FieldTable::default();
            let text = |text: &str| AMQPValue::LongString(text.into());
            arguments.insert("x-queue-type".into(), text(kind));
            arguments.insert("x-overflow".into(), text("reject-publish"));
            let durable = QueueDeclareOptions::durable();
            channel.queue_declare(queue.into(), durable, arguments).await.expect("a queue");
        }
        Self { connection, channel }
    }

    /// Sends a message; whether the broker took it.
    pub(crate) async fn send(&self, queue: &str, body: &str) -> bool {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let properties = properties.with_delivery_mode(2);
        let sending = self
            .channel
            .basic_publish("".into(), queue.into(), options, body.as_bytes(), properties)
            .await;
        let told = sending.expect("it is sent").await.expect("an answer");
        matches!(told, Confirmation::Ack(None))
    }

    /// What waits in a queue, without keeping it.
    pub(crate) async fn waiting(&self, queue: &str) -> Vec<String> {
        let channel = self.connection.create_channel().await.expect("a channel");
        let mut found = Vec::new();
        while let Some(got) =
            channel.basic_get(queue.into(), BasicGetOptions::default()).await.expect("an answer")
        {
            found.push(String::from_utf8_lossy(&got.delivery.data).into_owned());
        }
        channel.close(200, "seen".into()).await.expect("it closes");
        found
    }

    /// Takes messages until it is dropped; those that say `keep` are held and never answered.
    pub(crate) async fn consume(&self, manners: Manners) -> AbortOnDropHandle<()> {
        let channel = self.connection.create_channel().await.expect("a channel");
        let options = BasicConsumeOptions::default();
        let none = FieldTable::default();
        let mut consumer =
            channel.basic_consume(WORK.into(), "".into(), options, none).await.expect("a consumer");
        AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(Ok(came)) = consumer.next().await {
                handle(&channel, came, manners).await;
            }
        }))
    }
}

async fn handle(channel: &Channel, came: Delivery, manners: Manners) {
    let readable = std::str::from_utf8(&came.data).is_ok();
    let ack = BasicAckOptions::default();
    let done = match manners {
        _ if readable => came.ack(ack).await,
        Manners::Requeue => {
            came.nack(BasicNackOptions { requeue: true, ..BasicNackOptions::default() }).await
        }
        Manners::SetAside => {
            let (options, none) = (BasicPublishOptions::default(), BasicProperties::default());
            let sent = channel.basic_publish("".into(), DEAD.into(), options, &came.data, none);
            sent.await.expect("it is sent").await.expect("an answer");
            came.ack(ack).await
        }
    };
    // The broker may be gone, which is what some tests are about.
    let _ = done;
}
