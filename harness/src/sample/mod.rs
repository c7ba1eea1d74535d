//! What is looked at again and again while a run goes on: pending work, readiness, the memory of
//! the host. Everything seen becomes an event; nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos_reports::record::event::Event;
use chaos_scenarios::action::Replica;
use chaos_scenarios::plan::Plan;
use futures::future::join_all;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::port::{Auditor, Deployment};
use crate::recorder::Recorder;

/// Pending work and readiness are looked at this often.
const PERIOD: Duration = Duration::from_millis(250);
/// Free memory is looked at this often.
const MEMORY_PERIOD: Duration = Duration::from_secs(1);
/// A component that does not say within this time that it is ready is not ready.
const READY_LIMIT: Duration = Duration::from_millis(500);

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
    tokio::spawn(async move { stop.run_until_cancelled(scene.memory()).await });
}

/// Ticks that come too late are left out: looks never overlap and never queue up.
fn ticks(period: Duration) -> tokio::time::Interval {
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

    /// Components whose rule is an HTTP endpoint: what an operator's health checks would see.
    async fn readiness(&self) {
        let components = self.plan.target.components.iter();
        let watched: Vec<&str> = components
            .filter(|it| it.ready.as_ref().is_some_and(|ready| ready.scheme == "http"))
            .map(|it| it.name.as_str())
            .collect();
        let mut known: BTreeMap<&str, bool> = watched.iter().map(|name| (*name, true)).collect();
        let mut ticks = ticks(PERIOD);
        loop {
            ticks.tick().await;
            let looks = join_all(watched.iter().map(|name| self.look(name))).await;
            for (name, (ready, evidence)) in watched.iter().zip(looks) {
                if known.insert(name, ready) != Some(ready) {
                    self.tell(name, ready, evidence);
                }
            }
        }
    }

    async fn look(&self, component: &str) -> (bool, String) {
        let asked = self.auditor.ready(&self.plan, &self.deployment, component);
        match timeout(READY_LIMIT, asked).await {
            Ok(Ok(evidence)) => (true, evidence),
            Ok(Err(error)) => (false, error.to_string()),
            Err(_) => (false, format!("no answer within {} ms", READY_LIMIT.as_millis())),
        }
    }

    fn tell(&self, component: &str, ready: bool, evidence: String) {
        let replica = Replica { component: component.to_owned(), number: 1 };
        self.recorder.emit(Event::Readiness { replica, ready, evidence });
    }

    async fn memory(&self) {
        let mut ticks = ticks(MEMORY_PERIOD);
        loop {
            ticks.tick().await;
            if let Some(free) = free_memory() {
                self.recorder.emit(Event::HostMemory { free });
            }
        }
    }
}

/// Memory that can be had without swapping, bytes, as the kernel estimates it.
fn free_memory() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_from_what_the_kernel_says() {
        let meminfo = "MemTotal:       24600000 kB\nMemAvailable:    1024 kB\nSwapFree: 0 kB\n";
        assert_eq!(available(meminfo), Some(1_048_576));
        assert_eq!(available("MemTotal: 1 kB\n"), None);
    }
}
