//! `queue-limit`: queues hold few messages, as after an operator's limit on all of them. What becomes
//! of a message above it is up to the queue: it is refused, or pushes the oldest one out.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims, queue};
use crate::action::{Action, Check, Injection, QueueLimit as Limit};
use crate::selector::Selector;
use crate::text::Item;

/// Limits how many messages queues may hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueLimit {
    /// Whose queues.
    pub selector: Selector,
    /// A name, or a pattern of names in which `*` stands for any part.
    pub queue: String,
    /// How many messages may wait in each.
    pub length: u32,
}

impl Kind for QueueLimit {
    /// Reads `{role | name, mode, queue, length}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let queue = fields.required("queue").and_then(|item| queue::pattern(&item));
        let length = fields.required("length").and_then(|item| length(&item));
        fields.finish();
        Some(Self { selector: selector?, queue: queue?, length: length? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("limit {} of {whom} to {} messages", self.queue, self.length)
    }

    /// One of the queues is as full as it may be; undone, the broker has no limit of ours.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let queues = queue::resolve(victims, &self.queue)?;
        let limit = || Limit { queues: queues.clone(), length: self.length };
        let mut heal = victims.start();
        heal.extend(victims.act(|replica| Action::UnlimitQueues { replica, limit: limit() }));
        let mut healed =
            victims.look(|replica| [Check::QueuesUnlimited { replica, limit: limit() }]);
        healed.extend(victims.work());
        Ok(Injection {
            inject: victims.act(|replica| Action::LimitQueues { replica, limit: limit() }),
            felt: victims.look(|replica| [Check::QueueFull { replica, limit: limit() }]),
            heal,
            healed,
        })
    }
}

fn length(item: &Item<'_>) -> Option<u32> {
    let length: u32 = item.parse("a whole number")?;
    if length > 0 {
        return Some(length);
    }
    item.wrong("a queue that holds 0 messages takes none: at least 1", None)
}
