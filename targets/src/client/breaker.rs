//! Leaves a service alone that keeps failing: neither it nor its callers gain from more attempts.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which the service is left alone.
const FAILURES: u32 = 10;
/// How long it is left alone before one request may try again.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
struct Health {
    failures: u32,
    /// When the next request may try, while the service is left alone.
    next_try: Option<Instant>,
}

/// The health of one kind of call of a service, as its callers see it.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<Health>);

impl Breaker {
    /// Whether a request may be sent. While the service is left alone, one may at each pause's end.
    pub(super) fn lets_pass(&self, now: Instant) -> bool {
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match health.next_try {
            Some(next) if now < next => false,
            Some(_) => {
                health.next_try = Some(now + PAUSE);
                true
            }
            None => true,
        }
    }

    /// Notes down how a request ended.
    pub(super) fn note(&self, well: bool, now: Instant) {
        let mut health = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if well {
            *health = Health::default();
            return;
        }
        health.failures = health.failures.saturating_add(1);
        if health.failures >= FAILURES {
            health.next_try = Some(now + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{Breaker, FAILURES, PAUSE};

    #[test]
    fn a_failing_service_is_left_alone_and_tried_once_per_pause() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            assert!(breaker.lets_pass(now));
            breaker.note(false, now);
        }
        assert!(!breaker.lets_pass(now));
        let later = now + PAUSE;
        assert!(breaker.lets_pass(later));
        assert!(!breaker.lets_pass(later));
        breaker.note(false, later);
        assert!(!breaker.lets_pass(later));
        breaker.note(true, later);
        assert!(breaker.lets_pass(later));
    }

    #[test]
    fn failures_that_are_not_in_a_row_do_not_count() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..FAILURES {
            for _ in 1..FAILURES {
                breaker.note(false, now);
            }
            breaker.note(true, now);
        }
        assert!(breaker.lets_pass(now));
    }
}
