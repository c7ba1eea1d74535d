//! The engine without a framework: hyper's connections, each held by a worker of its own, all in one
//! thread. It is the oracle that goose is compared with, and the engine for rates and numbers of
//! users that goose does not carry.
//!
//! A free worker keeps its connection, and the one that became free last is taken first: a calm load
//! uses as few connections as it needs, and the others close before their server does so.

mod connection;
mod desk;
mod message;
mod worker;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::desk::Desk;
use self::message::Server;
use super::Work;
use super::arrival::Arrival;
use super::client::IDLE_TIMEOUT;
use crate::port::PortError;

/// Workers that were free for too long are looked for this often.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);

/// Sends arrivals until the queue is closed and all of them have ended; returns how many requests
/// were begun.
pub(super) async fn drive(work: &Arc<Work>, started: impl FnOnce()) -> Result<u64, PortError> {
    let crew = Arc::new(Crew {
        server: Server::new(&work.entry)?,
        work: Arc::clone(work),
        free: Mutex::default(),
        freed: Notify::new(),
        requests: AtomicU64::new(0),
    });
    let mut workers = JoinSet::new();
    started();
    let mut sweep = interval(SWEEP_INTERVAL);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        while workers.try_join_next().is_some() {}
        tokio::select! {
            () = crew.freed.notified(), if !crew.has_place(workers.len()) => {}
            _ = workers.join_next(), if !crew.has_place(workers.len()) => {}
            arrival = work.queue.take(), if crew.has_place(workers.len()) => {
                let Some(first) = arrival else { break };
                crew.hand_out(first, &mut workers);
            }
            _ = sweep.tick() => crew.dismiss(Some(IDLE_TIMEOUT)),
        }
    }
    crew.dismiss(None);
    while workers.join_next().await.is_some() {}
    Ok(crew.requests.load(Ordering::Relaxed))
}

/// What workers share.
struct Crew {
    server: Server,
    work: Arc<Work>,
    /// Workers without work, the one that became free last at the end.
    free: Mutex<Vec<Arc<Desk>>>,
    /// Somebody became free while everybody was busy.
    freed: Notify,
    /// Requests that were begun.
    requests: AtomicU64,
}

impl Crew {
    /// Whether somebody could take an arrival now.
    fn has_place(&self, workers: usize) -> bool {
        workers < self.work.users || !self.free().is_empty()
    }

    /// Gives `first`, and whatever waits behind it, to workers until all are busy. Those who become
    /// free later help themselves.
    fn hand_out(self: &Arc<Self>, first: Arrival, workers: &mut JoinSet<()>) {
        let mut next = Some(first);
        while let Some(arrival) = next {
            let free = self.free().pop();
            match free {
                Some(desk) => desk.give(arrival),
                None => drop(workers.spawn(worker::work(Arc::clone(self), arrival))),
            }
            let place = self.has_place(workers.len());
            next = place.then(|| self.work.queue.try_take()).flatten();
        }
    }

    /// A worker has nothing to do.
    fn rest(&self, desk: &Arc<Desk>) {
        let mut free = self.free();
        free.push(Arc::clone(desk));
        if free.len() == 1 {
            self.freed.notify_one();
        }
    }

    /// Ends workers that have been free for some time, or everybody who is free.
    fn dismiss(&self, idle: Option<Duration>) {
        let mut free = self.free();
        // Who became free last stands last.
        let now = Instant::now();
        let long = |desk: &Arc<Desk>| idle.is_none_or(|idle| now - desk.free_since() >= idle);
        let leaving = free.partition_point(long);
        free.drain(..leaving).for_each(|desk| desk.dismiss());
    }

    fn free(&self) -> MutexGuard<'_, Vec<Arc<Desk>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
