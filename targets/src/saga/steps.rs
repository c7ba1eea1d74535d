//! How the manager asks services for steps, seen from the manager.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::time::Instant;

use super::answer::Answer;
use super::log::Epoch;
use crate::client::{CallError, Client, Direction};
use crate::domain::order::Order;
use crate::domain::step::Step;
use crate::http::steps::{OLD_EPOCH, StepAnswer, StepRequest};
use crate::mutant::{self, Mutant};

/// The longest that one call may take with all its attempts. Each attempt has its own time limit,
/// where it has one; this only keeps a call without any from lasting for ever.
const LONGEST_CALL: Duration = Duration::from_mins(1);

/// What a service said, or why it said nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// What came of it.
    Answered(Answer, String),
    /// The service has heard of a newer manager.
    Outdated,
}

/// Asks services for steps.
pub(crate) trait Steps: Send + Sync + 'static {
    /// Asks for a step in one direction. The order, the step and the direction are the key: asking
    /// again has no further effect.
    fn call<'a>(
        &'a self,
        epoch: Epoch,
        order: &'a Order,
        step: Step,
        direction: Direction,
    ) -> BoxFuture<'a, Reply>;
}

impl Steps for Client {
    fn call<'a>(
        &'a self,
        epoch: Epoch,
        order: &'a Order,
        step: Step,
        direction: Direction,
    ) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let request = StepRequest { order: order.clone(), epoch };
            let deadline = Instant::now() + LONGEST_CALL;
            read(self.call(step, direction, &request, deadline).await)
        })
    }
}

fn read(result: Result<StepAnswer, CallError>) -> Reply {
    let error = match result {
        Ok(StepAnswer::Done | StepAnswer::Undone) => {
            return Reply::Answered(Answer::Done, String::new());
        }
        Ok(StepAnswer::Refused { reason }) => {
            return Reply::Answered(Answer::Refused(reason), String::new());
        }
        Err(error) => error,
    };
    let answer = match &error {
        CallError::Never(_, text) if text.contains(OLD_EPOCH) => return Reply::Outdated,
        CallError::Never(..) => Answer::Never,
        CallError::NothingDone(..) => Answer::NothingDone,
        CallError::Unknown(..) if mutant::is_planted(Mutant::ForgetOutcome) => Answer::NothingDone,
        CallError::Unknown(..) => Answer::Unknown,
    };
    Reply::Answered(answer, error.to_string())
}
