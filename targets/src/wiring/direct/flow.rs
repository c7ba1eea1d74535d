//! The way of one order: forward step by step, and back when a step cannot be had.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::{ask, unfinished};
use crate::chaos_switch::{self, Injected, Point};
use crate::client::{CallError, Client};
use crate::domain::order::Order;
use crate::domain::state::{Reason, State};
use crate::domain::step::{Direction, Step};
use crate::http::public::PlaceError;
use crate::http::steps::{StepAnswer, StepRequest};
use crate::metrics::Metrics;
use crate::safeguard::{Safeguard, Safeguards};
use crate::store::orders::{self, Opening, View};
use crate::store::todos::{self, Task};
use crate::store::{Database, StoreError};

/// Time for all steps of an order, retries included.
pub(super) const WHOLE_LIMIT: Duration = Duration::from_millis(2_500);
/// Time for undoing them before the customer is answered, where the steps took longer than that.
const UNDO_LIMIT: Duration = Duration::from_millis(500);
/// An order that was begun so long ago was left halfway: longer than any order can take.
const ABANDONED: Duration = Duration::from_secs(10);

/// How far an order came.
enum End {
    /// All steps are done.
    Done,
    /// The business refused one.
    Refused(Reason),
    /// One could not be had.
    Failed(String),
}

/// What leads an order through its steps.
pub(super) struct Flow {
    pub(super) database: Database,
    pub(super) client: Arc<Client>,
    safeguards: Safeguards,
    pub(super) metrics: Metrics,
    /// Wakes who works off what is written down; nothing is, where there is nobody.
    pub(super) log: Option<Arc<Notify>>,
}

impl Flow {
    pub(super) fn new(
        database: Database,
        client: Client,
        safeguards: Safeguards,
        metrics: Metrics,
    ) -> Self {
        let log = safeguards.has(Safeguard::DurableLog).then(Arc::default);
        Self { database, client: Arc::new(client), safeguards, metrics, log }
    }

    /// Takes an order from its first commit to its last.
    pub(super) async fn place(&self, order: Order) -> Result<View, PlaceError> {
        let deadline = Instant::now() + WHOLE_LIMIT;
        let opened = match self.open(&order).await? {
            Opening::New(view) => view,
            Opening::Known(view) => return recall(view),
            Opening::Conflict => return Err(PlaceError::Conflict),
        };
        let request = StepRequest { order, epoch: None };
        let (touched, end) = self.go_forward(&request, deadline).await;
        let closed = match end {
            End::Done => self.complete(request).await?,
            End::Refused(reason) => self.reject(request, touched, reason, deadline).await?,
            End::Failed(error) => return Err(self.cancel(request, touched, error, deadline).await),
        };
        Ok(closed.unwrap_or(opened))
    }

    async fn complete(&self, request: StepRequest) -> Result<Option<View>, PlaceError> {
        let finishing = request.order.kind.finishing().iter().chain(&[Step::Notify]);
        let follow = finishing.map(|step| Task::Take(*step, Direction::Forward)).collect();
        self.close(request, State::Completed, None, follow).await
    }

    async fn reject(
        &self,
        request: StepRequest,
        touched: &[Step],
        reason: Reason,
        deadline: Instant,
    ) -> Result<Option<View>, PlaceError> {
        let owed = self.go_back(&request, touched, deadline).await;
        if owed.is_empty() {
            let follow = vec![Task::Take(Step::Notify, Direction::Compensate)];
            return self.close(request, State::Rejected, Some(reason), follow).await;
        }
        self.close(request, State::Compensating, Some(reason), owed).await?;
        Err(unfinished(&format!("it was refused ({reason}), and is still being undone")))
    }

    async fn cancel(
        &self,
        request: StepRequest,
        touched: &[Step],
        error: String,
        deadline: Instant,
    ) -> PlaceError {
        // Without a log nobody could go back reliably, and so nobody tries.
        if self.log.is_none() {
            return unfinished(&error);
        }
        let owed = self.go_back(&request, touched, deadline).await;
        let (state, answer) = if owed.is_empty() {
            (State::Cancelled, PlaceError::Cancelled(error))
        } else {
            (State::Compensating, unfinished(&format!("{error}; it is still being undone")))
        };
        self.close(request, state, None, owed).await.err().unwrap_or(answer)
    }

    /// Stores the order, and with it what has to be done if nobody ends it.
    pub(super) async fn open(&self, order: &Order) -> Result<Opening, PlaceError> {
        let injected = |injected: Injected| StoreError::Undone(injected.to_string());
        chaos_switch::reach("order", Point::BeforeTx).await.map_err(injected)?;
        let unit = self.database.begin().await?;
        let opening = orders::open(&unit, order, self.safeguards).await?;
        if self.log.is_some() && matches!(opening, Opening::New(_)) {
            todos::owe(&unit, order, &[Task::RollBack], ABANDONED).await?;
        }
        unit.commit().await?;
        Ok(opening)
    }

