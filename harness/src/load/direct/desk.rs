//! The place at which a free worker waits, and where the next arrival is put down for it. Everything
//! here happens in the engine's one thread, so no lock is ever waited for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::super::arrival::Arrival;

/// Where one worker waits.
pub(super) struct Desk(Mutex<State>);

struct State {
    arrival: Option<Arrival>,
    dismissed: bool,
    free_since: Instant,
    waker: Option<Waker>,
}

impl Desk {
    pub(super) fn new() -> Self {
        let free_since = Instant::now();
        Self(Mutex::new(State { arrival: None, dismissed: false, free_since, waker: None }))
    }

    /// Puts down the next arrival; its worker must be free.
    pub(super) fn give(&self, arrival: Arrival) {
        let mut state = self.state();
        state.arrival = Some(arrival);
        wake(&state);
    }

    /// Sends its worker home; it must be free.
    pub(super) fn dismiss(&self) {
        let mut state = self.state();
        state.dismissed = true;
        wake(&state);
    }

    /// Its worker has just become free.
    pub(super) fn set_free(&self) {
        self.state().free_since = Instant::now();
    }

    pub(super) fn free_since(&self) -> Instant {
        self.state().free_since
    }

    /// The next arrival, or none if the worker is to end.
    pub(super) fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Arrival>> {
        let mut state = self.state();
        if let Some(arrival) = state.arrival.take() {
            return Poll::Ready(Some(arrival));
        }
        if state.dismissed {
            return Poll::Ready(None);
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(state: &State) {
    // The worker stays the same task, so its waker is kept.
    if let Some(waker) = &state.waker {
        waker.wake_by_ref();
    }
}
