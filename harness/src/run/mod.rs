//! One run, phase by phase: provision, ready, warm-up, baseline, test, recovery, keep, drain, audit,
//! dismantle. What is done to containers is never cut short; what is waited for always can be.

mod audit;
mod dismantle;
mod disturb;
mod drain;
mod halt;
mod provision;
mod ready;
mod recover;
mod steady;

use std::path::PathBuf;
use std::sync::Mutex;

use chaos_reports::record::event::{Ending, Event, FORMAT, Host, Phase};
use chaos_scenarios::plan::Plan;
use tokio_util::sync::DropGuard;

use crate::port::{Auditor, Deployment, Identity, LoadGenerator, Ports, Runtime};
use crate::recorder::Recorder;
use crate::stop::Stop;
use halt::{Halt, Looked};

/// What a run is told besides its plan.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The names of the run.
    pub identity: Identity,
    /// The machine.
    pub host: Host,
    /// The folder that keeps what the run leaves behind; it exists.
    pub folder: PathBuf,
}

/// A run in progress.
pub struct Run<R: Runtime, L: LoadGenerator, A: Auditor> {
    plan: Plan,
    setting: Setting,
    ports: Ports<R, L, A>,
    recorder: Recorder,
    stop: Stop,
    deployment: Deployment,
    load: Option<L::Running>,
    /// Ends the sampling of pending work when it is dropped.
    sampling: Option<DropGuard>,
    looked: Mutex<Looked>,
}

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    /// A run that has not begun.
    pub fn new(
        plan: Plan,
        setting: Setting,
        ports: Ports<R, L, A>,
        recorder: Recorder,
        stop: Stop,
    ) -> Self {
        let deployment = Deployment::default();
        Self {
            plan,
            setting,
            ports,
            recorder,
            stop,
            deployment,
            load: None,
            sampling: None,
            looked: Mutex::default(),
        }
    }

    /// Goes through all phases, and leaves nothing behind however it ends.
    pub async fn execute(mut self) -> Ending {
        self.announce();
        let outcome = match self.experiment().await {
            Err(halt) => Err(self.explained(halt).await),
            complete => complete,
        };
        let outcome = outcome.and(self.clean_up().await);
        let ending = outcome.map_or_else(Ending::from, |()| Ending::Complete);
        let wall_clock = crate::recorder::wall_clock();
        self.recorder.emit(Event::Ended { ending: ending.clone(), wall_clock });
        ending
    }

    /// Only makes the target and waits until it is ready; then it is left to itself. If that fails,
    /// everything is removed again.
    pub async fn stand_up(mut self) -> Result<Deployment, Ending> {
        self.announce();
        let stood = match self.provision().await {
            Ok(()) => self.become_ready().await,
            failed => failed,
        };
        let Err(halt) = stood else { return Ok(self.deployment) };
        self.setting.identity.kept = false;
        // Why it did not stand is told; what else went wrong is in the journal.
        let _ = self.clean_up().await;
        Err(halt.into())
    }

    async fn experiment(&mut self) -> Result<(), Halt> {
        self.provision().await?;
        self.become_ready().await?;
        self.warm_up().await?;
        self.watch_baseline().await?;
        self.disturb_and_recover().await?;
        self.drain().await?;
        self.audit().await
    }

    fn announce(&self) {
        let Setting { identity, host, .. } = &self.setting;
        self.recorder.emit(Event::Started {
            format: FORMAT,
            run: identity.run.clone(),
            experiment: identity.experiment.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            wall_clock: self.recorder.wall_clock(),
            host: host.clone(),
            plan: Box::new(self.plan.clone()),
        });
    }

    fn begin(&self, phase: Phase) {
        self.recorder.emit(Event::PhaseStarted { phase });
    }
}
