//! Works off what is owed to orders: steps that only finish, steps that could not be undone at
//! once, and orders that were left halfway. Every replica does; none waits for another.

use std::sync::Arc;
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::ask;
use super::flow::Flow;
use crate::backlog::{Backlog, DeadLetter, Redriven};
use crate::client::{CallError, Client};
use crate::domain::state::State;
use crate::domain::step::{Direction, Step};
use crate::http::steps::StepRequest;
use crate::log;
use crate::metrics::Metrics;
use crate::store::todos::{self, Task, Todo};
use crate::store::{Database, StoreError, Unit, orders};

/// Tasks that are worked on at the same time.
const BATCH: usize = 16;
/// Time for one of them, retries included.
const TASK_LIMIT: Duration = Duration::from_millis(1_200);
/// Longest duration of a batch: longer than a call without the safeguard against long ones.
const BATCH_LIMIT: Duration = Duration::from_secs(45);
/// It is woken by this process; it looks by itself for what was left behind or has waited enough.
const POLL: Duration = Duration::from_millis(250);
/// Attempts before a task is given up.
const MOST_ATTEMPTS: u32 = 8;
/// The same for telling the customer, which nothing waits for: the service may have been removed.
const MOST_ATTEMPTS_TO_NOTIFY: u32 = 4;
/// Pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// The pause after a number of failures, spread by a quarter each way so that tasks which failed
/// together do not all come back together.
fn pause(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE).mul_f64(0.75 + 0.5 * fastrand::f64())
}

/// Whoever works off what is written down.
pub(super) struct Sweeper {
    database: Database,
    client: Arc<Client>,
    metrics: Metrics,
    wake: Arc<Notify>,
}

impl Sweeper {
    pub(super) fn new(flow: &Flow, wake: Arc<Notify>) -> Self {
        let Flow { database, client, metrics, .. } = flow;
        Self { database: database.clone(), client: client.clone(), metrics: metrics.clone(), wake }
    }

