//! The queues of the tests' RabbitMQ. Each mode declares them in its own way, and a queue that is
//! there in another way is refused: so they are deleted between two modes.

use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};

use super::needed;

/// Every queue that the application may declare.
fn names() -> impl Iterator<Item = String> {
    ["orders", "inventory", "payments", "shipping", "notify"].into_iter().flat_map(|service| {
        let retry = (1..=4).map(move |attempt| format!("retry.{service}.{attempt}"));
        [format!("q.{service}"), format!("dlq.{service}")].into_iter().chain(retry)
    })
}

/// Deletes all queues of all services; one that is not there is no mistake.
pub(super) async fn delete_all() {
    let url = needed("CHAOS_TEST_AMQP_URL");
    let connection = Connection::connect(&url, ConnectionProperties::default()).await;
    let channel = connection.expect("RabbitMQ is there").create_channel().await.expect("a channel");
    for name in names() {
        let deleted = channel.queue_delete(name.into(), QueueDeleteOptions::default()).await;
        deleted.expect("a queue can be deleted");
    }
}
