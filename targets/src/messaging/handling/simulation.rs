//! The handling of messages on a database and a broker that are made up, so that it can be cut off
//! at every single point where it waits. The broker delivers more than once and in any order, and
//! two replicas take messages at the same time. Time is paused.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use uuid::Uuid;

use super::{Effects, Handling, Message, PublishError, StepError, StoreError, Work};
use crate::domain::event::{Event, EventName};
use crate::domain::order::{Kind, sample};
use crate::metrics::Metrics;
use crate::trial::all_but;

/// Messages that are different.
const MESSAGES: u128 = 4;
/// Courses of the world that are drawn.
const SEEDS: u64 = 40;
/// Transactions after which the database behaves: what fails for ever is never handled.
const UNRULY: usize = 4;

/// What outlives the replicas.
#[derive(Default)]
struct World {
    /// Messages that wait in the queue.
    queue: Vec<Uuid>,
    /// Messages that were delivered and not acknowledged.
    unacked: Vec<Uuid>,
    /// Ids that were noted down.
    inbox: HashSet<Uuid>,
    /// What was done for each message, and what was stored to be published: how often.
    effects: HashMap<Uuid, usize>,
    outbox: HashMap<Uuid, usize>,
    /// Ids that an open transaction has noted down: others wait for its end.
    locked: HashSet<Uuid>,
    begun: usize,
    /// Points where somebody has waited in this life.
    waits: usize,
    /// At which of them all die.
    dies_at: Option<usize>,
    random: fastrand::Rng,
}

#[derive(Clone, Default)]
struct Simulation {
    world: Arc<Mutex<World>>,
    dead: Arc<Notify>,
    unlocked: Arc<Notify>,
}

/// What a transaction has done so far: nothing, unless it is committed.
struct Draft {
    simulation: Simulation,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    noted: Vec<Uuid>,
    effects: Vec<Uuid>,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let noted = std::mem::take(&mut self.content.lock().unwrap().noted);
        self.simulation.world().locked.retain(|id| !noted.contains(id));
        self.simulation.unlocked.notify_waiters();
    }
}

fn event(id: Uuid) -> Event {
    Event::new(EventName::OrderCreated, &sample(&id.to_string(), Kind::Standard))
}

fn id_of(event: &Event) -> Uuid {
    event.order.id.parse().unwrap()
}

fn broken() -> StoreError {
    StoreError::Undone("the database failed".into())
}

