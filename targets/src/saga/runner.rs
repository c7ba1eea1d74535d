//! Leads one order through its pipeline: write the intent, call, and write the outcome together with
//! the next intent, until nothing is left to do.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::sleep;
use uuid::Uuid;

use super::answer::Answer;
use super::clock::{Clock, micros};
use super::definition::{Entry, Move};
use super::log::{Change, End, LogError, Saga, SagaLog};
use super::retry::{Next, Patience};
use super::steps::{Reply, Steps};
use super::term::Term;
use crate::chaos_switch::{self, Point};
use crate::client::Direction;
use crate::domain::order::Order;
use crate::domain::state::State;
use crate::domain::step::Step;
use crate::log;
use crate::metrics::Metrics;
use crate::store::orders::View;

/// How long an order may go forward before it is turned back.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// Orders that are worked on at the same time; those that wait after a failure do not count.
const MOST_AT_WORK: usize = 64;
/// Pause before the log is read again after it failed, in milliseconds.
const LOG_PAUSE_MILLIS: std::ops::RangeInclusive<u64> = 100..=500;

/// Whoever waits for the end of an order: where it stands then, or why nobody goes on with it.
pub(super) type Waiter = oneshot::Sender<Result<View, String>>;

/// Leads orders through their pipelines.
pub(super) struct Runner {
    pub(super) log: Arc<dyn SagaLog>,
    pub(super) steps: Arc<dyn Steps>,
    pub(super) patience: Patience,
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    at_work: Semaphore,
}

impl Runner {
    pub(super) fn new(
        log: Arc<dyn SagaLog>,
        steps: Arc<dyn Steps>,
        patience: Patience,
        (clock, metrics): (Clock, Metrics),
    ) -> Self {
        Self { log, steps, patience, clock, metrics, at_work: Semaphore::new(MOST_AT_WORK) }
    }

    /// Leads a pipeline to its end, whatever breaks on the way: what the log does not say has not
    /// happened, so after a failure of the log it is read again.
    pub(super) async fn tend(
        &self,
        term: &Term,
        (id, mut opened): (Uuid, Option<Saga>),
        mut waiter: Option<Waiter>,
    ) {
        let mut failure = String::new();
        while !term.is_over() || opened.is_some() {
            let saga = match opened.take() {
                Some(saga) => Ok(Some(saga)),
                None => self.log.load(id).await,
            };
            let result = match saga {
                Ok(Some(saga)) => self.run_caught(term, saga, &mut waiter).await,
                Ok(None) => {
                    if let Some(waiter) = waiter.take() {
                        // Whoever waited may have left.
                        let _ = waiter.send(Err(failure));
                    }
                    return;
                }
                Err(error) => Err(error.to_string()),
            };
            let Err(error) = result else { return };
            log::event("pipeline interrupted", &[("saga", &id), ("error", &error)]);
            failure = error;
            sleep(Duration::from_millis(fastrand::u64(LOG_PAUSE_MILLIS))).await;
        }
    }

