//! What is looked at again and again while a run goes on: pending work, readiness, the memory of
//! the host, what keeps the harness from its cores. Everything seen becomes an event; nothing here decides anything.

mod cpu;
mod memory;
mod readiness;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use chaos_reports::record::event::Event;
use chaos_scenarios::plan::Plan;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

pub use self::cpu::Watch as CpuWatch;
use crate::port::{Auditor, Deployment};
use crate::recorder::Recorder;

/// Pending work and readiness are looked at this often.
const PERIOD: Duration = Duration::from_millis(250);
/// The host is looked at this often.
const HOST_PERIOD: Duration = Duration::from_secs(1);

/// What every sampler knows.
struct Scene<A> {
    auditor: Arc<A>,
    plan: Plan,
    deployment: Deployment,
    recorder: Recorder,
}

/// Starts all samplers; they end when `stop` is cancelled.
pub fn start<A: Auditor>(
    auditor: Arc<A>,
    plan: Plan,
    deployment: Deployment,
    recorder: Recorder,
    stop: CancellationToken,
) {
    let scene = Arc::new(Scene { auditor, plan, deployment, recorder });
    let pending = Arc::clone(&scene);
    let readiness = Arc::clone(&scene);
    let (stop_pending, stop_readiness) = (stop.clone(), stop.clone());
    tokio::spawn(async move { stop_pending.run_until_cancelled(pending.pending()).await });
    tokio::spawn(async move { stop_readiness.run_until_cancelled(readiness.readiness()).await });
    tokio::spawn(async move { stop.run_until_cancelled(scene.host()).await });
}

/// Ticks that come too late are left out: looks never overlap and never queue up.
fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

impl<A: Auditor> Scene<A> {
    async fn pending(&self) {
        if self.plan.target.pending.is_empty() {
            return;
        }
        let mut ticks = ticks(PERIOD);
        loop {
            ticks.tick().await;
            let (counts, silent) = self.auditor.pending(&self.plan, &self.deployment).await;
            self.recorder.emit(Event::Pending { counts, silent });
        }
    }

    async fn host(&self) {
        let mut watch =
            cpu::Watch::new(&self.recorder.read(|record| record.host.target_cpus.clone()));
        let mut ticks = ticks(HOST_PERIOD);
        loop {
            ticks.tick().await;
            if let Some(free) = memory::free() {
                self.recorder.emit(Event::HostMemory { free });
            }
            if let Some(kept) = watch.look(self.recorder.now()) {
                self.recorder.emit(Event::HarnessCpu(kept));
            }
        }
    }
}
