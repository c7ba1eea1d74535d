//! Provision: everything of the target is made and started. A container that is being made cannot
//! be taken back, so this phase goes to its end (bounded by the runtime) before a stop is obeyed.

use chaos_reports::record::event::Phase;

use super::Run;
use super::halt::Halt;
use crate::port::{Auditor, LoadGenerator, Runtime};

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    pub(super) async fn provision(&mut self) -> Result<(), Halt> {
        self.begin(Phase::Provision);
        let runtime = &self.ports.runtime;
        self.deployment =
            runtime.provision(&self.plan, &self.setting.identity, &self.recorder).await?;
        self.unless_halted(std::future::ready(())).await
    }
}
