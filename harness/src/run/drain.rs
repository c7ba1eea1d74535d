//! Drain: the load is off, and pending work is waited for within a bound.

use chaos_reports::measure;
use chaos_reports::record::event::{Event, Phase};
use tokio::time::timeout;

use super::Run;
use super::halt::Halt;
use crate::port::{Auditor, Load, LoadGenerator, Runtime};

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
}
