//! Disturb: each fault of the timeline is armed (its undo is on disk), injected, proved, healed and
//! proved healed. Faults run side by side, so that they may overlap.

use std::time::Duration;

use chaos_reports::record::Moment;
use chaos_reports::record::event::Event;
use chaos_scenarios::action::{Action, Check};
use chaos_scenarios::plan::{Need, PlannedFault};
use futures::future::{join_all, try_join_all};
use tokio::time::{Instant, sleep, timeout};

use super::Run;
use super::halt::Halt;
use crate::port::{Auditor, Load, LoadGenerator, PortError, Proof, Runtime};

/// How long a fault may take to be felt.
const FELT_LIMIT: Duration = Duration::from_secs(5);
/// How long an undo may take to act, its retries included.
const HEAL_LIMIT: Duration = Duration::from_secs(30);
/// How long healed components may take to be ready.
const READY_AGAIN_LIMIT: Duration = Duration::from_secs(60);
/// An injection waits at most this long for an order to be in flight.
const NEED_LIMIT: Duration = Duration::from_secs(2);
/// Pause between two looks for one: orders may be in flight for milliseconds only.
const NEED_POLL: Duration = Duration::from_micros(500);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(25);
/// Pause before an undo is tried again.
const UNDO_PAUSE: Duration = Duration::from_millis(250);

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    /// Plays the timeline, whose offsets count from `start`.
    pub(super) async fn disturb(&self, start: Moment) -> Result<(), Halt> {
        try_join_all(self.plan.timeline.iter().map(|fault| self.play(fault, start))).await?;
        Ok(())
    }

    async fn play(&self, fault: &PlannedFault, start: Moment) -> Result<(), Halt> {
        self.pass_until(start.plus(fault.at.micros())).await?;
        self.inject(fault).await?;
        self.prove_felt(fault).await?;
        let Some(until) = fault.until else { return Ok(()) };
        self.pass_until(start.plus(until.micros())).await?;
        self.heal(fault.id, &fault.injection.heal).await;
        self.prove_healed(fault).await
    }

    async fn inject(&self, fault: &PlannedFault) -> Result<(), Halt> {
        self.meet_needs().await?;
        let heal = fault.injection.heal.clone();
        self.recorder.emit_durably(Event::FaultArmed { fault: fault.id, heal })?;
        let actions = fault.injection.inject.iter();
        let done = join_all(actions.map(|action| self.ports.runtime.apply(action))).await;
        done.into_iter().collect::<Result<(), PortError>>()?;
        self.recorder.emit(Event::FaultInjected { fault: fault.id });
        Ok(())
    }

    /// Waits, within a bound, for what the scenario needs to be the case; what is not met then
    /// makes the run inconclusive when it is judged.
    async fn meet_needs(&self) -> Result<(), Halt> {
        if !self.plan.needs.contains(&Need::InFlight) {
            return Ok(());
        }
        let in_flight = async {
            while self.load.as_ref().is_none_or(|load| load.orders_in_flight() == 0) {
                sleep(NEED_POLL).await;
            }
        };
        let _ = self.unless_halted(timeout(NEED_LIMIT, in_flight)).await?;
        Ok(())
    }

    async fn prove_felt(&self, fault: &PlannedFault) -> Result<(), Halt> {
        let proofs = self.unless_halted(self.all_true(&fault.injection.felt, FELT_LIMIT)).await?;
        let event = match proofs {
            Ok(proofs) => Event::FaultFelt {
                fault: fault.id,
                effective: proofs.iter().map(|proof| proof.since).min().unwrap_or_default(),
                evidence: proofs.into_iter().map(|proof| proof.evidence).collect(),
            },
            Err(reason) => Event::FaultNotFelt { fault: fault.id, reason },
        };
        self.recorder.emit(event);
        Ok(())
    }

    /// Undoes a fault: every action is tried, and tried again, within a bound. Never cut short.
    pub(super) async fn heal(&self, fault: u32, actions: &[Action]) {
        self.recorder.emit(Event::FaultHealing { fault });
        let deadline = Instant::now() + HEAL_LIMIT;
        let undo = actions.iter().map(|action| self.undo(action, deadline));
        for error in join_all(undo).await.into_iter().filter_map(Result::err) {
            self.recorder.emit(Event::HealFailed { fault, reason: error.to_string() });
        }
    }

    async fn undo(&self, action: &Action, deadline: Instant) -> Result<(), PortError> {
        loop {
            match self.ports.runtime.apply(action).await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => sleep(UNDO_PAUSE).await,
            }
        }
    }

    async fn prove_healed(&self, fault: &PlannedFault) -> Result<(), Halt> {
        let checks = fault.injection.healed.iter().cloned();
        let (working, acting): (Vec<_>, Vec<_>) =
            checks.partition(|check| matches!(check, Check::Ready { .. }));
        match self.unless_halted(self.all_true(&acting, HEAL_LIMIT)).await? {
            Ok(proofs) => {
                let limit = READY_AGAIN_LIMIT;
                let ready = self.unless_halted(self.all_true(&working, limit)).await?;
                self.tell_healed(fault.id, proofs, ready);
            }
            Err(reason) => self.recorder.emit(Event::HealFailed { fault: fault.id, reason }),
        }
        Ok(())
    }

    fn tell_healed(&self, fault: u32, acting: Vec<Proof>, working: Result<Vec<Proof>, String>) {
        let effective = latest(&acting).unwrap_or_else(|| self.recorder.now());
        let ready = working.as_ref().ok().and_then(|proofs| latest(proofs));
        let mut evidence: Vec<String> = acting.into_iter().map(|proof| proof.evidence).collect();
        match working {
            Ok(proofs) => evidence.extend(proofs.into_iter().map(|proof| proof.evidence)),
            Err(reason) => evidence.push(reason),
        }
        self.recorder.emit(Event::FaultHealed { fault, effective, ready, evidence });
    }

    /// Waits until every check is true; what is missing, when the time is up.
    async fn all_true(&self, checks: &[Check], limit: Duration) -> Result<Vec<Proof>, String> {
        try_join_all(checks.iter().map(|check| async move {
            timeout(limit, self.becomes_true(check))
                .await
                .map_err(|_| format!("within {} s it was not seen that {check}", limit.as_secs()))
        }))
        .await
    }

    async fn becomes_true(&self, check: &Check) -> Proof {
        loop {
            let seen = match check {
                Check::Ready { replica } => self.ready_again(&replica.component).await,
                other => self.ports.runtime.check(other).await.ok().flatten(),
            };
            if let Some(proof) = seen {
                return proof;
            }
            sleep(POLL).await;
        }
    }

    async fn ready_again(&self, component: &str) -> Option<Proof> {
        let told = self.ports.auditor.ready(&self.plan, &self.deployment, component).await.ok()?;
        Some(Proof { since: self.recorder.now(), evidence: format!("{component}: {told}") })
    }
}

fn latest(proofs: &[Proof]) -> Option<Moment> {
    proofs.iter().map(|proof| proof.since).max()
}
