//! Messages that were given up: looked at without taking them, and sent again on request.

use std::time::Duration;

use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::BrokerError;
use super::link::Link;
use super::message::{History, Outgoing, message_id};
use super::publisher::Publisher;
use super::topology::{dead_queue, work_queue};
use crate::backlog::{DeadLetter, Redriven};
use crate::role::Role;

/// Sending a message again more often than this is taken for a loop.
const MOST_REDRIVES: usize = 3;
/// Longest wait for messages that were only looked at to be back in their queue.
const RETURN_DEADLINE: Duration = Duration::from_secs(1);
/// Pause between two looks.
const RETURN_POLL: Duration = Duration::from_millis(10);

/// Looks at all dead letters of a service. They are taken without an acknowledgement and go back
/// when the channel closes.
pub(super) async fn list(link: &Link, role: Role) -> Result<Vec<DeadLetter>, BrokerError> {
    let channel = link.fresh_channel().await?;
    let queue = dead_queue(role);
    let letters = take_all(&channel, &queue).await;
    channel.close(200, "seen".into()).await?;
    let letters = letters?;
    await_return(link, &queue, letters.len()).await?;
    Ok(letters.iter().map(|delivery| describe(delivery, &queue)).collect())
}

/// The broker puts messages back after it has closed their channel, not before: waits until they
/// are there again, so that whoever looks next sees them.
async fn await_return(link: &Link, queue: &str, taken: usize) -> Result<(), BrokerError> {
    let channel = link.fresh_channel().await?;
    let deadline = Instant::now() + RETURN_DEADLINE;
    while count(&channel, queue).await? < taken && Instant::now() < deadline {
        sleep(RETURN_POLL).await;
    }
    Ok(channel.close(200, "returned".into()).await?)
}

/// Sends all dead letters of a service through it once more, with their original ids.
pub(super) async fn redrive(
    link: &Link,
    publisher: &Publisher,
    role: Role,
) -> Result<Redriven, BrokerError> {
    let channel = link.fresh_channel().await?;
    let queue = dead_queue(role);
    let result = match take_all(&channel, &queue).await {
        Ok(letters) => send_again(publisher, &letters, role).await,
        Err(error) => Err(error),
    };
    // Closing returns what was not acknowledged.
    channel.close(200, "done".into()).await?;
    let result = result?;
    await_return(link, &queue, result.refused).await?;
    Ok(result)
}

async fn send_again(
    publisher: &Publisher,
    letters: &[Delivery],
    role: Role,
) -> Result<Redriven, BrokerError> {
    let mut result = Redriven { redriven: 0, refused: 0 };
    for letter in letters {
        let mut history = History::of(&letter.properties);
        if history.redrives >= MOST_REDRIVES {
            result.refused += 1;
            continue;
        }
        history.redrives += 1;
        history.attempt = 0;
        publisher.publish_one(Outgoing::pass_on(letter, work_queue(role), history)).await?;
        letter.ack(BasicAckOptions::default()).await?;
        result.redriven += 1;
    }
    Ok(result)
}

/// Takes as many messages as were there at the start: those that come meanwhile are left.
async fn take_all(channel: &Channel, queue: &str) -> Result<Vec<Delivery>, BrokerError> {
    let mut letters = Vec::new();
    for _ in 0..count(channel, queue).await? {
        let Some(got) = channel.basic_get(queue.into(), BasicGetOptions::default()).await? else {
            break;
        };
        letters.push(got.delivery);
    }
    Ok(letters)
}

async fn count(channel: &Channel, queue: &str) -> Result<usize, BrokerError> {
    let passive = QueueDeclareOptions::default().passive();
    let declared = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
    Ok(declared.message_count() as usize)
}

fn describe(delivery: &Delivery, queue: &str) -> DeadLetter {
    let history = History::of(&delivery.properties);
    let body: Option<Value> = serde_json::from_slice(&delivery.data).ok();
    let order = body.as_ref().and_then(|body| body["order"]["id"].as_str()).unwrap_or_default();
    // The broker itself leaves no reason when it gives a message up.
    let by_broker = history.last_error.is_empty();
    DeadLetter {
        table: "dead",
        id: message_id(&delivery.properties),
        order: order.to_owned(),
        queue: queue.to_owned(),
        reason: if by_broker { "delivery limit".into() } else { history.last_error },
        attempts: history.attempt,
    }
}

#[cfg(test)]
mod tests {
    use lapin::message::Delivery;

    use super::describe;
    use crate::domain::event::{Event, EventName};
    use crate::domain::order::{Kind, sample};

    fn letter(body: Vec<u8>) -> Delivery {
        Delivery::mock(1, "".into(), "dlq.payments".into(), false, body)
    }

    #[test]
    fn a_row_names_the_order_where_the_message_can_be_read() {
        let event = Event::new(EventName::StockReserved, &sample("o-7", Kind::Standard));
        let row = describe(&letter(serde_json::to_vec(&event).unwrap()), "dlq.payments");
        assert_eq!((row.order.as_str(), row.reason.as_str()), ("o-7", "delivery limit"));
        assert_eq!(describe(&letter(b"\xff".to_vec()), "dlq.payments").order, "");
    }
}