    /// Asks for one step after the other. Says which may have left something, and how it ended.
    async fn go_forward(&self, request: &StepRequest, deadline: Instant) -> (&'static [Step], End) {
        let steps = request.order.kind.steps();
        for (position, step) in steps.iter().enumerate() {
            match self.forward(*step, request, deadline).await {
                Ok(StepAnswer::Done) => {}
                Ok(StepAnswer::Refused { reason }) => {
                    return (&steps[..position], End::Refused(reason));
                }
                Err(error @ CallError::NothingDone(..)) => {
                    return (&steps[..position], End::Failed(error.to_string()));
                }
                Err(error) => return (&steps[..=position], End::Failed(error.to_string())),
                Ok(StepAnswer::Undone) => {
                    let error = format!("{} was undone instead of done", step.name());
                    return (&steps[..=position], End::Failed(error));
                }
            }
        }
        (steps, End::Done)
    }

    async fn forward(
        &self,
        step: Step,
        request: &StepRequest,
        deadline: Instant,
    ) -> Result<StepAnswer, CallError> {
        let lost =
            |injected: Injected| CallError::Unknown(step.owner().name(), injected.to_string());
        chaos_switch::reach(step.name(), Point::AfterIntent).await.map_err(lost)?;
        let answer = self.client.call(step, Direction::Forward, request, deadline).await;
        chaos_switch::reach(step.name(), Point::AfterCall).await.map_err(lost)?;
        answer
    }

    /// Undoes steps in reverse, and returns what is still owed: nothing without a log, where nobody
    /// would come back to it.
    async fn go_back(
        &self,
        request: &StepRequest,
        touched: &[Step],
        deadline: Instant,
    ) -> Vec<Task> {
        let deadline = deadline.max(Instant::now() + UNDO_LIMIT);
        let mut owed = Vec::new();
        for step in touched.iter().rev() {
            let way = (*step, Direction::Compensate);
            if ask(&self.client, way, request, deadline).await.is_err() {
                owed.push(Task::Take(way.0, way.1));
            }
        }
        if self.log.is_none() { Vec::new() } else { owed }
    }

    /// Stores where the order has got to, with what follows from it.
    async fn close(
        &self,
        request: StepRequest,
        state: State,
        reason: Option<Reason>,
        follow: Vec<Task>,
    ) -> Result<Option<View>, PlaceError> {
        let stored = self.store_end(&request.order, state, reason, &follow).await;
        // Steps were done before: no failure of the store means that nothing has happened.
        let closed = stored.map_err(|error| unfinished(&error))?;
        chaos_switch::reach("order", Point::AfterCommit)
            .await
            .map_err(|injected| unfinished(&injected))?;
        if closed.is_some() && state.is_final() {
            self.metrics.orders.with_label_values(&[state.name()]).inc();
        }
        match &self.log {
            Some(log) => log.notify_one(),
            None => drop(tokio::spawn(try_once(self.client.clone(), request, follow))),
        }
        Ok(closed)
    }

    pub(super) async fn store_end(
        &self,
        order: &Order,
        state: State,
        reason: Option<Reason>,
        follow: &[Task],
    ) -> Result<Option<View>, StoreError> {
        let unit = self.database.begin().await?;
        if self.log.is_some() {
            if !todos::strike(&unit, &order.id, Task::RollBack).await? {
                let taken = "it took so long that it was taken for abandoned and rolled back";
                return Err(StoreError::Undone(taken.into()));
            }
            todos::owe(&unit, order, follow, Duration::ZERO).await?;
        }
        let closed = orders::advance(&unit, &order.id, state, reason).await?;
        unit.commit().await?;
        Ok(closed)
    }
}

/// The answer for an order that was stored earlier. One that is not final promises nothing: it may
/// yet be rolled back.
fn recall(view: View) -> Result<View, PlaceError> {
    match State::parse(&view.state) {
        Some(State::Completed | State::Rejected) => Ok(view),
        Some(State::Cancelled) => Err(PlaceError::Cancelled("use a new id to try again".into())),
        _ => Err(unfinished(&"it is still being worked on")),
    }
}

/// Without a log there is one attempt, and nobody learns how it went.
async fn try_once(client: Arc<Client>, request: StepRequest, tasks: Vec<Task>) {
    for task in tasks {
        if let Task::Take(step, direction) = task {
            let deadline = Instant::now() + WHOLE_LIMIT;
            let _ = ask(&client, (step, direction), &request, deadline).await;
        }
    }
}
