//! Puts messages that no handler can read into a queue, and tells what becomes of them.

use std::time::Instant;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::time::sleep;

use super::super::{LIMIT, watch_input};
use super::protocol::Poisoned;
use super::{LOOK, Told, connect, depth, ended};
use crate::terminal;

/// How every one of them begins, so that it is known again wherever it ends up.
const MARK: &[u8] = b"chaos-poison ";
/// No text in any encoding that handlers use, so no JSON either.
const UNREADABLE: &[u8] = b" \xff\xfe\xff";
/// An ordinary message that has to survive a restart.
const PERSISTENT: u8 = 2;

/// Sends `count` messages, `every` milliseconds apart, and tells what becomes of them until the
/// standard input ends.
pub(in crate::helper) async fn put(
    queue: &str,
    dead: Option<&str>,
    count: u32,
    every: u64,
) -> Told<String> {
    let input = watch_input();
    let connection = connect().await?;
    let channel = connection.create_channel().await.map_err(|error| error.to_string())?;
    let confirming = channel.confirm_select(ConfirmSelectOptions::default()).await;
    confirming.map_err(|error| error.to_string())?;
    let before = given_up(&connection, dead).await?;
    let (begun, mut told) = (Instant::now(), None);
    let mut now = Poisoned::default();
    while !ended(&input) && begun.elapsed() < LIMIT {
        let due = begun.elapsed().as_millis().checked_div(u128::from(every));
        let due = due.map_or(count, |passed| u32::try_from(passed + 1).unwrap_or(count));
        while now.sent < due.min(count) {
            send(&channel, queue, now.sent + 1).await?;
            now.sent += 1;
        }
        now.ready = depth(&connection, queue).await?;
        now.dead = given_up(&connection, dead).await?.saturating_sub(before);
        now.taken |= now.ready < now.sent;
        if told != Some(now) {
            terminal::result(&serde_json::to_string(&now).map_err(|error| error.to_string())?);
            told = Some(now);
        }
        sleep(LOOK).await;
    }
    now.ended = true;
    serde_json::to_string(&now).map_err(|error| error.to_string())
}

/// How many messages are given up.
async fn given_up(connection: &Connection, dead: Option<&str>) -> Told<u32> {
    match dead {
        Some(dead) => depth(connection, dead).await,
        None => Ok(0),
    }
}

async fn send(channel: &Channel, queue: &str, number: u32) -> Told<()> {
    let properties = BasicProperties::default()
        .with_message_id(format!("chaos-poison-{number}").into())
        .with_content_type("application/json".into())
        .with_delivery_mode(PERSISTENT);
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let sending =
        channel.basic_publish("".into(), queue.into(), options, &body(number), properties).await;
    let confirmed = match sending {
        Ok(sending) => sending.await,
        Err(error) => Err(error),
    };
    match confirmed.map_err(|error| error.to_string())? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => Err(format!("there is no queue {queue}")),
        other => Err(format!("the broker refused a message for {queue}: {other:?}")),
    }
}

fn body(number: u32) -> Vec<u8> {
    [MARK, number.to_string().as_bytes(), UNREADABLE].concat()
}

/// Whether a message is one of them.
pub(super) fn is_ours(body: &[u8]) -> bool {
    body.starts_with(MARK) && body.ends_with(UNREADABLE)
}

#[cfg(test)]
mod tests {
    use super::{body, is_ours};

    #[test]
    fn they_are_known_again_and_cannot_be_read() {
        assert!(is_ours(&body(17)));
        assert!(!is_ours(b"{}") && !is_ours(b"chaos-poison 17"));
        assert!(serde_json::from_slice::<serde_json::Value>(&body(17)).is_err());
        assert!(std::str::from_utf8(&body(17)).is_err());
    }
}
