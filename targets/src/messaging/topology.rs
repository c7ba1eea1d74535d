//! Exchange, queues and bindings: what exists in the broker and under which names.
//!
//! Per service: `q.<service>` takes its events, `retry.<service>.<n>` hold a failed message for a
//! while and give it back by themselves, `dlq.<service>` keeps what was given up. All are quorum
//! queues: on a single node that means durable against the death of the process, not available
//! without it.

use std::collections::BTreeSet;
use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};

use crate::role::Role;
use crate::safeguard::{Safeguard, Safeguards};

/// The exchange of all events.
pub(super) const EXCHANGE: &str = "shop";
/// The exchange that reaches every queue by its name.
pub(super) const DIRECT: &str = "";

/// How long a message waits before each of its retries.
pub(super) const RETRY_DELAYS: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(15),
];

/// Deliveries without an acknowledgement after which the broker itself gives a message up: the
/// backstop against a message that kills its consumer every time.
const DELIVERY_LIMIT: i32 = 20;

/// The queue of a service's events.
pub(super) fn work_queue(role: Role) -> String {
    format!("q.{}", role.name())
}

/// The queue in which messages wait for their retry number `attempt`, from 1.
pub(super) fn retry_queue(role: Role, attempt: usize) -> String {
    format!("retry.{}.{attempt}", role.name())
}

/// The queue of messages that were given up.
pub(super) fn dead_queue(role: Role) -> String {
    format!("dlq.{}", role.name())
}

/// All retry queues of a service.
pub(super) fn retry_queues(role: Role) -> impl Iterator<Item = String> {
    (1..=RETRY_DELAYS.len()).map(move |attempt| retry_queue(role, attempt))
}

async fn declare_exchange(channel: &Channel) -> lapin::Result<()> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let none = FieldTable::default();
    channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, none).await
}

/// Declares everything of one service; what exists already is left as it is.
pub(super) async fn declare(
    channel: &Channel,
    role: Role,
    safeguards: Safeguards,
    routing_keys: &[String],
) -> lapin::Result<()> {
    declare_exchange(channel).await?;
    declare_work_queue(channel, role, safeguards).await?;
    for (queue, delay) in retry_queues(role).zip(RETRY_DELAYS) {
        declare_queue(channel, &queue, retry_arguments(role, delay, safeguards)).await?;
    }
    for key in routing_keys {
        bind(channel, role, key).await?;
    }
    Ok(())
}

/// Declares what has to be there before anything is published: the exchange, and the queues of those
/// who have to hear of it. An exchange drops a message for whoever has no queue yet, and the broker
/// confirms it as long as anybody else took it.
pub(super) async fn declare_audience(
    channel: &Channel,
    safeguards: Safeguards,
    audience: &[(Role, String)],
) -> lapin::Result<()> {
    declare_exchange(channel).await?;
    let roles: BTreeSet<Role> = audience.iter().map(|(role, _)| *role).collect();
    for role in roles {
        declare_work_queue(channel, role, safeguards).await?;
    }
    for (role, key) in audience {
        bind(channel, *role, key).await?;
    }
    Ok(())
}

async fn declare_work_queue(
    channel: &Channel,
    role: Role,
    safeguards: Safeguards,
) -> lapin::Result<()> {
    // Where a message is passed on to has to exist before it.
    declare_queue(channel, &dead_queue(role), dead_arguments(safeguards)).await?;
    declare_queue(channel, &work_queue(role), work_arguments(role, safeguards)).await
}

async fn bind(channel: &Channel, role: Role, key: &str) -> lapin::Result<()> {
    let (queue, options) = (work_queue(role), QueueBindOptions::default());
    channel
        .queue_bind(queue.into(), EXCHANGE.into(), key.into(), options, FieldTable::default())
        .await
}

async fn declare_queue(channel: &Channel, name: &str, arguments: FieldTable) -> lapin::Result<()> {
    channel.queue_declare(name.into(), QueueDeclareOptions::durable(), arguments).await.map(drop)
}

fn work_arguments(role: Role, safeguards: Safeguards) -> FieldTable {
    let mut table = base_arguments(safeguards);
    if safeguards.has(Safeguard::DeadLetters) && safeguards.has(Safeguard::DurableQueues) {
        table.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        pass_on_to(&mut table, &dead_queue(role));
    }
    table
}

fn retry_arguments(role: Role, delay: Duration, safeguards: Safeguards) -> FieldTable {
    let mut table = base_arguments(safeguards);
    let millis = i32::try_from(delay.as_millis()).expect("delays are seconds");
    table.insert("x-message-ttl".into(), AMQPValue::LongInt(millis));
    if safeguards.has(Safeguard::DurableQueues) {
        pass_on_to(&mut table, &work_queue(role));
    } else {
        table.insert("x-dead-letter-exchange".into(), text(DIRECT));
        table.insert("x-dead-letter-routing-key".into(), text(&work_queue(role)));
    }
    table
}

fn dead_arguments(safeguards: Safeguards) -> FieldTable {
    let mut table = base_arguments(safeguards);
    if safeguards.has(Safeguard::DurableQueues) {
        // Looking at dead letters returns them, which counts as a delivery: never give one up.
        table.insert("x-delivery-limit".into(), AMQPValue::LongInt(-1));
    }
    table
}

fn base_arguments(safeguards: Safeguards) -> FieldTable {
    let mut table = FieldTable::default();
    let durable = safeguards.has(Safeguard::DurableQueues);
    table.insert("x-queue-type".into(), text(if durable { "quorum" } else { "classic" }));
    table
}

/// A message leaves a queue only when it has arrived in the next one.
fn pass_on_to(table: &mut FieldTable, queue: &str) {
    table.insert("x-dead-letter-exchange".into(), text(DIRECT));
    table.insert("x-dead-letter-routing-key".into(), text(queue));
    table.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    table.insert("x-overflow".into(), text("reject-publish"));
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
