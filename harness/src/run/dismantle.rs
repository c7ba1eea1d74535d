//! Clean-up is a phase, not a destructor: it comes after success, failure and interruption alike,
//! is never cut short, tries everything, and looks whether anything is left.

use std::time::Duration;

use chaos_reports::record::event::{Event, Phase};
use chaos_reports::record::run_record::RunRecord;
use tokio::time::timeout;

use super::Run;
use super::halt::Halt;
use crate::port::{Auditor, LoadGenerator, Runtime};

/// How long the logs of all containers may take.
const LOGS_LIMIT: Duration = Duration::from_secs(20);
/// How long the load may take to stop.
const LOAD_LIMIT: Duration = Duration::from_secs(10);

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    /// Stops the load, undoes what is owed, keeps the logs, removes everything.
    pub(super) async fn clean_up(&mut self) -> Result<(), Halt> {
        let load = self.end_load().await;
        self.begin(Phase::Dismantle);
        self.runtime_is_back().await;
        self.heal_outstanding().await;
        let logs = self.keep_logs().await;
        self.sampling = None;
        let removed = match self.setting.identity.kept {
            true => {
                self.tell_kept();
                Ok(())
            }
            false => self.remove().await,
        };
        load.and(logs).and(removed)
    }

    async fn end_load(&mut self) -> Result<(), Halt> {
        let stop = self.stop.clone();
        tokio::select! {
            stopped = timeout(LOAD_LIMIT, self.stop_load()) => stopped
                .unwrap_or_else(|_| Err(Halt::Failed("the load did not stop in time".to_owned()))),
            () = stop.insisted() => Ok(()),
        }
    }

    /// Undo and removal begin once they can work; if they never can, they say so themselves.
    async fn runtime_is_back(&self) {
        let stop = self.stop.clone();
        tokio::select! {
            answers = self.ports.runtime.answers() => if let Err(error) = answers {
                self.recorder.emit(Event::Note { text: error.to_string() });
            },
            () = stop.insisted() => {}
        }
    }

    async fn heal_outstanding(&self) {
        for (fault, actions) in self.recorder.read(RunRecord::outstanding) {
            self.heal(fault, &actions).await;
            let failed = self.recorder.read(|record| {
                record.faults.get(&fault).is_some_and(|known| known.heal_failed.is_some())
            });
            if !failed {
                let effective = self.recorder.now();
                let evidence = vec!["undone while cleaning up".to_owned()];
                self.recorder.emit(Event::FaultHealed { fault, effective, ready: None, evidence });
            }
        }
    }

    async fn keep_logs(&self) -> Result<(), Halt> {
        let folder = self.setting.folder.join("logs");
        std::fs::create_dir_all(&folder).map_err(|error| {
            Halt::Failed(format!("{} cannot be made: {error}", folder.display()))
        })?;
        let collecting = timeout(LOGS_LIMIT, self.ports.runtime.collect_logs(&folder));
        tokio::select! {
            collected = collecting => match collected {
                Ok(result) => Ok(result?),
                Err(_) => Err(Halt::Failed("the logs did not come in time".to_owned())),
            },
            () = self.stop.insisted() => Ok(()),
        }
    }

    fn tell_kept(&self) {
        let text = "kept running as asked; `chaos down` removes it".to_owned();
        self.recorder.emit(Event::Note { text });
    }

    async fn remove(&self) -> Result<(), Halt> {
        let objects = match self.ports.runtime.dismantle().await {
            Ok(objects) if objects.is_empty() => {
                self.recorder.emit(Event::Dismantled);
                return Ok(());
            }
            Ok(objects) => objects,
            Err(error) => vec![error.to_string()],
        };
        let left = objects.join(", ");
        self.recorder.emit(Event::Residue { objects });
        Err(Halt::Failed(format!("could not be removed: {left}; `chaos clean` tries again")))
    }
}
