//! How many messages wait in the queues of this service, asked of the broker.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::time::timeout;

use super::link::Link;
use super::topology::{dead_queue, retry_queues, work_queue};
use super::{BrokerError, Context};
use crate::metrics::Metrics;
use crate::role::Role;

/// A broker that takes longer than this counts as unreachable.
const DEADLINE: Duration = Duration::from_secs(1);

/// Messages by where they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Depths {
    /// In the queue of the service.
    pub(super) ready: u32,
    /// In its retry queues.
    pub(super) retry: u32,
    /// Among its dead letters.
    pub(super) dead: u32,
    /// With the service, not acknowledged.
    pub(super) unacked: i64,
    /// Whether the broker could be asked; otherwise the queues show what it said last.
    pub(super) broker_reachable: bool,
}

/// Asks for the depths, and remembers the last answer.
#[derive(Clone)]
pub(super) struct DepthGauge {
    role: Role,
    link: Link,
    metrics: Metrics,
    last: Arc<Mutex<Depths>>,
}

impl DepthGauge {
    pub(super) fn new(context: &Context, link: Link) -> Self {
        let metrics = context.metrics.clone();
        Self { role: context.role, link, metrics, last: Arc::default() }
    }

    /// The depths now. While the broker is away what lies in its queues has not changed, so the
    /// last answer is given.
    pub(super) async fn read(&self) -> Depths {
        let asked = timeout(DEADLINE, self.ask()).await;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = match asked {
            Ok(Ok(depths)) => depths,
            _ => Depths { broker_reachable: false, ..*last },
        };
        last.unacked = self.metrics.unacked.get();
        *last
    }

    async fn ask(&self) -> Result<Depths, BrokerError> {
        let channel = self.link.fresh_channel().await?;
        let count = async |queue: String| -> Result<u32, BrokerError> {
            let passive = QueueDeclareOptions::default().passive();
            let none = FieldTable::default();
            Ok(channel.queue_declare(queue.into(), passive, none).await?.message_count())
        };
        let mut depths = Depths { broker_reachable: true, ..Depths::default() };
        depths.ready = count(work_queue(self.role)).await?;
        for queue in retry_queues(self.role) {
            depths.retry += count(queue).await?;
        }
        depths.dead = count(dead_queue(self.role)).await?;
        channel.close(200, "counted".into()).await?;
        Ok(depths)
    }
}
