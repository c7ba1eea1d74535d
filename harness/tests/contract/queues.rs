//! The broker as seen by the other services: events go in, events come out.

use std::time::{Duration, Instant};

use futures::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};

/// What has to come comes within this time.
const LIMIT: Duration = Duration::from_secs(10);
/// The broker answers within this time of its start.
const START_LIMIT: Duration = Duration::from_secs(60);
/// What must not come has not come after this time.
const SILENCE: Duration = Duration::from_millis(400);
/// Takes what the inventory tells.
const OBSERVER: &str = "observer";
const EXCHANGE: &str = "shop";
/// The queues of those who have to hear of the inventory, in the order in which their messages are
/// counted.
const ABSENT: [&str; 2] = ["q.orders", "q.payments"];

/// An event as it came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) routing_key: String,
    pub(crate) id: String,
    pub(crate) persistent: bool,
    pub(crate) body: String,
}

/// A connection to the broker that listens to the inventory.
pub(crate) struct Queues {
    _connection: Connection,
    channel: Channel,
    told: Consumer,
}

impl Queues {
    /// Listens to what is told of standard orders, and not to those of pickups yet.
    pub(crate) async fn connect(url: &str) -> Self {
        let connection = connect(url).await;
        let channel = connection.create_channel().await.expect("a channel");
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let none = FieldTable::default;
        let declared =
            channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, none()).await;
        declared.expect("the exchange is the service's own");
        let queue = QueueDeclareOptions::default();
        channel.queue_declare(OBSERVER.into(), queue, none()).await.expect("a queue");
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let told = channel.basic_consume(OBSERVER.into(), "".into(), options, none()).await;
        let told = told.expect("a consumer");
        let queues = Self { _connection: connection, channel, told };
        queues.listen("stock.*.standard").await;
        queues
    }

    /// Listens to more.
    pub(crate) async fn listen(&self, keys: &str) {
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        let bound =
            self.channel.queue_bind(OBSERVER.into(), EXCHANGE.into(), keys.into(), options, none);
        bound.await.expect("it is bound");
    }

    /// Listens to less.
    pub(crate) async fn unlisten(&self, keys: &str) {
        let none = FieldTable::default();
        let unbound =
            self.channel.queue_unbind(OBSERVER.into(), EXCHANGE.into(), keys.into(), none);
        unbound.await.expect("it is unbound");
    }

    /// Sends an event under a key to whoever listens; without a key, straight to the inventory.
    pub(crate) async fn send(&self, key: Option<&str>, id: Option<&str>, body: &str) {
        let (exchange, key) = key.map_or(("", "q.inventory"), |key| (EXCHANGE, key));
        let properties = BasicProperties::default().with_delivery_mode(2);
        let properties = match id {
            Some(id) => properties.with_message_id(id.into()),
            None => properties,
        };
        let options = BasicPublishOptions::default();
        let sent = self.channel.basic_publish(
            exchange.into(),
            key.into(),
            options,
            body.as_bytes(),
            properties,
        );
        sent.await.expect("it is sent").await.expect("it is taken");
    }

    /// The next event of the inventory.
    pub(crate) async fn next(&mut self) -> Told {
        let next = tokio::time::timeout(LIMIT, self.told.next()).await;
        let delivery = next.expect("an event is told in time").expect("the broker is there");
        let delivery = delivery.expect("the broker is there");
        let properties = &delivery.properties;
        assert_eq!(
            properties.content_type().as_ref().map(ToString::to_string).as_deref(),
            Some("application/json")
        );
        Told {
            routing_key: delivery.routing_key.to_string(),
            id: properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default(),
            persistent: *properties.delivery_mode() == Some(2),
            body: String::from_utf8(delivery.data).expect("a text"),
        }
    }

    /// Nothing more is told.
    pub(crate) async fn silence(&mut self) {
        let next = tokio::time::timeout(SILENCE, self.told.next()).await;
        assert!(next.is_err(), "more than that was told: {next:?}");
    }

    /// How many messages of the inventory wait for services that are not there yet.
    pub(crate) async fn waiting(&self) -> [u32; 2] {
        let mut waiting = [0; 2];
        for (queue, count) in ABSENT.iter().zip(&mut waiting) {
            let passive = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
            let declared =
                self.channel.queue_declare((*queue).into(), passive, FieldTable::default()).await;
            *count = declared.expect("the inventory has declared it").message_count();
        }
        waiting
    }

    /// Lets nobody but the observer listen to a key; the queues stay, so that the next implementation
    /// finds those of this one.
    pub(crate) async fn unbind_others(&self, key: &str) {
        for queue in ABSENT {
            let none = FieldTable::default();
            let unbound =
                self.channel.queue_unbind(queue.into(), EXCHANGE.into(), key.into(), none);
            unbound.await.expect("it is unbound");
        }
    }

    /// Throws the dead letters of the inventory away, and what waits for the other services.
    pub(crate) async fn empty(&self) {
        for queue in ["dlq.inventory"].into_iter().chain(ABSENT) {
            let purged = self.channel.queue_purge(queue.into(), QueuePurgeOptions::default());
            purged.await.expect("it is emptied");
        }
    }
}

async fn connect(url: &str) -> Connection {
    let begun = Instant::now();
    loop {
        match Connection::connect(url, ConnectionProperties::default()).await {
            Ok(connection) => return connection,
            Err(error) => assert!(begun.elapsed() < START_LIMIT, "no broker at {url}: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
