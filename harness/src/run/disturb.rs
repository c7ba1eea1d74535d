//! Disturb: each fault of the timeline is armed (its undo is on disk), injected, proved, healed and
//! proved healed. Faults run side by side, so that they may overlap.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_reports::record::Moment;
use chaos_reports::record::event::Event;
use chaos_reports::record::run_record::{FaultRecord, RunRecord};
use chaos_scenarios::action::{Action, Aspect, Check, Replica};
use chaos_scenarios::plan::{After, Need, PlannedFault};
use futures::future::{join_all, try_join_all};
use tokio::time::{Instant, sleep, timeout};

use super::Run;
use super::halt::Halt;
use crate::port::{Auditor, Load, LoadGenerator, PortError, Proof, Runtime};

/// How long a fault may take to be felt. Docker's figures of resources come seconds late.
const FELT_LIMIT: Duration = Duration::from_secs(10);
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
        let begins = self.wait_for_turn(fault, start).await?;
        let armed = self.inject(fault).await?;
        self.prove_felt(fault, armed).await?;
        let proved = self.recorder.now();
        let Some(until) = fault.until else { return Ok(()) };
        let length = until.micros().saturating_sub(fault.at.micros());
        self.pass_until(begins.plus(length)).await?;
        self.tell_meddling(fault, proved);
        let healing = self.recorder.now();
        self.heal(fault.id, &fault.injection.heal).await;
        self.prove_healed(fault, healing).await
    }

    /// Waits until a fault is due, and until the one that it waits for is over; returns when it
    /// begins. How long the other one may take is bounded there.
    async fn wait_for_turn(&self, fault: &PlannedFault, start: Moment) -> Result<Moment, Halt> {
        let due = start.plus(fault.at.micros());
        let begins = match fault.after {
            None => due,
            Some(After { fault: other, plus }) => {
                let over = self.recorder.until(|record| over(record.faults.get(&other)?));
                self.unless_halted(over).await?.plus(plus.micros()).max(due)
            }
        };
        self.pass_until(begins).await?;
        Ok(begins)
    }

    /// Returns when its undo was on disk.
    async fn inject(&self, fault: &PlannedFault) -> Result<Moment, Halt> {
        self.meet_needs().await?;
        let heal = fault.injection.heal.clone();
        self.recorder.emit_durably(Event::FaultArmed { fault: fault.id, heal })?;
        let armed = self.recorder.now();
        let actions = fault.injection.inject.iter();
        let done = join_all(actions.map(|action| self.ports.runtime.apply(action))).await;
        done.into_iter().collect::<Result<(), PortError>>()?;
        self.recorder.emit(Event::FaultInjected { fault: fault.id });
        Ok(armed)
    }

    /// Tells what became of the victims meanwhile that this fault does not do: they may have been
    /// restarted by their policy, killed by another fault, or removed by somebody.
    fn tell_meddling(&self, fault: &PlannedFault, proved: Moment) {
        for text in self.recorder.read(|record| meddling(record, fault, proved)) {
            self.recorder.emit(Event::Note { text });
        }
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

    async fn prove_felt(&self, fault: &PlannedFault, since: Moment) -> Result<(), Halt> {
        let felt = self.all_true(&fault.injection.felt, FELT_LIMIT, since);
        let proofs = self.unless_halted(felt).await?;
        let event = match proofs {
            Ok(proofs) => Event::FaultFelt {
                fault: fault.id,
                effective: proofs.iter().map(|proof| proof.since).min().unwrap_or(since),
                evidence: proofs.into_iter().map(|proof| proof.evidence).collect(),
            },
            Err(reason) => Event::FaultNotFelt { fault: fault.id, reason },
        };
        self.recorder.emit(event);
        Ok(())
    }

    /// Undoes a fault: every action is tried, and tried again, within a bound; those on one replica
    /// in their order. Never cut short. A replica that another fault holds down stays so.
    pub(super) async fn heal(&self, fault: u32, actions: &[Action]) {
        self.recorder.emit(Event::FaultHealing { fault });
        let deadline = Instant::now() + HEAL_LIMIT;
        let mut replicas: BTreeMap<&Replica, Vec<&Action>> = BTreeMap::new();
        for action in actions {
            let starts = matches!(action, Action::Start { .. });
            if !(starts && self.is_held(fault, action.replica())) {
                replicas.entry(action.replica()).or_default().push(action);
            }
        }
        let undo = replicas.into_values().map(|actions| async move {
            let mut failures = Vec::new();
            for action in actions {
                failures.extend(self.undo(action, deadline).await.err());
            }
            failures
        });
        for error in join_all(undo).await.into_iter().flatten() {
            self.recorder.emit(Event::HealFailed { fault, reason: error.to_string() });
        }
    }

    /// Whether another fault that goes on decides whether a replica runs.
    fn is_held(&self, fault: u32, replica: &Replica) -> bool {
        let holds = |other: &&PlannedFault| {
            let mut actions = other.injection.inject.iter();
            other.id != fault
                && actions.any(|it| it.replica() == replica && it.aspect() == Aspect::Process)
        };
        self.recorder.read(|record| {
            let mut others = self.plan.timeline.iter().filter(holds);
            others.any(|other| {
                let known = record.faults.get(&other.id);
                known.is_some_and(|it| it.armed.is_some() && it.healing.is_none())
            })
        })
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

    async fn prove_healed(&self, fault: &PlannedFault, since: Moment) -> Result<(), Halt> {
        let runs = |check: &Check| matches!(check, Check::Running { .. } | Check::Ready { .. });
        let checks = fault.injection.healed.iter();
        let checks = checks.filter(|it| !(runs(it) && self.is_held(fault.id, it.replica())));
        let checks = checks.cloned();
        let (working, acting): (Vec<_>, Vec<_>) =
            checks.partition(|check| matches!(check, Check::Ready { .. }));
        match self.unless_halted(self.all_true(&acting, HEAL_LIMIT, since)).await? {
            Ok(proofs) => {
                let limit = READY_AGAIN_LIMIT;
                let ready = self.unless_halted(self.all_true(&working, limit, since)).await?;
                self.tell_healed(fault.id, since, proofs, ready);
            }
            Err(reason) => self.recorder.emit(Event::HealFailed { fault: fault.id, reason }),
        }
        Ok(())
    }

    /// What healed by itself before its time counts as healed when its undo began.
    fn tell_healed(
        &self,
        fault: u32,
        since: Moment,
        acting: Vec<Proof>,
        working: Result<Vec<Proof>, String>,
    ) {
        let effective = latest(&acting).unwrap_or_else(|| self.recorder.now()).max(since);
        let ready = working.as_ref().ok().map(|proofs| latest(proofs).unwrap_or(effective));
        let mut evidence: Vec<String> = acting.into_iter().map(|proof| proof.evidence).collect();
        match working {
            Ok(proofs) => evidence.extend(proofs.into_iter().map(|proof| proof.evidence)),
            Err(reason) => evidence.push(reason),
        }
        self.recorder.emit(Event::FaultHealed { fault, effective, ready, evidence });
    }

    /// Waits until every check is true; what is missing, when the time is up.
    async fn all_true(
        &self,
        checks: &[Check],
        limit: Duration,
        since: Moment,
    ) -> Result<Vec<Proof>, String> {
        try_join_all(checks.iter().map(|check| async move {
            timeout(limit, self.becomes_true(check, since))
                .await
                .map_err(|_| format!("within {} s it was not seen that {check}", limit.as_secs()))
        }))
        .await
    }

    async fn becomes_true(&self, check: &Check, since: Moment) -> Proof {
        loop {
            let seen = match check {
                Check::Ready { replica } => self.ready_again(&replica.component).await,
                other => self.ports.runtime.check(other, since).await.ok().flatten(),
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

/// When a fault was over: its components could work again, or nobody waits for that any more.
fn over(fault: &FaultRecord) -> Option<Moment> {
    let stays = fault.injected.is_some() && fault.owed.is_empty() && fault.healed.is_none();
    let proved = fault.felt.is_some() || fault.not_felt.is_some();
    let gave_up = fault.heal_failed.as_ref().and(fault.healing);
    let stayed = fault.injected.filter(|_| stays && proved);
    fault.ready.or(fault.healed).or(gave_up).or(stayed)
}

/// What was told of the victims of a fault, after it was felt, that the fault itself does not do. One
/// that ends and starts its victims does so until it is proved; what dies has a policy that may
/// start it later.
fn meddling(record: &RunRecord, fault: &PlannedFault, proved: Moment) -> Vec<String> {
    const TOLD: [&str; 4] = ["die", "start", "unpause", "destroy"];
    use Check::{Died, Restarted, Running, RunsImage};
    let Some(felt) = record.faults.get(&fault.id).and_then(|known| known.felt) else {
        return Vec::new();
    };
    let victims: Vec<&Replica> = fault.injection.inject.iter().map(Action::replica).collect();
    let is_proved_by = |kind: fn(&Check) -> bool| fault.injection.felt.iter().any(kind);
    let starts = is_proved_by(|it| {
        matches!(it, Died { .. } | Restarted { .. } | RunsImage { .. } | Running { .. })
    });
    let may_start = is_proved_by(|it| matches!(it, Died { .. }))
        && !is_proved_by(|it| matches!(it, Restarted { .. }));
    let since = if starts { proved } else { felt };
    let told = record.container_events.iter().filter(|told| {
        told.happened > since
            && TOLD.contains(&told.action.as_str())
            && !(may_start && told.action == "start")
            && victims.contains(&&told.replica)
    });
    let line = |told: &chaos_reports::record::run_record::ContainerEvent| {
        let after = told.happened.seconds_since(felt);
        format!("`{}` of {} {after:.3} s into `{}`", told.action, told.replica, fault.title)
    };
    told.map(line).collect()
}
