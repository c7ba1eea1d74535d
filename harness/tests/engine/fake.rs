//! A target that exists only in memory: containers that die when they are killed, users that are
//! served while the broker lives, and every way to refuse.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chaos_harness::port::{
    Auditor, Deployment, Identity, Load, LoadGenerator, PortError, Proof, Runtime,
};
use chaos_harness::recorder::Recorder;
use chaos_reports::record::Moment;
use chaos_reports::record::event::Event;
use chaos_reports::record::final_state::{AuditRow, SourcedRow};
use chaos_reports::record::window::{WINDOW_MICROS, Window};
use chaos_scenarios::action::{Action, Check, Replica};
use chaos_scenarios::plan::{LoadPlan, Plan};
use chaos_scenarios::target::{DatabaseAudit, Endpoint};
use chaos_scenarios::workload::Request;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout};

const DUE_PER_WINDOW: u32 = 10;
const LATENCY_MICROS: u64 = 10_000;
/// A runtime that is away is waited for this long.
const AWAY_LIMIT: Duration = Duration::from_secs(60);

/// What the fakes share, and what a test looks at.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) down: Mutex<BTreeSet<Replica>>,
    pub(crate) applied: Mutex<Vec<Action>>,
    pub(crate) refused: Mutex<Option<Action>>,
    pub(crate) residue: Mutex<Vec<String>>,
    pub(crate) never_steady: Mutex<bool>,
    pub(crate) never_ready: Mutex<bool>,
    pub(crate) immune: Mutex<bool>,
    pub(crate) in_flight: Mutex<u64>,
    pub(crate) standing: Mutex<bool>,
    pub(crate) loading: Mutex<bool>,
    pub(crate) recorder: Mutex<Option<Recorder>>,
    /// What was audited, in its order.
    pub(crate) audits: Mutex<Vec<String>>,
    pub(crate) silent_database: Mutex<bool>,
    /// Why the runtime was lost, once it was.
    pub(crate) lost: watch::Sender<Option<String>>,
    /// Whether it answers nobody at present.
    pub(crate) away: watch::Sender<bool>,
}

impl World {
    fn someone_is_down(&self) -> bool {
        !self.down.lock().unwrap().is_empty()
    }

    fn is_here(&self) -> Result<(), PortError> {
        match *self.away.borrow() {
            true => Err(PortError("nobody answers".to_owned())),
            false => Ok(()),
        }
    }

    pub(crate) fn tell(&self, replica: &Replica, action: &str) {
        if let Some(recorder) = self.recorder.lock().unwrap().as_ref() {
            recorder.emit(Event::Container {
                replica: replica.clone(),
                action: action.to_owned(),
                happened: recorder.now(),
                exit_code: (action == "die").then_some(137),
            });
        }
    }
}

pub(crate) struct FakeRuntime(pub(crate) Arc<World>);

impl Runtime for FakeRuntime {
    async fn provision(
        &self,
        plan: &Plan,
        _identity: &Identity,
        recorder: &Recorder,
    ) -> Result<Deployment, PortError> {
        *self.0.standing.lock().unwrap() = true;
        *self.0.recorder.lock().unwrap() = Some(recorder.clone());
        sleep(Duration::from_millis(800)).await;
        let mut ports = BTreeMap::new();
        for component in &plan.target.components {
            for port in &component.ports {
                let replica = Replica { component: component.name.clone(), number: 1 };
                ports.insert((replica, *port), 40_000 + *port % 1000);
            }
        }
        Ok(Deployment { ports, variables: BTreeMap::new() })
    }

    async fn apply(&self, action: &Action) -> Result<(), PortError> {
        sleep(Duration::from_millis(130)).await;
        self.0.is_here()?;
        if self.0.refused.lock().unwrap().as_ref() == Some(action) {
            return Err(PortError(format!("refused to {action}")));
        }
        self.0.applied.lock().unwrap().push(action.clone());
        match action {
            Action::Start { replica } | Action::Restart { replica, .. } => {
                self.0.down.lock().unwrap().remove(replica);
                self.0.tell(replica, "start");
            }
            Action::Kill { .. } if *self.0.immune.lock().unwrap() => {}
            other => {
                self.0.down.lock().unwrap().insert(other.replica().clone());
                self.0.tell(other.replica(), "die");
            }
        }
        Ok(())
    }

    async fn check(&self, check: &Check, _since: Moment) -> Result<Option<Proof>, PortError> {
        let recorder = self.0.recorder.lock().unwrap().clone().expect("provisioned");
        let down = self.0.down.lock().unwrap().contains(check.replica());
        let wanted_down =
            !matches!(check, Check::Running { .. } | Check::Ready { .. } | Check::Restarted { .. });
        let proof = Proof { since: recorder.now(), evidence: check.to_string() };
        Ok((down == wanted_down).then_some(proof))
    }

    async fn collect_logs(&self, _folder: &Path) -> Result<(), PortError> {
        Ok(())
    }

    async fn dismantle(&self) -> Result<Vec<String>, PortError> {
        self.0.is_here()?;
        *self.0.standing.lock().unwrap() = false;
        Ok(self.0.residue.lock().unwrap().clone())
    }

