//! `poison-message`: messages that no handler can read get into a queue, as after a faulty release
//! of whoever sends them. A sound application sets them aside; another one trips over them for ever.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims, queue};
use crate::action::{Action, Check, Injection, Poison};
use crate::quantity::Span;
use crate::selector::Selector;
use crate::text::Item;

/// How many, unless said; and the most.
const USUAL: u32 = 20;
const MOST: u32 = 10_000;
/// The longest time between two of them.
const LONGEST: Span = Span::seconds(60);

/// Puts messages that nobody can read into a queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoisonMessage {
    /// Whose queue.
    pub selector: Selector,
    /// Its name.
    pub queue: String,
    /// How many.
    pub count: u32,
    /// Time between two of them; those that are not due when the fault ends are not sent.
    pub every: Span,
}

impl Kind for PoisonMessage {
    /// Reads `{role | name, mode, queue, count, every}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let queue = fields.required("queue").and_then(|item| queue::pattern(&item));
        let count = fields.optional("count").map_or(Some(USUAL), |item| count(&item));
        let every = fields.optional("every").map_or(Some(Span::ZERO), |item| every(&item));
        fields.finish();
        Some(Self { selector: selector?, queue: queue?, count: count?, every: every? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        let messages = if self.count == 1 { "message" } else { "messages" };
        format!("put {} unreadable {messages} into {} of {whom}", self.count, self.queue)
    }

    /// Consumers take them; undone, none of them is left in the queue or among the dead letters.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let queues = queue::resolve(victims, &self.queue)?;
        let [queue] = queues.as_slice() else {
            let (pattern, names) = (&self.queue, queues.join(", "));
            return Err(format!("`{pattern}` means several queues: choose one of {names}"));
        };
        let dead = victims.target.queues.get(queue).and_then(|known| known.dead.clone());
        let Self { count, every, .. } = *self;
        let poison = || Poison { queue: queue.clone(), dead: dead.clone(), count, every };
        // A broker that somebody ended meanwhile has to run before anything is taken out of it.
        let mut heal = victims.start();
        heal.extend(victims.act(|replica| Action::EndPoison { replica, poison: poison() }));
        let mut healed = victims.look(|replica| [Check::Unpoisoned { replica, poison: poison() }]);
        healed.extend(victims.work());
        Ok(Injection {
            inject: victims.act(|replica| Action::Poison { replica, poison: poison() }),
            felt: victims.look(|replica| [Check::Poisoned { replica, poison: poison() }]),
            heal,
            healed,
        })
    }
}

fn count(item: &Item<'_>) -> Option<u32> {
    let count: u32 = item.parse("a whole number")?;
    if (1..=MOST).contains(&count) {
        return Some(count);
    }
    item.wrong(format!("{count} is not a number of messages from 1 to {MOST}"), None)
}

fn every(item: &Item<'_>) -> Option<Span> {
    let every: Span = item.parse("a span of time, such as `500ms`")?;
    if every <= LONGEST {
        return Some(every);
    }
    item.wrong(format!("{every} is longer than {LONGEST} between two messages"), None)
}
