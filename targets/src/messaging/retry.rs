//! What becomes of a message that could not be handled.
//!
//! It is never sent straight back to its queue: it would come again at once, before anything can
//! have healed, and hold up everything behind it. It waits in a retry queue instead, longer each
//! time, and is set aside after the last attempt.

use super::topology::RETRY_DELAYS;
use crate::safeguard::{Safeguard, Safeguards};

/// How a message failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It may go well later: the database is away, a deadline passed.
    Transient,
    /// It will fail every time.
    Permanent,
}

/// Where a failed message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// To the retry queue with this number, from 1.
    Retry(usize),
    /// To the dead letters.
    DeadLetter,
    /// Straight back to its queue.
    Requeue,
}

/// Decides by the kind of failure, the retries so far, and the safeguards.
pub(super) fn next(failure: Failure, attempt: usize, safeguards: Safeguards) -> Next {
    let may_wait = failure == Failure::Transient && attempt < RETRY_DELAYS.len();
    if may_wait && safeguards.has(Safeguard::RetryQueues) {
        return Next::Retry(attempt + 1);
    }
    if may_wait || !safeguards.has(Safeguard::DeadLetters) {
        return Next::Requeue;
    }
    Next::DeadLetter
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Failure, Next, next};
    use crate::messaging::topology::RETRY_DELAYS;
    use crate::safeguard::Safeguards;

    fn with_off(off: &str) -> Safeguards {
        Safeguards::parse("hardened", off).unwrap()
    }

    #[test]
    fn a_transient_failure_waits_four_times_and_is_then_set_aside() {
        let path: Vec<Next> =
            (0..=4).map(|attempt| next(Failure::Transient, attempt, with_off(""))).collect();
        let retries = [1, 2, 3, 4].map(Next::Retry);
        assert_eq!(path[..4], retries);
        assert_eq!(path[4], Next::DeadLetter);
    }

    #[test]
    fn a_permanent_failure_is_set_aside_at_once() {
        assert_eq!(next(Failure::Permanent, 0, with_off("")), Next::DeadLetter);
    }

    #[test]
    fn without_its_safeguard_a_message_goes_straight_back() {
        assert_eq!(next(Failure::Transient, 0, with_off("RETRY_QUEUES")), Next::Requeue);
        assert_eq!(next(Failure::Permanent, 0, with_off("DEAD_LETTERS")), Next::Requeue);
        assert_eq!(next(Failure::Transient, 4, with_off("DEAD_LETTERS")), Next::Requeue);
        assert_eq!(next(Failure::Transient, 3, with_off("DEAD_LETTERS")), Next::Retry(4));
    }

    #[test]
    fn the_whole_schedule_takes_what_the_compose_file_says() {
        let sum: Duration = RETRY_DELAYS.iter().sum();
        let line = format!("  retry-schedule: {}ms", sum.as_millis());
        let broker = crate::CATALOGUE.iter().find(|entry| entry.name == "broker").unwrap();
        assert!(broker.compose.contains(&line), "the Compose file lacks `{line}`");
    }
}
