//! No log: an order is stored, but how far its pipeline has come is known only to the task that leads
//! it, and dies with the process. What is set aside is lost with it, too.

use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use uuid::Uuid;

use super::lease;
use super::log::{
    Change, Counts, End, Epoch, LogError, MOST_REDRIVES, Opened, Saga, SagaLog, place,
};
use crate::backlog::{DeadLetter, Redriven};
use crate::domain::order::Order;
use crate::safeguard::Safeguards;
use crate::store::Database;
use crate::store::orders::{self, Opening, View};

/// Orders that are remembered when they are set aside; further ones are forgotten.
const MOST_ASIDE: usize = 10_000;
/// Without a log nobody could turn an order back later, so nothing ends its way forward.
const NEVER: i64 = i64::MAX;

/// Remembers nothing of a pipeline but the state of its order.
pub(crate) struct MemoryLog {
    database: Database,
    safeguards: Safeguards,
    aside: Mutex<Vec<Aside>>,
}

struct Aside {
    saga: Saga,
    letter: DeadLetter,
    redrives: i64,
    /// It is being tried again.
    out: bool,
}

impl MemoryLog {
    /// A log for orders in `database`.
    pub(crate) fn new(database: Database, safeguards: Safeguards) -> Self {
        Self { database, safeguards, aside: Mutex::default() }
    }

    fn aside(&self) -> MutexGuard<'_, Vec<Aside>> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self, epoch: Epoch, id: Uuid, order: &Order) -> Result<Opened, LogError> {
        let unit = self.database.begin().await?;
        lease::hold(&unit, epoch).await?;
        let opened = orders::open(&unit, order, self.safeguards).await?;
        unit.commit().await?;
        Ok(match opened {
            Opening::New(view) => Opened::New(Saga::start(id, order.clone(), NEVER).into(), view),
            Opening::Known(view) => Opened::Known(view),
            Opening::Conflict => Opened::Conflict,
        })
    }

    async fn record(
        &self,
        epoch: Epoch,
        saga: &Saga,
        change: &Change,
    ) -> Result<Option<View>, LogError> {
        let mut view = None;
        if change.state != saga.state {
            let unit = self.database.begin().await?;
            lease::hold(&unit, epoch).await?;
            view = orders::advance(&unit, &saga.order.id, change.state, change.reason).await?;
            unit.commit().await?;
        }
        match &change.end {
            Some(End::SetAside { step, direction, error }) => {
                let letter = DeadLetter {
                    table: "dead",
                    id: saga.id.to_string(),
                    order: saga.order.id.clone(),
                    queue: place(step.name(), direction.name()),
                    reason: error.clone(),
                    attempts: change.attempts as usize,
                };
                self.set_aside(saga, letter);
            }
            Some(End::Finished) => self.aside().retain(|aside| aside.saga.id != saga.id),
            None => {}
        }
        Ok(view)
    }

    fn set_aside(&self, saga: &Saga, letter: DeadLetter) {
        let mut saga = saga.clone();
        saga.position.set_attempts(0);
        let mut all = self.aside();
        if let Some(aside) = all.iter_mut().find(|aside| aside.saga.id == saga.id) {
            (aside.saga, aside.letter, aside.out) = (saga, letter, false);
        } else if all.len() < MOST_ASIDE {
            all.push(Aside { saga, letter, redrives: 0, out: false });
        }
    }

    fn redrive(&self, limit: usize) -> Redriven {
        let (mut redriven, mut refused) = (0, 0);
        for aside in self.aside().iter_mut().filter(|aside| !aside.out) {
            if aside.redrives >= MOST_REDRIVES {
                refused += 1;
            } else if redriven < limit {
                (aside.redrives, aside.out) = (aside.redrives + 1, true);
                redriven += 1;
            }
        }
        Redriven { redriven, refused }
    }
}

impl SagaLog for MemoryLog {
    fn take_over(&self, if_idle: bool) -> BoxFuture<'_, Result<Option<i64>, LogError>> {
        Box::pin(lease::take_over(&self.database, if_idle))
    }

    fn keep(&self, epoch: i64) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(lease::keep(&self.database, epoch))
    }

    fn open<'a>(
        &'a self,
        epoch: Epoch,
        id: Uuid,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Opened, LogError>> {
        Box::pin(self.open(epoch, id, order))
    }

    fn record<'a>(
        &'a self,
        epoch: Epoch,
        saga: &'a Saga,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Option<View>, LogError>> {
        Box::pin(self.record(epoch, saga, change))
    }

    /// Only what is being tried again can be had once more.
    fn load(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Saga>, LogError>> {
        Box::pin(async move {
            let mut all = self.aside();
            let found = all.iter_mut().find(|aside| aside.out && aside.saga.id == id);
            Ok(found.map(|aside| aside.saga.clone()))
        })
    }

    fn unfinished(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Uuid>, LogError>> {
        Box::pin(async move {
            let all = self.aside();
            let out = all.iter().filter(|aside| aside.out).map(|aside| aside.saga.id);
            let mut ids: Vec<Uuid> = out.filter(|id| Some(*id) > after).collect();
            ids.sort_unstable();
            ids.truncate(limit);
            Ok(ids)
        })
    }

    fn count(&self) -> BoxFuture<'_, Result<Counts, LogError>> {
        Box::pin(async {
            let dead = self.aside().iter().filter(|aside| !aside.out).count();
            let dead = i64::try_from(dead).unwrap_or(i64::MAX);
            Ok(Counts { dead, ..Counts::default() })
        })
    }

    fn dead(&self) -> BoxFuture<'_, Result<Vec<DeadLetter>, LogError>> {
        Box::pin(async {
            let all = self.aside();
            Ok(all.iter().filter(|aside| !aside.out).map(|aside| aside.letter.clone()).collect())
        })
    }

    fn redrive(&self, _epoch: Epoch, limit: usize) -> BoxFuture<'_, Result<Redriven, LogError>> {
        Box::pin(async move { Ok(self.redrive(limit)) })
    }
}