impl Simulation {
    /// A broker with up to `most_copies` of each message.
    fn new(seed: u64, most_copies: u8) -> Self {
        let simulation = Self::default();
        {
            let mut world = simulation.world();
            world.random = fastrand::Rng::with_seed(seed);
            for id in (1..=MESSAGES).map(Uuid::from_u128) {
                let copies = world.random.u8(1..=most_copies);
                world.queue.extend((0..copies).map(|_| id));
            }
        }
        simulation
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A point where a replica waits, and may die.
    async fn wait(&self) {
        let dies = {
            let mut world = self.world();
            world.waits += 1;
            world.dies_at == Some(world.waits)
        };
        if dies {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
    }

    /// One life of two replicas: until they die, or until nothing is left. Says whether they died.
    async fn live(&self, off: &str, dies_at: Option<usize>) -> bool {
        {
            let world = &mut *self.world();
            (world.waits, world.dies_at) = (0, dies_at);
            // The broker takes back what was not acknowledged.
            world.queue.append(&mut world.unacked);
        }
        let handling = || Handling {
            effects: self.clone(),
            safeguards: all_but(off),
            metrics: Metrics::new(),
        };
        let (one, other) = (handling(), handling());
        tokio::select! {
            biased;
            () = self.dead.notified() => true,
            ((), ()) = async { tokio::join!(self.consume(&one), self.consume(&other)) } => false,
        }
    }

    /// Takes messages until there are none: acknowledges what was handled, and puts back what was not.
    async fn consume(&self, handling: &Handling<Self>) {
        loop {
            let batch = self.world().deliver();
            if batch.is_empty() {
                return;
            }
            self.wait().await;
            let messages: Vec<Message> =
                batch.iter().map(|id| Message { id: *id, event: event(*id) }).collect();
            let handled = handling.handle(&messages.iter().collect::<Vec<_>>()).await;
            self.wait().await;
            self.world().settle(&batch, handled.is_ok());
            self.wait().await;
        }
    }

    /// What must hold at any time, with the inbox.
    fn check(&self) {
        let world = self.world();
        assert!(world.locked.is_empty(), "the dead hold {:?}", world.locked);
        for counts in [&world.effects, &world.outbox] {
            assert!(counts.values().all(|count| *count == 1), "not once: {counts:?}");
            assert_eq!(counts.keys().copied().collect::<HashSet<_>>(), world.inbox);
        }
    }

    /// Whether anything was done, or is to be published, more than once.
    fn is_doubled(&self) -> bool {
        let world = self.world();
        world.effects.values().chain(world.outbox.values()).any(|count| *count > 1)
    }
}

impl World {
    /// Some messages of the queue, from anywhere in it.
    fn deliver(&mut self) -> Vec<Uuid> {
        let most = self.random.usize(1..=3).min(self.queue.len());
        let take = |_| {
            let position = self.random.usize(..self.queue.len());
            self.queue.swap_remove(position)
        };
        let batch: Vec<Uuid> = (0..most).map(take).collect();
        self.unacked.extend(&batch);
        batch
    }

    fn settle(&mut self, batch: &[Uuid], handled: bool) {
        for id in batch {
            let position = self.unacked.iter().position(|unacked| unacked == id).unwrap();
            self.unacked.swap_remove(position);
        }
        if !handled {
            self.queue.extend(batch);
        }
    }

    /// Notes ids down, and returns those that are new; nothing while another transaction holds one.
    fn note(&mut self, ids: &[Uuid]) -> Option<HashSet<Uuid>> {
        if ids.iter().any(|id| self.locked.contains(id)) {
            return None;
        }
        let unknown = ids.iter().filter(|id| !self.inbox.contains(id));
        let new: HashSet<Uuid> = unknown.copied().collect();
        self.locked.extend(&new);
        Some(new)
    }

    /// One of `ways` ways in which things go; the first one, which is well, once all behave.
    fn way(&mut self, ways: u8) -> u8 {
        if self.begun > UNRULY { 0 } else { self.random.u8(..ways) }
    }
}

impl Effects for Simulation {
    type Unit = Draft;
    type Pending = ();

    fn work(&self, _: &Event) -> Option<Work> {
        None
    }

    async fn begin(&self) -> Result<Draft, StoreError> {
        self.wait().await;
        self.world().begun += 1;
        Ok(Draft { simulation: self.clone(), content: Mutex::default() })
    }

    async fn note(&self, unit: &Draft, ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
        self.wait().await;
        loop {
            let unlocked = self.unlocked.notified();
            let noted = self.world().note(ids);
            if let Some(new) = noted {
                unit.content.lock().unwrap().noted.extend(&new);
                self.wait().await;
                return Ok(new);
            }
            unlocked.await;
        }
    }

    async fn react(&self, unit: &Draft, events: &[&Event]) -> Result<Vec<Event>, StepError> {
        for event in events {
            self.wait().await;
            if self.world().way(4) == 1 {
                return Err(broken().into());
            }
            unit.content.lock().unwrap().effects.push(id_of(event));
        }
        self.wait().await;
        Ok(events.iter().map(|event| (*event).clone()).collect())
    }

    async fn commit(&self, unit: Draft, follow: Vec<Event>) -> Result<(), StoreError> {
        self.wait().await;
        let way = self.world().way(4);
        if way == 1 {
            return Err(broken());
        }
        if way != 2 {
            let content = unit.content.lock().unwrap();
            let mut world = self.world();
            world.inbox.extend(&content.noted);
            for id in &content.effects {
                *world.effects.entry(*id).or_default() += 1;
            }
            for event in &follow {
                *world.outbox.entry(id_of(event)).or_default() += 1;
            }
        }
        drop(unit);
        // The answer may be lost, whether or not there was a commit.
        self.wait().await;
        if way >= 2 { Err(StoreError::CommitUnknown("no answer".into())) } else { Ok(()) }
    }

    async fn dispatch(&self, (): ()) -> Result<(), PublishError> {
        self.wait().await;
        match self.world().way(4) {
            1 => Err(PublishError::NotConnected),
            _ => Ok(()),
        }
    }
}

/// Dies at every point there is, and soon again after that: the crashes, and how many of them had
/// something done twice.
async fn crash_everywhere(off: &str, most_copies: u8) -> (usize, usize) {
    let (mut crashes, mut doubled) = (0, 0);
    for seed in 0..SEEDS {
        for dies_at in 1.. {
            let simulation = Simulation::new(seed, most_copies);
            let check = || {
                if off.is_empty() {
                    simulation.check();
                }
            };
            let died = simulation.live(off, Some(dies_at)).await;
            check();
            if died {
                crashes += 1;
                let again = simulation.live(off, Some(dies_at % 11 + 1)).await;
                check();
                assert!(!again || !simulation.live(off, None).await);
                check();
            }
            let world = simulation.world();
            assert!(world.queue.is_empty() && world.unacked.is_empty());
            let all = usize::try_from(MESSAGES).unwrap();
            assert_eq!((world.effects.len(), world.outbox.len()), (all, all), "something is lost");
            drop(world);
            if !died {
                break;
            }
            doubled += usize::from(simulation.is_doubled());
        }
    }
    (crashes, doubled)
}

#[tokio::test(start_paused = true)]
async fn whatever_dies_and_whatever_comes_twice_every_message_has_its_effect_once() {
    let (crashes, doubled) = crash_everywhere("", 3).await;
    println!("crash points of the inbox: {crashes}, {doubled} of them with a repeated effect");
    assert!(crashes > 500 && doubled == 0, "{crashes} crashes, {doubled} doubled");
}

#[tokio::test(start_paused = true)]
async fn without_the_inbox_a_crash_or_a_lost_answer_is_enough_to_repeat_an_effect() {
    let (crashes, doubled) = crash_everywhere("INBOX", 1).await;
    println!("crash points without the inbox: {crashes}, {doubled} of them with a repeated effect");
    assert!(
        crashes > 500 && (100..crashes).contains(&doubled),
        "{crashes} crashes, {doubled} doubled"
    );
}
