//! What becomes of a step that failed: when it is tried again, and when it is set aside.

use std::time::Duration;

use super::answer::Answer;
use crate::client::Direction;
use crate::domain::step::Step;
use crate::safeguard::{Safeguard, Safeguards};

/// Attempts at a way back or at a finishing step before the order is set aside.
pub(crate) const MOST_ATTEMPTS: u32 = 8;
/// Longest pause after the first failure; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What becomes of an order whose latest step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It goes on after a pause.
    Again(Duration),
    /// It is set aside for somebody to look at.
    SetAside,
    /// It stays as it is; nobody goes on with it.
    Leave,
}

/// How failures are borne.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    retries: bool,
    dead_letters: bool,
}

impl Patience {
    /// What the safeguards allow.
    pub(crate) fn of(safeguards: Safeguards) -> Self {
        Self {
            retries: safeguards.has(Safeguard::RetryQueues),
            dead_letters: safeguards.has(Safeguard::DeadLetters),
        }
    }

    /// Decides by what failed, how it failed, and how often in a row it has.
    pub(super) fn after(self, step: Step, way: Direction, answer: Answer, attempts: u32) -> Next {
        // The deadline ends the way forward; from then on the pipeline goes back.
        let has_way_back = way == Direction::Forward && !step.is_finishing();
        let in_vain = answer == Answer::Never;
        if has_way_back && in_vain {
            return Next::Again(Duration::ZERO);
        }
        let may_try = has_way_back || (!in_vain && attempts < MOST_ATTEMPTS);
        if self.retries && (may_try || !self.dead_letters) {
            return Next::Again(spread(longest_pause(attempts)));
        }
        if self.dead_letters { Next::SetAside } else { Next::Leave }
    }
}

/// The longest pause after so many failures in a row.
fn longest_pause(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled.min(LONGEST_PAUSE)
}

/// Between half of a pause and all of it: those who failed together do not come back together.
fn spread(longest: Duration) -> Duration {
    longest.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Answer, LONGEST_PAUSE, MOST_ATTEMPTS, Next, Patience, longest_pause};
    use crate::client::Direction::{Compensate, Forward};
    use crate::domain::step::Step::{Charge, Consume};
    use crate::saga::runner::DEADLINE;
    use crate::trial::all_but;

    fn pauses(next: Next) -> bool {
        matches!(next, Next::Again(pause) if !pause.is_zero() && pause <= LONGEST_PAUSE)
    }

    #[test]
    fn the_way_forward_is_tried_until_its_deadline_and_all_else_eight_times() {
        let patience = Patience::of(all_but(""));
        assert!(pauses(patience.after(Charge, Forward, Answer::Unknown, 100)));
        for (step, way) in [(Charge, Compensate), (Consume, Forward)] {
            for attempts in 1..MOST_ATTEMPTS {
                assert!(pauses(patience.after(step, way, Answer::NothingDone, attempts)));
            }
            let last = patience.after(step, way, Answer::NothingDone, MOST_ATTEMPTS);
            assert_eq!(last, Next::SetAside);
            assert_eq!(patience.after(step, way, Answer::Never, 1), Next::SetAside);
        }
        let turn = patience.after(Charge, Forward, Answer::Never, 1);
        assert_eq!(turn, Next::Again(Duration::ZERO));
    }

    #[test]
    fn without_its_safeguard_nothing_is_tried_again_or_set_aside() {
        let after = |off, attempts| {
            Patience::of(all_but(off)).after(Charge, Compensate, Answer::Unknown, attempts)
        };
        assert_eq!(after("RETRY_QUEUES", 1), Next::SetAside);
        assert!(pauses(after("DEAD_LETTERS", 100)));
        assert_eq!(after("RETRY_QUEUES,DEAD_LETTERS", 1), Next::Leave);
    }

    #[test]
    fn the_whole_schedule_takes_what_the_compose_file_says() {
        let pauses: Duration = (1..MOST_ATTEMPTS).map(longest_pause).sum();
        let line = format!("  retry-schedule: {}ms", (DEADLINE + pauses).as_millis());
        let pipeline = crate::CATALOGUE.iter().find(|entry| entry.name == "pipeline").unwrap();
        assert!(pipeline.compose.contains(&line), "the Compose file lacks `{line}`");
    }
}
