//! Takes out what is left of the messages that nobody can read: from the dead letters, where a sound
//! application set them aside, and from their queue, where another one trips over them for ever.

use futures::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

use super::poison::is_ours;
use super::protocol::Swept;
use super::{LOOK, Told, connect, depth};

/// Those that are on their way to the dead letters are waited for: until there are no more of them
/// for so long, and at most so long.
const SETTLED: Duration = Duration::from_millis(500);
const ON_THE_WAY: Duration = Duration::from_secs(3);
/// The queue has none of them left when none came for this long.
const QUIET: Duration = Duration::from_secs(1);
/// Bound of the search in the queue: whoever else waits there is held up meanwhile.
const SEARCH: Duration = Duration::from_secs(4);
/// Messages of others that are held at the same time.
const HELD: u16 = 2000;
/// We are given messages before every consumer of the application's.
const FIRST: i32 = 1_000_000;

/// Takes out what is left of `sent` messages, and tells how many it were.
pub(in crate::helper) async fn take_out(
    queue: &str,
    dead: Option<&str>,
    sent: u32,
) -> Told<String> {
    let mut swept = Swept::default();
    if sent > 0 {
        let connection = connect().await?;
        if let Some(dead) = dead {
            let waiting = settled(&connection, dead).await?;
            swept.dead = of_the_dead(&connection, dead, waiting).await?;
        }
        if swept.dead < sent {
            swept.queue = of_the_queue(&connection, queue).await?;
        }
        connection.close(200, "swept".into()).await.map_err(|error| error.to_string())?;
    }
    serde_json::to_string(&swept).map_err(|error| error.to_string())
}

/// Waits until no more messages come to a queue; returns how many wait there. They are counted, not
/// looked at: looking at one counts as a delivery, and after some of those a broker drops it.
async fn settled(connection: &Connection, queue: &str) -> Told<u32> {
    let begun = Instant::now();
    let (mut waiting, mut since) = (depth(connection, queue).await?, begun);
    while begun.elapsed() < ON_THE_WAY && since.elapsed() < SETTLED {
        sleep(LOOK).await;
        let now = depth(connection, queue).await?;
        if now != waiting {
            (waiting, since) = (now, Instant::now());
        }
    }
    Ok(waiting)
}

/// Looks once through so many dead letters, and takes ours. Those of others go back when the channel
/// closes.
async fn of_the_dead(connection: &Connection, queue: &str, count: u32) -> Told<u32> {
    let looked = async {
        let channel = connection.create_channel().await?;
        let (mut taken, mut others) = (0, Vec::new());
        for _ in 0..count {
            let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await?;
            let Some(got) = got else { break };
            taken += settle(got.delivery, &mut others).await?;
        }
        channel.close(200, "looked through".into()).await?;
        Ok::<_, lapin::Error>(taken)
    };
    looked.await.map_err(|error| format!("{queue} cannot be looked through: {error}"))
}

/// Acknowledges one of ours; keeps another one unanswered, so that it does not come again.
async fn settle(delivery: Delivery, others: &mut Vec<Delivery>) -> lapin::Result<u32> {
    if is_ours(&delivery.data) {
        delivery.ack(BasicAckOptions::default()).await?;
        return Ok(1);
    }
    others.push(delivery);
    Ok(0)
}

/// Takes everything that waits or comes before the application's own consumers get it, until ours
/// are out. What belongs to others returns to its place when the channel closes.
async fn of_the_queue(connection: &Connection, queue: &str) -> Told<u32> {
    let searched = async {
        let channel = connection.create_channel().await?;
        let taken = search(&channel, queue).await?;
        channel.close(200, "searched".into()).await?;
        Ok::<_, lapin::Error>(taken)
    };
    searched.await.map_err(|error| format!("{queue} cannot be searched: {error}"))
}

async fn search(channel: &Channel, queue: &str) -> lapin::Result<u32> {
    channel.basic_qos(HELD, BasicQosOptions::default()).await?;
    let mut first = FieldTable::default();
    first.insert("x-priority".into(), AMQPValue::LongInt(FIRST));
    let options = BasicConsumeOptions::default();
    let mut consumer = channel.basic_consume(queue.into(), "".into(), options, first).await?;
    let (deadline, mut last) = (Instant::now() + SEARCH, Instant::now());
    let (mut taken, mut others) = (0, Vec::new());
    while Instant::now() < deadline && last.elapsed() < QUIET {
        let Ok(Some(came)) = timeout(QUIET, consumer.next()).await else { break };
        let ours = settle(came?, &mut others).await?;
        if ours > 0 {
            (taken, last) = (taken + ours, Instant::now());
        }
    }
    Ok(taken)
}
