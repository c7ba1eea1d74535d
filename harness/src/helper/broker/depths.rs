//! Tells how many messages wait in queues, whenever that changes.

use std::time::Instant;

use tokio::time::sleep;

use super::super::{LIMIT, watch_input};
use super::protocol::Depths;
use super::{LOOK, Told, connect, depth, ended};
use crate::terminal;

/// Tells until the standard input ends. A queue that is not there yet counts as empty.
pub(in crate::helper) async fn tell(queues: &[String]) -> Told<String> {
    let input = watch_input();
    let connection = connect().await?;
    let (begun, mut told) = (Instant::now(), None);
    while !ended(&input) && begun.elapsed() < LIMIT {
        let mut now = Depths::new();
        for queue in queues {
            let waiting = depth(&connection, queue).await;
            if waiting.is_err() && !connection.status().connected() {
                return waiting.map(|_| String::new());
            }
            now.insert(queue.clone(), waiting.unwrap_or(0));
        }
        if told.as_ref() != Some(&now) {
            terminal::result(&serde_json::to_string(&now).map_err(|error| error.to_string())?);
            told = Some(now);
        }
        sleep(LOOK).await;
    }
    Ok(String::new())
}