    async fn lost(&self) -> String {
        let mut lost = self.0.lost.subscribe();
        let told = lost.wait_for(Option::is_some).await.expect("the world goes on").clone();
        told.unwrap_or_default()
    }

    async fn answers(&self) -> Result<(), PortError> {
        let mut away = self.0.away.subscribe();
        let back = timeout(AWAY_LIMIT, away.wait_for(|away| !*away)).await;
        back.map(|_| ()).map_err(|_| PortError("nobody answers".to_owned()))
    }
}

pub(crate) struct FakeLoad(pub(crate) Arc<World>);

pub(crate) struct RunningFakeLoad {
    world: Arc<World>,
    users: JoinHandle<()>,
    recorder: Recorder,
}

impl LoadGenerator for FakeLoad {
    type Running = RunningFakeLoad;

    async fn start(
        &self,
        plan: &LoadPlan,
        _seed: u64,
        _entry: &str,
        _ledger: &Path,
        recorder: &Recorder,
    ) -> Result<RunningFakeLoad, PortError> {
        *self.0.loading.lock().unwrap() = true;
        recorder.emit(Event::LoadStarted { engine: "fake".to_owned(), users: 1 });
        let users =
            tokio::spawn(send(self.0.clone(), plan.workload.headline.clone(), recorder.clone()));
        Ok(RunningFakeLoad { world: self.0.clone(), users, recorder: recorder.clone() })
    }
}

async fn send(world: Arc<World>, class: String, recorder: Recorder) {
    let first = recorder.now().0 / WINDOW_MICROS + 1;
    for index in first.. {
        sleep_until(recorder.epoch() + Duration::from_micros((index + 1) * WINDOW_MICROS)).await;
        let served = !world.someone_is_down() && !*world.never_steady.lock().unwrap();
        recorder.emit(Event::Window(window(index, &class, served)));
    }
}

fn window(index: u64, class: &str, served: bool) -> Window {
    let start = Moment(index * WINDOW_MICROS);
    let last = start.plus(WINDOW_MICROS - WINDOW_MICROS / u64::from(DUE_PER_WINDOW));
    Window {
        index,
        class: class.to_owned(),
        due: DUE_PER_WINDOW,
        good: if served { DUE_PER_WINDOW } else { 0 },
        fail: if served { 0 } else { DUE_PER_WINDOW },
        first_good: served.then_some(start),
        last_good: served.then_some(last),
        first_bad: (!served).then_some(start),
        last_bad: (!served).then_some(last),
        acknowledged: if served { DUE_PER_WINDOW } else { 0 },
        latencies: vec![(LATENCY_MICROS, u64::from(DUE_PER_WINDOW))],
        ..Window::default()
    }
}

impl Load for RunningFakeLoad {
    async fn stop(self) -> Result<(), PortError> {
        self.users.abort();
        *self.world.loading.lock().unwrap() = false;
        self.recorder.emit(Event::LoadEnded { engine_requests: 0, panics: 0 });
        Ok(())
    }

    fn orders_in_flight(&self) -> u64 {
        *self.world.in_flight.lock().unwrap()
    }
}

pub(crate) struct FakeAuditor(pub(crate) Arc<World>);

impl Auditor for FakeAuditor {
    async fn ready(
        &self,
        _plan: &Plan,
        _deployment: &Deployment,
        component: &str,
    ) -> Result<String, PortError> {
        sleep(Duration::from_millis(5)).await;
        let down = self.0.down.lock().unwrap().iter().any(|it| it.component == component);
        if down || *self.0.never_ready.lock().unwrap() {
            return Err(PortError(format!("{component} is down")));
        }
        Ok("it said so".to_owned())
    }

    async fn canary(
        &self,
        _plan: &Plan,
        _deployment: &Deployment,
        _request: &Request,
    ) -> Result<String, PortError> {
        sleep(Duration::from_millis(50)).await;
        Ok("completed".to_owned())
    }

    async fn pending(
        &self,
        _plan: &Plan,
        _deployment: &Deployment,
    ) -> (BTreeMap<String, u64>, Vec<String>) {
        let waiting = if self.0.someone_is_down() { 50 } else { 0 };
        (BTreeMap::from([("outbox".to_owned(), waiting)]), Vec::new())
    }

    async fn audit(
        &self,
        endpoint: &Endpoint,
        _deployment: &Deployment,
    ) -> Result<Vec<SourcedRow>, PortError> {
        let mut audits = self.0.audits.lock().unwrap();
        audits.push(endpoint.scheme.clone());
        // It goes on while it is read.
        let order = format!("order-{}", audits.len());
        let row = AuditRow::Shipments { order: order.into(), state: "ACTIVE".into() };
        Ok(vec![SourcedRow::told(endpoint.to_string(), row)])
    }

    async fn audit_database(
        &self,
        audit: &DatabaseAudit,
        _deployment: &Deployment,
    ) -> Result<Vec<SourcedRow>, PortError> {
        self.0.audits.lock().unwrap().push(audit.database.scheme.clone());
        match *self.0.silent_database.lock().unwrap() {
            true => Err(PortError("it says nothing".to_owned())),
            false => Ok(Vec::new()),
        }
    }
}
