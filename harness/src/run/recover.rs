//! Test, recovery and keep: the load goes on while the timeline is played, at least for the fixed
//! horizon, and until the users are served again or the limit is reached; then relapses are watched
//! for.

use chaos_reports::measure;
use chaos_reports::record::Moment;
use chaos_reports::record::event::Phase;
use chaos_reports::record::run_record::RunRecord;
use chaos_scenarios::plan::PlannedFault;
use tokio::time::timeout;

use super::Run;
use super::halt::Halt;
use crate::port::{Auditor, LoadGenerator, Runtime};

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    pub(super) async fn disturb_and_recover(&mut self) -> Result<(), Halt> {
        self.begin(Phase::Test);
        let start = self.recorder.now();
        tokio::try_join!(self.disturb(start), self.follow(start))?;
        Ok(())
    }

    async fn follow(&self, start: Moment) -> Result<(), Halt> {
        let phases = &self.plan.phases;
        self.pass_until(start.plus(phases.test.micros())).await?;
        // Faults that wait for others may come later than planned; each of them is bounded.
        self.unless_halted(self.recorder.until(all_undone)).await?;
        let tested = self.recorder.now();
        self.begin(Phase::Recovery);
        self.pass_until(tested.plus(phases.horizon.micros())).await?;
        let limit = phases.recovery_limit.duration().saturating_sub(phases.horizon.duration());
        let recovered = self.recorder.until(measure::recovery::recovered);
        // Not recovered within the limit is a finding, which the judgement tells.
        let _ = self.unless_halted(timeout(limit, recovered)).await?;
        self.begin(Phase::Keep);
        self.pass(phases.keep.duration()).await
    }
}

/// Whether the undo of every planned fault has begun.
fn all_undone(record: &RunRecord) -> Option<()> {
    let undone = |fault: &PlannedFault| {
        let known = record.faults.get(&fault.id);
        let stays = fault.until.is_none();
        known.is_some_and(|it| it.healing.is_some() || (stays && it.injected.is_some()))
    };
    record.plan()?.timeline.iter().all(undone).then_some(())
}
