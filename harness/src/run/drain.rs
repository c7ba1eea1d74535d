//! Drain and audit: the load is off, pending work is waited for within a bound, and the final state
//! is read and stored.

use std::time::Duration;

use chaos_reports::measure;
use chaos_reports::record::event::{Event, Phase};
use chaos_reports::record::final_state::SourcedRow;
use chaos_scenarios::target::Endpoint;
use futures::future::join_all;
use tokio::time::timeout;

use super::Run;
use super::halt::Halt;
use crate::folder;
use crate::port::{Auditor, Load, LoadGenerator, Runtime};

/// How long one audit endpoint may take.
const AUDIT_LIMIT: Duration = Duration::from_secs(60);

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    pub(super) async fn drain(&mut self) -> Result<(), Halt> {
        self.begin(Phase::Drain);
        self.stop_load().await?;
        if self.plan.target.pending.is_empty() {
            return Ok(());
        }
        let since = self.recorder.now();
        let quiet =
            self.recorder.until(|record| measure::recovery::quiet(record, since).then_some(()));
        let limit = self.plan.phases.drain_limit.duration();
        if self.unless_halted(timeout(limit, quiet)).await?.is_err() {
            let last = self.recorder.read(|record| record.pending.last().cloned());
            let counts = last.map(|sample| sample.counts).unwrap_or_default();
            self.recorder.emit(Event::DrainIncomplete { counts });
        }
        Ok(())
    }

    pub(super) async fn stop_load(&mut self) -> Result<(), Halt> {
        match self.load.take() {
            Some(load) => Ok(load.stop().await?),
            None => Ok(()),
        }
    }

    pub(super) async fn audit(&mut self) -> Result<(), Halt> {
        self.begin(Phase::Audit);
        let endpoints = self.plan.target.audit.iter();
        let reading = join_all(endpoints.map(|endpoint| self.read_audit(endpoint)));
        let rows = self.unless_halted(reading).await?.concat();
        let path = self.setting.folder.join(folder::FINAL_STATE);
        folder::write_final_state(&path, &rows).map_err(|error| {
            Halt::Failed(format!("{} cannot be written: {error}; free space", path.display()))
        })
    }

    async fn read_audit(&self, endpoint: &Endpoint) -> Vec<SourcedRow> {
        let source = endpoint.to_string();
        let reading = self.ports.auditor.audit(endpoint, &self.deployment);
        let reason = match timeout(AUDIT_LIMIT, reading).await {
            Ok(Ok(rows)) => {
                self.recorder.emit(Event::Audited { source, rows: rows.len() as u64 });
                return rows;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no end within {} s", AUDIT_LIMIT.as_secs()),
        };
        self.recorder.emit(Event::AuditFailed { source, reason });
        Vec::new()
    }
}
