//! One arrival on its way, and the queue in which arrivals wait for a worker. An arrival settles
//! itself when it is dropped, so a worker that panics, a queue that is thrown away, or a runtime
//! that is torn down in a hang never loses one: the fates of a run sum to what was due.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaos_reports::record::Moment;
use chaos_reports::record::order::Outcome;
use chaos_scenarios::workload::{Request, RequestTemplate};
use tokio::sync::Semaphore;

use super::outcome::{Answer, Seen, Told};
use super::tally::{Entry, Tally};

/// What of a request goes over the wire.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
}

/// A request that is due; settled exactly once.
pub(super) struct Arrival {
    n: u64,
    due: Moment,
    request: Request,
    start: Option<Moment>,
    settled: bool,
    tally: Arc<Tally>,
}

impl Arrival {
    /// Enters the `n`-th request, which is due now.
    pub(super) fn new(n: u64, due: Moment, request: Request, tally: Arc<Tally>) -> Self {
        tally.enter(request.template, due);
        Self { n, due, request, start: None, settled: false, tally }
    }

    pub(super) fn request(&self) -> &Request {
        &self.request
    }

    /// Takes out what is to be sent, so that nothing of it has to be copied.
    pub(super) fn take_message(&mut self) -> Message {
        let Request { method, path, headers, body, .. } = &mut self.request;
        Message { method: take(method), path: take(path), headers: take(headers), body: take(body) }
    }

    /// What is concluded from a whole answer.
    pub(super) fn judge(&self, answer: Answer<'_>) -> Seen {
        let told = self.request.asks.as_ref().and_then(|_| Told::of(answer));
        Seen { told, ..Seen::of_answer(self.template(), answer) }
    }

    pub(super) fn template(&self) -> &RequestTemplate {
        &self.tally.workload().requests[self.request.template]
    }

    /// What is left of its time, which begins when it is due and not when somebody sends it; none
    /// if it waited for a worker all that time.
    pub(super) fn time_left(&self) -> Option<Duration> {
        let deadline = self.due.plus(self.tally.workload().timeout.micros());
        let left = deadline.0.saturating_sub(self.tally.now().0);
        (left > 0).then(|| Duration::from_micros(left))
    }

    /// It is being sent now.
    pub(super) fn begin(&mut self) {
        let start = self.tally.now();
        self.start = Some(start);
        self.tally.sent(self.due, start, self.request.ledger.is_some());
    }

    /// It ended, at `end`.
    pub(super) fn settle(mut self, end: Moment, seen: Seen) {
        self.settle_once(end, seen);
    }

    /// It is given up before it was sent, for a reason.
    pub(super) fn refuse(mut self, reason: &str) {
        self.settle_once(self.due, Seen::not_sent(reason));
    }

    /// The present moment of its run.
    pub(super) fn now(&self) -> Moment {
        self.tally.now()
    }

    fn settle_once(&mut self, end: Moment, seen: Seen) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let entry = Entry {
            n: self.n,
            template: self.request.template,
            due: self.due,
            start: self.start,
            order: self.request.ledger.take(),
            asks: self.request.asks.take(),
        };
        self.tally.settle(entry, end, seen);
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let seen = if self.start.is_none() {
            Seen::not_sent("the load was stopped before it was sent")
        } else if std::thread::panicking() {
            abandoned("the load generator panicked while it was open")
        } else {
            abandoned("still open when the load was stopped")
        };
        self.settle_once(self.tally.now(), seen);
    }
}

fn abandoned(reason: &str) -> Seen {
    let error = Some(reason.to_owned());
    let outcome = Outcome::Unknown;
    Seen { outcome, acknowledged: None, status: None, error, timed_out: false, told: None }
}

/// Arrivals that wait for a worker, in order, and never more than there are workers.
pub(super) struct Queue {
    waiting: Mutex<VecDeque<Arrival>>,
    capacity: usize,
    /// One permit per waiting arrival; closed when no more will come.
    ready: Semaphore,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        let waiting = Mutex::new(VecDeque::with_capacity(capacity));
        Self { waiting, capacity, ready: Semaphore::new(0) }
    }

    /// Hands over an arrival; one that does not fit is given up at once. Never waits.
    pub(super) fn push(&self, arrival: Arrival) {
        let mut waiting = self.waiting();
        if waiting.len() >= self.capacity || self.ready.is_closed() {
            drop(waiting);
            arrival.refuse("every worker was busy and the queue before them was full");
            return;
        }
        waiting.push_back(arrival);
        drop(waiting);
        self.ready.add_permits(1);
    }

    /// Waits for an arrival; none once the queue is closed.
    pub(super) async fn take(&self) -> Option<Arrival> {
        self.ready.acquire().await.ok()?.forget();
        self.waiting().pop_front()
    }

    /// An arrival that waits already.
    pub(super) fn try_take(&self) -> Option<Arrival> {
        self.ready.try_acquire().ok()?.forget();
        self.waiting().pop_front()
    }

    /// Whether no more will come.
    pub(super) fn is_closed(&self) -> bool {
        self.ready.is_closed()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting().is_empty()
    }

    /// Ends all waiting; what is still queued is given up.
    pub(super) fn close(&self) {
        self.ready.close();
        let left = take(&mut *self.waiting());
        drop(left);
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arrival>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