    /// Runs a pipeline; a panic counts as a failure.
    async fn run_caught(
        &self,
        term: &Term,
        saga: Saga,
        waiter: &mut Option<Waiter>,
    ) -> Result<(), String> {
        match AssertUnwindSafe(self.run(term, saga, waiter)).catch_unwind().await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(LogError::Outdated)) => {
                term.outdate();
                Ok(())
            }
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it panicked".into()),
        }
    }

    async fn run(
        &self,
        term: &Term,
        mut saga: Saga,
        waiter: &mut Option<Waiter>,
    ) -> Result<(), LogError> {
        let mut happened = Vec::new();
        loop {
            if let Some(due) = saga.due.take()
                && !self.wait(term, due).await
            {
                return Ok(());
            }
            let _turn = self.at_work.acquire().await;
            while saga.due.is_none() {
                saga.late = self.clock.now() >= saga.deadline;
                let Move::Call(step, direction) = saga.position.next(saga.late) else {
                    return self
                        .write(term, &mut saga, happened, Some(End::Finished))
                        .await
                        .map(drop);
                };
                let intent = saga.position.intent(step, direction);
                saga.position.apply(intent);
                happened.push(intent);
                let view = self.write(term, &mut saga, std::mem::take(&mut happened), None).await?;
                self.announce(view, waiter);
                let (answer, error) = match self.ask(term, &saga.order, step, direction).await {
                    Reply::Answered(answer, error) => (answer, error),
                    Reply::Outdated => return Err(LogError::Outdated),
                };
                let outcome = Entry { outcome: Some(answer), ..intent };
                saga.position.apply(outcome);
                happened.push(outcome);
                if answer.is_settled() {
                    continue;
                }
                if step == Step::Notify {
                    log::event(
                        "customer not told",
                        &[("order", &saga.order.id), ("error", &error)],
                    );
                    continue;
                }
                if self.fail(term, &mut saga, (&mut happened, error), waiter).await? {
                    return Ok(());
                }
            }
        }
    }

    /// Says what becomes of an order whose latest step failed; `true` ends its run.
    async fn fail(
        &self,
        term: &Term,
        saga: &mut Saga,
        (happened, error): (&mut Vec<Entry>, String),
        waiter: &mut Option<Waiter>,
    ) -> Result<bool, LogError> {
        let Some(Entry { step, direction, outcome: Some(answer), .. }) = happened.last().copied()
        else {
            return Ok(false);
        };
        let attempts = saga.position.attempts();
        match self.patience.after(step, direction, answer, attempts) {
            Next::Again(pause) if pause.is_zero() => return Ok(false),
            Next::Again(pause) => {
                let due = self.clock.now().saturating_add(micros(pause));
                // Going forward ends with the deadline, so nothing waits beyond it.
                let forward = direction == Direction::Forward && !step.is_finishing();
                let due = if forward { due.min(saga.deadline) } else { due };
                saga.due = Some(due);
                self.write(term, saga, std::mem::take(happened), None).await?;
                return Ok(term.is_over());
            }
            Next::SetAside => {
                log::event(
                    "order needs attention",
                    &[("order", &saga.order.id), ("step", &step.name()), ("error", &error)],
                );
                let end = End::SetAside { step, direction, error };
                self.write(term, saga, std::mem::take(happened), Some(end)).await?;
            }
            Next::Leave => {
                self.write(term, saga, std::mem::take(happened), None).await?;
                if let Some(waiter) = waiter.take() {
                    let _ = waiter.send(Err(error));
                }
            }
        }
        Ok(true)
    }

    /// Asks a service for a step, unless somebody else leads by now.
    async fn ask(&self, term: &Term, order: &Order, step: Step, direction: Direction) -> Reply {
        if term.is_outdated() {
            return Reply::Outdated;
        }
        let (before, after) = match direction {
            Direction::Forward => (Point::AfterIntent, Point::AfterCall),
            Direction::Compensate => (Point::MidCompensation, Point::AfterCompensation),
        };
        if let Err(injected) = chaos_switch::reach(step.name(), before).await {
            return Reply::Answered(Answer::NothingDone, injected.to_string());
        }
        let reply = self.steps.call(term.epoch, order, step, direction).await;
        match chaos_switch::reach(step.name(), after).await {
            Ok(()) => reply,
            Err(injected) => Reply::Answered(Answer::Unknown, injected.to_string()),
        }
    }

    async fn write(
        &self,
        term: &Term,
        saga: &mut Saga,
        entries: Vec<Entry>,
        end: Option<End>,
    ) -> Result<Option<View>, LogError> {
        let state = match end {
            Some(End::SetAside { .. }) => State::NeedsAttention,
            Some(End::Finished) | None => saga.position.state(saga.late),
        };
        let lines = entries.len();
        let change = Change {
            entries,
            state,
            reason: saga.position.reason(),
            attempts: saga.position.attempts(),
            due: saga.due,
            end,
        };
        let view = self.log.record(term.epoch, saga, &change).await?;
        saga.lines += lines;
        saga.state = state;
        Ok(view)
    }

    /// Tells whoever waits that an order has become final.
    fn announce(&self, view: Option<View>, waiter: &mut Option<Waiter>) {
        let Some(view) = view.filter(View::is_final) else { return };
        self.metrics.orders.with_label_values(&[&view.state]).inc();
        if let Some(waiter) = waiter.take() {
            // Whoever waited may have left.
            let _ = waiter.send(Ok(view));
        }
    }

    /// Waits until an order goes on; `false` when somebody else has to go on with it.
    async fn wait(&self, term: &Term, due: i64) -> bool {
        tokio::select! {
            () = sleep(self.clock.until(due)) => true,
            () = term.over() => false,
        }
    }
}
