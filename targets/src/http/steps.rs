//! The door of a service that others ask for steps: each step forward and back, keyed by its order,
//! so that whoever asks may ask again.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::public::LARGEST_BODY;
use super::{nothing_done, problem};
use crate::chaos_switch::{self, Injected, Point};
use crate::domain::order::{Order, OrderError};
use crate::domain::state::Reason;
use crate::domain::step::Step;
use crate::role::Role;
use crate::safeguard::{Safeguard, Safeguards};
use crate::step::{self, Outcome};
use crate::store::steps::{self, Backward, Forward};
use crate::store::{Database, StoreError, Unit};

/// What a service is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StepRequest {
    /// The whole order, so that the service has to ask nobody.
    pub(crate) order: Order,
    /// Which start of the pipeline manager asks; services refuse what an earlier one still sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<i64>,
}

/// What a service answers with status 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "lowercase")]
pub(crate) enum StepAnswer {
    /// The step is done, now or earlier.
    Done,
    /// The business refused it, now or earlier; it left nothing.
    Refused {
        /// Why.
        reason: Reason,
    },
    /// It is undone, now or earlier, and can never be done again.
    Undone,
}

/// The two ways in which 409 is answered: nothing has been changed, and asking again is in vain.
const ALREADY_UNDONE: &str = "the step was undone before it arrived";
pub(crate) const OLD_EPOCH: &str = "a newer pipeline manager has taken over";

#[derive(Clone)]
struct Steps {
    database: Database,
    role: Role,
    /// Whether a step that was asked for before is known again, and one that was undone refused.
    keyed: bool,
}

/// The routes for the steps that `role` owns.
pub(crate) fn routes(database: Database, role: Role, safeguards: Safeguards) -> Router {
    Router::new()
        .route("/steps/{step}", post(forward))
        .route("/steps/{step}/compensate", post(compensate))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(Steps { database, role, keyed: safeguards.has(Safeguard::Idempotency) })
}

async fn forward(
    State(steps): State<Steps>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    answer(match steps.read(&name, body) {
        Ok((step, request)) => steps.forward(step, &request).await,
        Err(error) => Err(error),
    })
}

async fn compensate(
    State(steps): State<Steps>,
    Path(name): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    answer(match steps.read(&name, body) {
        Ok((step, request)) => steps.compensate(step, &request).await,
        Err(error) => Err(error),
    })
}

/// Why a step was not answered with 200.
#[derive(Debug, thiserror::Error)]
enum StepsError {
    #[error("this service has no such step")]
    NoSuchStep,
    #[error("{}", .0.body_text())]
    NoBody(#[from] BytesRejection),
    #[error("the body is not a request for a step: {0}")]
    NoRequest(#[from] serde_json::Error),
    #[error(transparent)]
    WrongOrder(#[from] OrderError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{ALREADY_UNDONE}")]
    AlreadyUndone,
    #[error("{OLD_EPOCH}")]
    OldEpoch,
    #[error(transparent)]
    Injected(#[from] Injected),
}

fn answer(result: Result<StepAnswer, StepsError>) -> Response {
    let error = match result {
        Ok(answer) => return Json(answer).into_response(),
        Err(error) => error,
    };
    let message = error.to_string();
    let status = match error {
        StepsError::Store(StoreError::CommitUnknown(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        StepsError::Store(_) => return nothing_done(message),
        StepsError::NoSuchStep => StatusCode::NOT_FOUND,
        StepsError::NoBody(error) => error.status(),
        StepsError::NoRequest(error) if !error.is_data() => StatusCode::BAD_REQUEST,
        StepsError::NoRequest(_) | StepsError::WrongOrder(_) => StatusCode::UNPROCESSABLE_ENTITY,
        StepsError::AlreadyUndone | StepsError::OldEpoch => StatusCode::CONFLICT,
        StepsError::Injected(injected) => injected.status(),
    };
    problem(status, message)
}

impl Steps {
    fn read(
        &self,
        name: &str,
        body: Result<Bytes, BytesRejection>,
    ) -> Result<(Step, StepRequest), StepsError> {
        let step = Step::parse(name).filter(|step| step.owner() == self.role);
        let step = step.ok_or(StepsError::NoSuchStep)?;
        let request: StepRequest = serde_json::from_slice(&body?)?;
        request.order.check()?;
        Ok((step, request))
    }

    async fn forward(&self, step: Step, request: &StepRequest) -> Result<StepAnswer, StepsError> {
        chaos_switch::reach(step.name(), Point::BeforeTx).await?;
        let order = &request.order;
        let unit = self.database.begin().await?;
        self.admit(&unit, request).await?;
        let found =
            if self.keyed { steps::begin(&unit, &order.id, step).await? } else { Forward::New };
        let outcome = match found {
            Forward::Undone => return Err(StepsError::AlreadyUndone),
            Forward::Known(outcome) => outcome,
            Forward::New => {
                let outcome = step::forward(&unit, step, order).await?;
                if self.keyed {
                    steps::finish(&unit, &order.id, step, outcome).await?;
                }
                outcome
            }
        };
        unit.commit().await?;
        chaos_switch::reach(step.name(), Point::AfterCommit).await?;
        Ok(match outcome {
            Outcome::Done => StepAnswer::Done,
            Outcome::Refused(reason) => StepAnswer::Refused { reason },
        })
    }

    async fn compensate(
        &self,
        step: Step,
        request: &StepRequest,
    ) -> Result<StepAnswer, StepsError> {
        let order = &request.order;
        let unit = self.database.begin().await?;
        self.admit(&unit, request).await?;
        let found =
            if self.keyed { steps::undo(&unit, &order.id, step).await? } else { Backward::New };
        if found == Backward::New {
            step::compensate(&unit, step, order).await?;
        }
        chaos_switch::reach(step.name(), Point::MidCompensation).await?;
        unit.commit().await?;
        chaos_switch::reach(step.name(), Point::AfterCompensation).await?;
        Ok(StepAnswer::Undone)
    }

    /// Takes requests of the newest pipeline manager only; others carry no epoch.
    async fn admit(&self, unit: &Unit, request: &StepRequest) -> Result<(), StepsError> {
        match request.epoch {
            Some(epoch) if !steps::is_current(unit, epoch).await? => Err(StepsError::OldEpoch),
            _ => Ok(()),
        }
    }
}
