//! The engine against a target in memory, on paused time: whatever happens, whenever it happens,
//! every fault that was armed is undone, the load is stopped, and everything is removed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::unchecked_time_subtraction,
    reason = "a test"
)]

mod audit;
mod fake;
mod long;
mod lost;
mod overlap;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use chaos_harness::folder::{FINAL_STATE, read_final_state};
use chaos_harness::port::{Identity, Ports};
use chaos_harness::recorder::{Recorder, Sink};
use chaos_harness::run::{Run, Setting};
use chaos_harness::stop::Stop;
use chaos_reports::record::event::{Ending, Host, Phase};
use chaos_reports::record::final_state::SourcedRow;
use chaos_reports::record::run_record::RunRecord;
use chaos_scenarios::action::{Action, Replica};
use chaos_scenarios::plan::Plan;
use chaos_scenarios::plan::capability::Capabilities;
use chaos_scenarios::plan::compile::{Overrides, PlanRequest};
use chaos_scenarios::plan::profile::Profile;
use chaos_scenarios::{scenario, target, workload};
use fake::{FakeAuditor, FakeLoad, FakeRuntime, World};

const COMPOSE: &str = "
services:
  entry: {image: proxy, depends_on: [broker]}
  broker: {image: broker}
x-chaos:
  version: 1
  title: A target in memory
  entry: http://entry:8080
  roles: {entry: proxy, broker: broker}
  ready: {broker: http://broker:9090/readyz}
  audit: [http://broker:9090/audit]
  audit-sql:
    - database: postgres://u:p@broker:5432/shop
      checks: http://broker:9090/audit
      queries: {shipments: SELECT 1}
  pending: [http://broker:9090/pending]
  canary: order
";

const SCENARIO: &str = "
version: 1
title: The broker dies and comes back
steady-state-hypothesis: {title: Orders are taken, probes: [availability >= 99%]}
method:
  - {at: 0s, fault: {kill: {role: broker}}}
expect: {default: [recovery < 30s]}
";

/// When a run of this plan has surely ended.
const RUN_SECONDS: u64 = 60;

fn plan() -> Plan {
    plan_of(SCENARIO)
}

fn plan_of(scenario: &str) -> Plan {
    let source = scenario::decode("broker-down.yaml", scenario).expect("a valid scenario");
    let target = target::decode("compose.yaml", "memory", COMPOSE).expect("a valid target");
    Plan::compile(&PlanRequest {
        source: &source,
        target: &target,
        workload: &workload::builtin("checkout").expect("it is built in"),
        each: None,
        mode: "hardened",
        profile: Profile::Quick,
        seed: 1,
        repeat: 1,
        overrides: &Overrides::default(),
        capabilities: &Capabilities::default(),
    })
    .expect("the scenario fits the target")
}

struct Ended {
    ending: Ending,
    record: RunRecord,
    world: Arc<World>,
    /// What was read in the end; none if it did not come to that.
    final_state: Option<Vec<SourcedRow>>,
}

async fn execute(world: World, stop: Stop, sink: Box<dyn Sink>) -> Ended {
    execute_plan(plan(), world, stop, sink).await
}

async fn execute_plan(plan: Plan, world: World, stop: Stop, sink: Box<dyn Sink>) -> Ended {
    execute_in(plan, Arc::new(world), stop, sink).await
}

async fn execute_in(plan: Plan, world: Arc<World>, stop: Stop, sink: Box<dyn Sink>) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    let setting = Setting {
        identity: Identity {
            experiment: "test".to_owned(),
            run: "test-1".to_owned(),
            expires_at: 0,
            kept: false,
        },
        host: Host::default(),
        folder: folder.path().to_owned(),
    };
    let ports = Ports {
        runtime: Arc::new(FakeRuntime(world.clone())),
        load: Arc::new(FakeLoad(world.clone())),
        auditor: Arc::new(FakeAuditor(world.clone())),
    };
    let recorder = Recorder::new(sink);
    let run = Run::new(plan, setting, ports, recorder.clone(), stop);
    let ending = run.execute().await;
    let final_state = read_final_state(&folder.path().join(FINAL_STATE)).ok();
    Ended { ending, record: recorder.read(Clone::clone), world, final_state }
}

async fn to_the_end(world: World) -> Ended {
    execute(world, Stop::default(), Box::new(Vec::new())).await
}

/// What must be true however a run ended.
#[track_caller]
fn assert_clean(ended: &Ended) {
    assert_eq!(ended.record.outstanding(), vec![], "a fault was not undone: {:?}", ended.ending);
    assert!(!*ended.world.standing.lock().unwrap(), "the target still stands");
    assert!(!*ended.world.loading.lock().unwrap(), "the load still runs");
    assert_eq!(ended.record.ending.as_ref(), Some(&ended.ending));
}

fn broker() -> Replica {
    Replica { component: "broker".to_owned(), number: 1 }
}

#[tokio::test(start_paused = true)]
async fn a_run_goes_through_all_phases_in_order() {
    let ended = to_the_end(World::default()).await;
    assert_eq!(ended.ending, Ending::Complete);
    assert_clean(&ended);
    let phases: Vec<Phase> = ended.record.phases.iter().map(|span| span.phase).collect();
    let mut sorted = phases.clone();
    sorted.sort();
    assert_eq!(phases, sorted);
    assert_eq!(phases.len(), 10);
    let kill = Action::Kill { replica: broker(), signal: "KILL".to_owned() };
    let start = Action::Start { replica: broker() };
    assert_eq!(*ended.world.applied.lock().unwrap(), vec![kill, start]);
    let fault = &ended.record.faults[&1];
    assert!(fault.felt.is_some() && fault.healed > fault.felt && fault.ready.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_interruption_at_any_moment_leaves_nothing() {
    for tenths in 0..RUN_SECONDS * 10 {
        let stop = Stop::default();
        let asking = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(tenths * 100 + 37)).await;
            asking.ask("SIGINT");
        });
        let ended = execute(World::default(), stop, Box::new(Vec::new())).await;
        assert_clean(&ended);
        if ended.ending == Ending::Complete {
            return;
        }
        assert_eq!(ended.ending, Ending::Interrupted { signal: "SIGINT".to_owned() });
    }
    panic!("no run came to its end within {RUN_SECONDS} s");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_steady_is_not_disturbed() {
    let world = World { never_steady: true.into(), ..World::default() };
    let ended = to_the_end(world).await;
    assert!(matches!(ended.ending, Ending::NotSteady { .. }), "{:?}", ended.ending);
    assert_clean(&ended);
    assert!(ended.world.applied.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_never_becomes_ready_is_told_by_name() {
    let world = World { never_ready: true.into(), ..World::default() };
    let ended = to_the_end(world).await;
    let Ending::Error { message } = &ended.ending else { panic!("{:?}", ended.ending) };
    assert!(message.contains("`memory`") && message.contains("broker"), "{message}");
    assert_clean(&ended);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_is_refused_is_undone_all_the_same() {
    let kill = Action::Kill { replica: broker(), signal: "KILL".to_owned() };
    let ended = to_the_end(World { refused: Some(kill).into(), ..World::default() }).await;
    assert!(matches!(&ended.ending, Ending::Error { message } if message.contains("refused")));
    assert_clean(&ended);
    let start = Action::Start { replica: broker() };
    assert_eq!(*ended.world.applied.lock().unwrap(), vec![start]);
}

#[tokio::test(start_paused = true)]
async fn a_fault_that_nobody_feels_is_told() {
    let ended = to_the_end(World { immune: true.into(), ..World::default() }).await;
    assert_eq!(ended.ending, Ending::Complete);
    assert!(ended.record.faults[&1].not_felt.is_some());
    assert_clean(&ended);
}

#[tokio::test(start_paused = true)]
async fn an_undo_that_fails_is_told_and_everything_is_removed() {
    let start = Action::Start { replica: broker() };
    let ended = to_the_end(World { refused: Some(start).into(), ..World::default() }).await;
    assert!(ended.record.faults[&1].heal_failed.is_some());
    assert!(!*ended.world.standing.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_removed_is_told_by_name() {
    let residue = vec!["volume x".to_owned()];
    let ended = to_the_end(World { residue: residue.clone().into(), ..World::default() }).await;
    assert_eq!(ended.record.residue, residue);
    assert!(matches!(&ended.ending, Ending::Error { message } if message.contains("volume x")));
}

#[tokio::test(start_paused = true)]
async fn the_next_pulse_counts_from_the_return_of_the_last() {
    let text = SCENARIO.replace(" fault:", " pulse: {off: 2s, on: 3s, times: 3}, fault:");
    let plan = plan_of(&text);
    assert_eq!(plan.timeline.len(), 3);
    let ended = execute_plan(plan, World::default(), Stop::default(), Box::new(Vec::new())).await;
    assert_eq!(ended.ending, Ending::Complete);
    assert_clean(&ended);
    let faults: Vec<_> = ended.record.faults.values().collect();
    let recovery = ended.record.phase(Phase::Recovery).expect("it came");
    assert!(faults.last().and_then(|fault| fault.healing) <= Some(recovery.start));
    for pair in faults.windows(2) {
        let (ready, armed) = (pair[0].ready.expect("ready"), pair[1].armed.expect("armed"));
        let pause = armed.seconds_since(ready);
        assert!((3.0..3.1).contains(&pause), "{pause} s after it was ready again");
        let lasted = pair[0].healing.expect("healed").seconds_since(pair[0].armed.expect("armed"));
        assert!((2.0..2.1).contains(&lasted), "{lasted} s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_do_to_a_victim_is_told() {
    let world = Arc::new(World::default());
    let meddler = Arc::clone(&world);
    let told = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let recorder = meddler.recorder.lock().unwrap().clone();
            let Some(recorder) = recorder else { continue };
            let felt =
                recorder.read(|record| record.faults.get(&1).is_some_and(|it| it.felt.is_some()));
            if felt {
                meddler.tell(&broker(), "destroy");
                return;
            }
        }
    });
    let sink = Box::new(Vec::new());
    let ended = execute_in(plan(), world, Stop::default(), sink).await;
    told.await.expect("it meddled");
    assert_clean(&ended);
    let notes: Vec<&str> = ended.record.notes.iter().map(|note| note.1.as_str()).collect();
    assert!(notes.iter().any(|note| note.starts_with("`destroy` of broker-1")), "{notes:?}");
}

/// A disk that takes so many bytes and no more.
struct SmallDisk(usize);

impl Write for SmallDisk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for SmallDisk {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_ends_the_run_clean() {
    for room in [0, 10_000, 20_000, 40_000] {
        let disk = Box::new(SmallDisk(room));
        let ended = execute(World::default(), Stop::default(), disk).await;
        let Ending::Error { message } = &ended.ending else { panic!("{:?}", ended.ending) };
        assert!(message.contains("--out"), "{message}");
        assert_clean(&ended);
    }
}
