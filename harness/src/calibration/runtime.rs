//! The stub in the place of a container runtime: what would kill a container begins an outage, what
//! would start it again ends it, at moments that are set before they come.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chaos_reports::record::Moment;
use chaos_scenarios::action::{Action, Check, Replica};
use chaos_scenarios::plan::Plan;

use super::CalibrationError;
use super::case::{COMPONENT, Case, PORT};
use super::clock::{self, Origin};
use super::stub::{Command, Log, Outage, StubProcess};
use crate::port::{Deployment, Identity, PortError, Proof, Runtime};
use crate::recorder::Recorder;

/// Time between a command and what it commands, so that the stub knows of it before, microseconds.
const LEAD_MICROS: u64 = 20_000;

/// When things truly happened, on the shared clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// The fault acts from here on.
    pub felt: Option<u64>,
    /// The outage that follows from it begins.
    pub from: Option<u64>,
    /// The undo acts from here on.
    pub healed: Option<u64>,
    /// The outage ends.
    pub until: Option<u64>,
}

/// Starts a stub, tells it when to fail, and keeps what it did.
pub struct StubRuntime {
    program: PathBuf,
    case: Case,
    stub: tokio::sync::Mutex<Option<StubProcess>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    origin: Option<Origin>,
    times: Times,
    log: Option<Log>,
}

impl StubRuntime {
    /// For one run; `program` is the harness itself.
    pub fn new(program: &Path, case: Case) -> Self {
        let (stub, state) = (tokio::sync::Mutex::new(None), Mutex::default());
        Self { program: program.to_owned(), case, stub, state }
    }

    /// What truly happened; none before the run was dismantled.
    pub fn truth(&self) -> Option<(Origin, Times, Log)> {
        self.with(|state| Some((state.origin?, state.times, state.log.clone()?)))
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn tell(&self, command: Command) -> Result<(), PortError> {
        let mut stub = self.stub.lock().await;
        let stub = stub.as_mut().ok_or_else(|| PortError("the stub does not run".to_owned()))?;
        stub.tell(command).await.map_err(|error| told(&error))
    }
}

fn told(error: &CalibrationError) -> PortError {
    PortError(error.to_string())
}

impl Runtime for StubRuntime {
    async fn provision(
        &self,
        _plan: &Plan,
        _identity: &Identity,
        recorder: &Recorder,
    ) -> Result<Deployment, PortError> {
        let stub = StubProcess::start(&self.program, self.case.setup).await;
        let stub = stub.map_err(|error| told(&error))?;
        self.with(|state| state.origin = Some(Origin::of(recorder)));
        let replica = Replica { component: COMPONENT.to_owned(), number: 1 };
        let ports = BTreeMap::from([((replica, PORT), stub.port())]);
        *self.stub.lock().await = Some(stub);
        Ok(Deployment { ports, variables: BTreeMap::new() })
    }

    async fn apply(&self, action: &Action) -> Result<(), PortError> {
        let acts = clock::now() + LEAD_MICROS;
        let shows = acts + self.case.delay.micros();
        match action {
            Action::Kill { .. } => {
                let Case { trouble, share, .. } = self.case;
                let outage = Outage { trouble, share, from: shows, until: None };
                self.tell(Command::Begin(outage)).await?;
                self.with(|state| (state.times.felt, state.times.from) = (Some(acts), Some(shows)));
            }
            Action::Start { .. } => {
                self.tell(Command::End { at: shows }).await?;
                self.with(|state| {
                    (state.times.healed, state.times.until) = (Some(acts), Some(shows));
                });
            }
            other => return Err(PortError(format!("the stub cannot {other}"))),
        }
        Ok(())
    }

    async fn check(&self, check: &Check, _since: Moment) -> Result<Option<Proof>, PortError> {
        let (origin, times) = self.with(|state| (state.origin, state.times));
        let acts = match check {
            Check::Running { .. } => times.healed,
            _ => times.felt,
        };
        let (Some(origin), Some(acts)) = (origin, acts) else { return Ok(None) };
        let evidence = format!("{check}, as the stub was told");
        Ok((clock::now() >= acts).then(|| Proof { since: origin.moment(acts), evidence }))
    }

    async fn collect_logs(&self, _folder: &Path) -> Result<(), PortError> {
        Ok(())
    }

    async fn dismantle(&self) -> Result<Vec<String>, PortError> {
        if let Some(stub) = self.stub.lock().await.take() {
            let log = stub.finish().await.map_err(|error| told(&error))?;
            self.with(|state| state.log = Some(log));
        }
        Ok(Vec::new())
    }

    /// Never: the stub is a process of ours, whose loss the load would show.
    async fn lost(&self) -> String {
        std::future::pending().await
    }

    async fn answers(&self) -> Result<(), PortError> {
        Ok(())
    }
}