    /// Works batch after batch until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut failing = false;
        while !stop.is_cancelled() {
            let more = match self.sweep().await {
                Ok(more) => {
                    failing = false;
                    more
                }
                Err(error) => {
                    if !std::mem::replace(&mut failing, true) {
                        log::event("todos not worked off", &[("error", &error)]);
                    }
                    false
                }
            };
            if !more {
                tokio::select! {
                    _ = timeout(POLL, self.wake.notified()) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
    }

    /// Works on one batch, whose rows stay locked meanwhile; says whether more may be waiting.
    pub(super) async fn sweep(&self) -> Result<bool, StoreError> {
        let unit = self.database.begin_for(BATCH_LIMIT).await?;
        let due = todos::due(&unit, BATCH).await?;
        let abandoned = self.roll_back(&unit, &due).await?;
        if !abandoned {
            self.work(&unit, &due).await?;
        }
        unit.commit().await?;
        Ok(abandoned || due.len() == BATCH)
    }

    /// Takes abandoned orders over: from now on each of their steps has to be undone. Their owners
    /// wait for these rows, so they are not held during any call.
    async fn roll_back(&self, unit: &Unit, due: &[Todo]) -> Result<bool, StoreError> {
        let mut any = false;
        for todo in due.iter().filter(|todo| todo.task == Task::RollBack) {
            let order = &todo.order;
            todos::strike(unit, &order.id, Task::RollBack).await?;
            if orders::advance(unit, &order.id, State::Compensating, None).await?.is_some() {
                let steps = order.kind.steps().iter().rev();
                let undo = steps.map(|step| Task::Take(*step, Direction::Compensate));
                todos::owe(unit, order, &undo.collect::<Vec<_>>(), Duration::ZERO).await?;
            }
            log::event("abandoned order is rolled back", &[("order", &order.id)]);
            any = true;
        }
        Ok(any)
    }

    /// Tries all tasks at once and stores how that went.
    async fn work(&self, unit: &Unit, due: &[Todo]) -> Result<(), StoreError> {
        let results = join_all(due.iter().map(|todo| self.attempt(todo))).await;
        let held = due.iter().filter(|todo| todo.task.holds_order());
        let mut held: Vec<&Todo> = held.collect();
        held.sort_by(|left, right| left.order.id.cmp(&right.order.id));
        held.dedup_by(|left, right| left.order.id == right.order.id);
        let ids: Vec<&str> = held.iter().map(|todo| todo.order.id.as_str()).collect();
        todos::lock_orders(unit, &ids).await?;
        for (todo, result) in due.iter().zip(&results) {
            match result {
                Ok(()) => todos::strike(unit, &todo.order.id, todo.task).await.map(drop)?,
                Err(error) => self.fail(unit, todo, error).await?,
            }
        }
        for todo in held {
            self.end(unit, todo).await?;
        }
        Ok(())
    }

    async fn attempt(&self, todo: &Todo) -> Result<(), CallError> {
        let Task::Take(step, direction) = todo.task else { return Ok(()) };
        let request = StepRequest { order: todo.order.clone(), epoch: None };
        ask(&self.client, (step, direction), &request, Instant::now() + TASK_LIMIT).await
    }

    /// Puts a task off, or gives it up.
    async fn fail(&self, unit: &Unit, todo: &Todo, error: &CallError) -> Result<(), StoreError> {
        let notify = matches!(todo.task, Task::Take(Step::Notify, _));
        let most = if notify { MOST_ATTEMPTS_TO_NOTIFY } else { MOST_ATTEMPTS };
        let failures = todo.attempts + 1;
        let again = failures < most && !matches!(error, CallError::Never(..));
        if !again && notify {
            return todos::strike(unit, &todo.order.id, todo.task).await.map(drop);
        }
        let wait = again.then(|| pause(failures));
        todos::postpone(unit, todo, &error.to_string(), wait).await?;
        if !again {
            let (id, what) = (&todo.order.id, todo.task.name());
            log::event("todo given up", &[("order", id), ("what", &what), ("error", error)]);
            if todo.task.holds_order() {
                orders::advance(unit, id, State::NeedsAttention, None).await?;
            }
        }
        Ok(())
    }

    /// Ends an order of which nothing is left.
    async fn end(&self, unit: &Unit, todo: &Todo) -> Result<(), StoreError> {
        let order = &todo.order;
        let Some(state) = todos::end_of(unit, &order.id).await? else { return Ok(()) };
        if orders::advance(unit, &order.id, state, None).await?.is_none() {
            return Ok(());
        }
        self.metrics.orders.with_label_values(&[state.name()]).inc();
        if state == State::Rejected {
            let tell = Task::Take(Step::Notify, Direction::Compensate);
            todos::owe(unit, order, &[tell], Duration::ZERO).await?;
        }
        Ok(())
    }
}

/// What is owed, for operators and auditors.
pub(super) struct Owed {
    database: Database,
    log: Option<Arc<Notify>>,
}

impl Owed {
    pub(super) fn new(flow: &Flow) -> Self {
        Self { database: flow.database.clone(), log: flow.log.clone() }
    }
}

impl Backlog for Owed {
    fn pending(&self) -> BoxFuture<'_, Result<Map<String, Value>, StoreError>> {
        Box::pin(async {
            let (owed, dead) = todos::count(&self.database).await?;
            Ok([("todos".to_owned(), owed.into()), ("dead".to_owned(), dead.into())]
                .into_iter()
                .collect())
        })
    }

    fn dead(&self) -> BoxFuture<'_, Result<Vec<DeadLetter>, String>> {
        Box::pin(async { todos::dead(&self.database).await.map_err(|error| error.to_string()) })
    }

    fn redrive(&self) -> BoxFuture<'_, Result<Redriven, String>> {
        Box::pin(async {
            let result = todos::redrive(&self.database).await;
            if let Some(log) = &self.log {
                log.notify_one();
            }
            result.map_err(|error| error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONGEST_PAUSE, MOST_ATTEMPTS, pause};

    #[test]
    fn pauses_grow_to_a_bound_and_outlast_a_restart_of_any_service() {
        let mut longest = Duration::ZERO;
        for failures in 1..MOST_ATTEMPTS {
            let (least, most) = (200 << (failures - 1), 313 << (failures - 1));
            let drawn = pause(failures);
            assert!(drawn <= LONGEST_PAUSE.mul_f64(1.25));
            assert!(drawn <= Duration::from_millis(most), "{failures}: {drawn:?}");
            assert!(drawn >= Duration::from_millis(least).min(LONGEST_PAUSE).mul_f64(0.75));
            longest += drawn;
        }
        assert!(longest > Duration::from_secs(17) && longest < Duration::from_secs(30));
        assert!(pause(u32::MAX) <= LONGEST_PAUSE.mul_f64(1.25));
    }
}
