//! Ready: every component says so by its own rule, and one canary order went through to its final
//! state. An open port means nothing, and a sleep means less.

use std::time::Duration;

use chaos_reports::record::event::{Event, Phase};
use chaos_scenarios::action::Replica;
use chaos_scenarios::target::Component;
use futures::future::try_join_all;
use tokio::time::{sleep, timeout};

use super::Run;
use super::halt::Halt;
use crate::port::{Auditor, LoadGenerator, PortError, Runtime};

/// How long a target may take to become ready.
const READY_LIMIT: Duration = Duration::from_secs(90);
/// How long the canary may take, retries included.
const CANARY_LIMIT: Duration = Duration::from_secs(30);
/// Pause between two looks at a component that is not ready.
const READY_POLL: Duration = Duration::from_millis(50);

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    pub(super) async fn become_ready(&mut self) -> Result<(), Halt> {
        self.begin(Phase::Ready);
        let components = self.plan.target.components.iter();
        let all = try_join_all(components.map(|component| self.component_ready(component)));
        let ready = self.unless_halted(timeout(READY_LIMIT, all)).await?;
        ready.map_err(|_| self.never_ready())??;
        if self.plan.target.canary.is_some() {
            self.canary_arrives().await?;
        }
        Ok(())
    }

    /// Looks at a component again and again, once everything that it needs is ready: questions to all
    /// components at once take the processors that these need to start.
    async fn component_ready(&self, component: &Component) -> Result<(), Halt> {
        loop {
            if component.depends_on.iter().all(|needed| self.is_ready(needed)) {
                let auditor = &self.ports.auditor;
                let told = auditor.ready(&self.plan, &self.deployment, &component.name).await;
                if let Ok(evidence) = told {
                    self.tell_ready(component, &evidence);
                    return Ok(());
                }
            }
            self.still_alive(component)?;
            sleep(READY_POLL).await;
        }
    }

    fn is_ready(&self, component: &str) -> bool {
        self.recorder
            .read(|record| record.readiness.iter().any(|it| it.replica.component == component))
    }

    fn tell_ready(&self, component: &Component, evidence: &str) {
        for number in 1..=component.replicas {
            let replica = Replica { component: component.name.clone(), number };
            let evidence = evidence.to_owned();
            self.recorder.emit(Event::Readiness { replica, ready: true, evidence });
        }
    }

    /// A container that ended will never be ready: say so now, not when the time is up.
    fn still_alive(&self, component: &Component) -> Result<(), Halt> {
        if component.restart != "no" {
            return Ok(());
        }
        let last = self.recorder.read(|record| {
            let mut events = record.container_events.iter().rev();
            events.find(|event| event.replica.component == component.name).cloned()
        });
        match last {
            Some(event) if event.action == "die" => Err(Halt::Failed(format!(
                "{} ended with exit code {} before it was ready; its log is kept in {}",
                event.replica,
                event.exit_code.map_or_else(|| "unknown".to_owned(), |code| code.to_string()),
                self.setting.folder.join("logs").display(),
            ))),
            _ => Ok(()),
        }
    }

    fn never_ready(&self) -> Halt {
        let components = self.plan.target.components.iter().map(|it| it.name.as_str());
        let waiting: Vec<&str> = components.filter(|name| !self.is_ready(name)).collect();
        Halt::Failed(format!(
            "target `{}` did not become ready within {} s; still waiting for {}; logs are kept in {}",
            self.plan.target.name,
            READY_LIMIT.as_secs(),
            waiting.join(", "),
            self.setting.folder.join("logs").display(),
        ))
    }

    async fn send_canary(&self, attempt: u64) -> Result<String, PortError> {
        let workload = &self.plan.load.workload;
        let class = self.plan.target.canary.as_deref().unwrap_or(&workload.headline);
        let compiled = workload.compile().map_err(|error| PortError(error.to_string()))?;
        let canary = compiled.canary(self.plan.seed, class, attempt).ok_or_else(|| {
            PortError(format!("the workload `{}` has no class `{class}`", workload.name))
        })?;
        if let Some(entry) = &canary.ledger {
            self.recorder.emit(Event::CanarySent { order: entry.id.clone() });
        }
        self.ports.auditor.canary(&self.plan, &self.deployment, &canary).await
    }

    async fn canary_arrives(&self) -> Result<(), Halt> {
        let mut last = "it was not sent".to_owned();
        let attempts = async {
            for attempt in 0.. {
                match self.send_canary(attempt).await {
                    Ok(evidence) => return evidence,
                    Err(error) => last = error.to_string(),
                }
                sleep(READY_POLL).await;
            }
            unreachable!("attempts are bounded by the time alone")
        };
        let arrived = self.unless_halted(timeout(CANARY_LIMIT, attempts)).await?;
        let evidence = arrived.map_err(|_| {
            Halt::Failed(format!(
                "no canary order of target `{}` reached its final state within {} s: {last}",
                self.plan.target.name,
                CANARY_LIMIT.as_secs(),
            ))
        })?;
        self.recorder.emit(Event::Note { text: format!("canary: {evidence}") });
        Ok(())
    }
}
