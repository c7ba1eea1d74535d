//! Why a run ends before its plan does, and the one way to wait: every wait of the engine goes
//! through [`Run::unless_halted`], so that a signal, a full disk or a stop condition ends any phase
//! at once. Actions on containers do not go through it: half an action is worse than a late end.

use std::sync::PoisonError;
use std::time::Duration;

use chaos_reports::measure;
use chaos_reports::record::Moment;
use chaos_reports::record::event::Ending;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Run;
use crate::port::{Auditor, LoadGenerator, PortError, Runtime};
use crate::recorder::JournalError;

/// How often stop conditions are looked at.
const STOP_CONDITION_PERIOD: Duration = Duration::from_millis(200);
/// The loss of the runtime is told within this time.
const LOSS_IS_TOLD: Duration = Duration::from_secs(1);

/// Why a run ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// A signal asked for it.
    Interrupted(String),
    /// A stop condition was met.
    Aborted(String),
    /// The baseline was not within the hypothesis.
    NotSteady(String),
    /// The environment or the harness failed.
    Failed(String),
}

/// The last look at the stop conditions.
#[derive(Debug, Default)]
pub(super) struct Looked {
    at: Option<Instant>,
    met: Option<String>,
}

impl From<PortError> for Halt {
    fn from(error: PortError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<JournalError> for Halt {
    fn from(error: JournalError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<Halt> for Ending {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Interrupted(signal) => Self::Interrupted { signal },
            Halt::Aborted(reason) => Self::Aborted { reason },
            Halt::NotSteady(reason) => Self::NotSteady { reason },
            Halt::Failed(message) => Self::Error { message },
        }
    }
}

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    /// Waits for something, unless the run has to end first.
    pub(super) async fn unless_halted<T>(&self, wait: impl Future<Output = T>) -> Result<T, Halt> {
        tokio::select! {
            biased;
            halt = self.halted() => Err(halt),
            done = wait => Ok(done),
        }
    }

    /// Waits for a length of time.
    pub(super) async fn pass(&self, span: Duration) -> Result<(), Halt> {
        self.unless_halted(sleep(span)).await
    }

    /// Waits for a moment of the run.
    pub(super) async fn pass_until(&self, moment: Moment) -> Result<(), Halt> {
        let instant = self.recorder.epoch() + Duration::from_micros(moment.0);
        self.unless_halted(sleep_until(instant)).await
    }

    async fn halted(&self) -> Halt {
        tokio::select! {
            signal = self.stop.asked() => Halt::Interrupted(signal),
            halt = self.watched() => halt,
            lost = self.ports.runtime.lost() => Halt::Failed(lost),
        }
    }

    /// Whatever fails when the runtime is lost fails for that reason, which may be told a moment
    /// after the failure.
    pub(super) async fn explained(&self, halt: Halt) -> Halt {
        let Halt::Failed(_) = halt else { return halt };
        timeout(LOSS_IS_TOLD, self.ports.runtime.lost()).await.map_or(halt, Halt::Failed)
    }

    async fn watched(&self) -> Halt {
        loop {
            if let Some(error) = self.recorder.failure() {
                return error.into();
            }
            if let Some(reason) = self.met_condition() {
                return Halt::Aborted(reason);
            }
            sleep(STOP_CONDITION_PERIOD).await;
        }
    }

    /// The stop condition that is met. Every fault waits with an eye on it, and a look may take in
    /// the whole run so far: one look in each period serves all of them.
    fn met_condition(&self) -> Option<String> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let is_old = |at: Instant| now.duration_since(at) >= STOP_CONDITION_PERIOD;
        if looked.at.is_none_or(is_old) {
            let conditions = &self.plan.stop_conditions;
            looked.met = self.recorder.read(|record| measure::stop_condition(record, conditions));
            looked.at = Some(now);
        }
        looked.met.clone()
    }
}
