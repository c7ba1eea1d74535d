//! The relay on a store and a broker that are made up, so that it can be cut off at every single
//! point where it waits: before and after each thing that it asks for. Time is paused.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{OutboxStore, Outgoing, Publish, PublishError, Relay, RelayError, Stored};
use crate::domain::event::{Event, EventName};
use crate::domain::order::{Kind, sample};

/// Events that are stored at the start.
const EVENTS: i64 = 3;
/// Behaviours of the broker that are drawn.
const SEEDS: u64 = 40;
/// Publishes after which the broker behaves: what goes wrong for ever is never delivered.
const UNRULY: usize = 4;

/// What outlives the relay.
#[derive(Default)]
struct World {
    /// Ids marked as sent.
    sent: BTreeSet<i64>,
    /// Ids that an open window holds: a second one must not get them.
    held: BTreeSet<i64>,
    /// Message ids that lie in the broker, each as often as it arrived.
    arrived: Vec<String>,
    /// Message ids whose arrival the relay was told.
    confirmed: BTreeSet<String>,
    publishes: usize,
    /// Points where the relay has waited in this life.
    waits: usize,
    /// At which of them it dies.
    dies_at: Option<usize>,
    random: fastrand::Rng,
}

#[derive(Clone, Default)]
struct Simulation {
    world: Arc<Mutex<World>>,
    dead: Arc<Notify>,
}

/// Gives back what it holds when it is dropped, as a connection that closes rolls back.
struct Window(Simulation, Vec<i64>);

impl Drop for Window {
    fn drop(&mut self) {
        let mut world = self.0.world();
        world.held.retain(|id| !self.1.contains(id));
    }
}

fn event(id: i64) -> Outgoing {
    let event = Event::new(EventName::OrderCreated, &sample(&format!("o-{id}"), Kind::Standard));
    Outgoing::event(&event, Uuid::from_u128(u128::try_from(id).unwrap()))
}

impl Simulation {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// A point where the relay waits, and may die.
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

    /// One life of the relay: until it dies, or until everything is sent. Says whether it died.
    async fn live(&self, dies_at: Option<usize>) -> bool {
        {
            let mut world = self.world();
            (world.waits, world.dies_at) = (0, dies_at);
        }
        let relay = Relay { store: self.clone(), publisher: self.clone(), wake: Arc::default() };
        let stop = CancellationToken::new();
        let all_sent = async {
            while i64::try_from(self.world().sent.len()) != Ok(EVENTS) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            biased;
            () = self.dead.notified() => true,
            () = relay.run(stop) => panic!("the relay ended by itself"),
            () = all_sent => false,
        }
    }

    /// The promises of the outbox, at any time.
    fn check(&self) {
        let world = self.world();
        for id in &world.sent {
            let message = event(*id).id;
            assert!(world.confirmed.contains(&message), "{id} is marked and was never confirmed");
            assert!(world.arrived.contains(&message), "{id} is marked and never arrived");
        }
        assert!(world.held.is_empty(), "a dead relay still holds {:?}", world.held);
    }
}

impl OutboxStore for Simulation {
    type Window = Window;

    async fn open(&self) -> Result<(Window, Vec<Stored>), RelayError> {
        self.wait().await;
        let window = {
            let mut world = self.world();
            let free: Vec<i64> = (1..=EVENTS)
                .filter(|id| !world.sent.contains(id) && !world.held.contains(id))
                .collect();
            world.held.extend(&free);
            Window(self.clone(), free)
        };
        self.wait().await;
        let stored = window.1.iter().map(|id| Stored { id: *id, message: event(*id) }).collect();
        Ok((window, stored))
    }

    async fn close(&self, window: Window, sent: &[i64]) -> Result<(), RelayError> {
        self.wait().await;
        assert!(sent.iter().all(|id| window.1.contains(id)), "marks what it does not hold");
        self.world().sent.extend(sent);
        // The answer of the commit may be lost.
        self.wait().await;
        Ok(())
    }
}

impl Publish for Simulation {
    async fn ready(&self) {
        self.wait().await;
    }

    async fn publish(&self, messages: &[Outgoing]) -> Vec<Result<(), PublishError>> {
        let mut results = Vec::new();
        for message in messages {
            self.wait().await;
            results.push(self.world().take(message));
            self.wait().await;
        }
        results
    }
}

impl World {
    /// What the broker does with a message: it may refuse it, return it, or keep quiet, having
    /// taken it or not.
    fn take(&mut self, message: &Outgoing) -> Result<(), PublishError> {
        self.publishes += 1;
        let behaviour = if self.publishes > UNRULY { 0 } else { self.random.u8(..5) };
        let quiet = || Err(PublishError::Unconfirmed("nothing was said".into()));
        match behaviour {
            0 => {
                self.arrived.push(message.id.clone());
                self.confirmed.insert(message.id.clone());
                Ok(())
            }
            1 => {
                self.arrived.push(message.id.clone());
                quiet()
            }
            2 => quiet(),
            3 => Err(PublishError::Refused),
            _ => Err(PublishError::Unroutable(message.routing_key.clone())),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_dies_and_whatever_the_broker_does_every_event_arrives_and_none_is_marked_before()
{
    let (mut crashes, mut twice) = (0, 0);
    for seed in 0..SEEDS {
        for dies_at in 1.. {
            let simulation = Simulation::default();
            simulation.world().random = fastrand::Rng::with_seed(seed);
            let died = simulation.live(Some(dies_at)).await;
            simulation.check();
            if !died {
                break;
            }
            crashes += 1;
            // The next one dies, too, a little later; the third one is left alone.
            let again = simulation.live(Some(dies_at % 7 + 1)).await;
            simulation.check();
            assert!(!again || !simulation.live(None).await);
            simulation.check();
            let world = simulation.world();
            assert_eq!(i64::try_from(world.sent.len()), Ok(EVENTS));
            twice += usize::from(world.arrived.len() > world.sent.len());
        }
    }
    println!("crash points of the relay: {crashes}, {twice} of them with a repeated message");
    assert!(crashes > 500 && twice > 100, "{crashes} crashes, {twice} repeats");
}
