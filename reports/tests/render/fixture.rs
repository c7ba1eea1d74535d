//! An experiment made up for the tests: a broker that dies and comes back, a coordinator whose
//! death loses orders, a control, and a target that was not steady. Everything is drawn from one
//! seed, and every text that comes from outside is hostile.

use std::collections::BTreeMap;

use chaos_reports::judge::report::{ExperimentHeader, ExperimentReport, PlanSummary, RunReport};
use chaos_reports::judge::{
    ExpectationResult, Flag, InvariantResult, Judgement, Marks, OrderEvidence, Reconciliation,
    Value, Verdict, judge,
};
use chaos_reports::record::Moment;
use chaos_reports::record::event::{Ending, Host, Phase};
use chaos_reports::record::final_state::{AuditRow, FinalState};
use chaos_reports::record::order::{Acknowledgement, OrderRecord, Outcome};
use chaos_reports::record::run_record::{
    ContainerEvent, FaultRecord, PendingSample, PhaseSpan, ReadinessChange, RunRecord,
};
use chaos_reports::record::window::Window;
use chaos_scenarios::action::{Action, Check, Injection, Replica};
use chaos_scenarios::expectation::{Expectation, Operator};
use chaos_scenarios::measure::{Fate, Measure};
use chaos_scenarios::plan::{LoadPlan, Phases, Plan, PlannedFault, RunKind};
use chaos_scenarios::quantity::{Rate, Span};
use chaos_scenarios::random::Random;
use chaos_scenarios::target::{Component, Endpoint, Role, Target};
use chaos_scenarios::workload::{Arrival, Expected, Stage, builtin};

/// A text that would do harm if a report took it for markup.
pub(crate) const HOSTILE: &str =
    "</script><script>alert('x')</script>|`*_[x](http://evil.example)\"'&";

const SEED: u64 = 0x5eed;
const STARTED: i64 = 1_760_000_000_000_000;

/// What a simulated target does, in seconds since its run started.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    pub(crate) scenario: &'static str,
    pub(crate) target: &'static str,
    pub(crate) mode: &'static str,
    pub(crate) component: &'static str,
    pub(crate) kind: RunKind,
    /// Fault felt and healed.
    pub(crate) fault: Option<(f64, f64)>,
    /// First bad request and recovery, if users notice.
    pub(crate) impact: Option<(f64, f64)>,
    /// All work done.
    pub(crate) full: Option<f64>,
    pub(crate) median: f64,
    pub(crate) lost: u64,
    pub(crate) duplicate: u64,
}

pub(crate) const BROKER_DOWN: Story = Story {
    scenario: "broker-down",
    target: "broker",
    mode: "hardened",
    component: "rabbitmq",
    kind: RunKind::Fault,
    fault: Some((24.312, 39.508)),
    impact: None,
    full: Some(52.75),
    median: 0.011,
    lost: 0,
    duplicate: 0,
};

pub(crate) const BROKER_DOWN_CONTROL: Story = Story {
    target: "monolith",
    component: "",
    kind: RunKind::Control,
    fault: None,
    full: None,
    median: 0.0062,
    ..BROKER_DOWN
};

pub(crate) const COORDINATOR_DOWN: Story = Story {
    scenario: "coordinator-down",
    target: "monolith",
    component: "app",
    fault: Some((23.901, 38.977)),
    impact: Some((23.94, 41.22)),
    full: None,
    median: 0.0062,
    lost: 3,
    ..BROKER_DOWN
};

pub(crate) const COORDINATOR_DOWN_BROKER: Story = Story {
    scenario: "coordinator-down",
    target: "broker",
    component: "rabbitmq",
    fault: Some((24.118, 39.302)),
    impact: Some((26.2, 40.9)),
    full: Some(49.5),
    ..BROKER_DOWN
};

/// The whole experiment.
pub(crate) fn experiment() -> ExperimentReport {
    let stories = [BROKER_DOWN, BROKER_DOWN_CONTROL, COORDINATOR_DOWN, COORDINATOR_DOWN_BROKER];
    let mut runs: Vec<RunReport> = stories.iter().map(run).collect();
    runs.insert(1, inapplicable());
    runs.push(unsteady());
    let header = ExperimentHeader {
        experiment: "0199c0de".to_owned(),
        seed: SEED,
        started: STARTED,
        version: "0.1.0".to_owned(),
        host: host(),
        command: "chaos run broker-down coordinator-down --seed 24301".to_owned(),
    };
    ExperimentReport::new(header, runs)
}

/// A plan that was not run, as it stands in an experiment.
fn inapplicable() -> RunReport {
    let reason = "monolith has no component with the role broker".to_owned();
    let story = Story { kind: RunKind::Fault, ..BROKER_DOWN_CONTROL };
    let plan = Plan { not_applicable: Some(reason.clone()), ..plan(&story) };
    let record = RunRecord { plan: Some(Box::new(plan.clone())), ..RunRecord::default() };
    RunReport {
        id: "broker-down/monolith@hardened/not-applicable".to_owned(),
        plan: PlanSummary::from(&plan),
        judgement: judge(&record, &[], &FinalState::default()),
        record,
        folder: String::new(),
    }
}

fn host() -> Host {
    Host {
        name: "build-7".to_owned(),
        kernel: "6.12.48+deb13-amd64".to_owned(),
        cores: 8,
        memory: 33_567_891_456,
        docker: "28.3.2".to_owned(),
        cgroup: 2,
        storage: "overlay2".to_owned(),
        target_cpus: "4-7".to_owned(),
    }
}

/// One simulated run.
pub(crate) fn run(story: &Story) -> RunReport {
    let plan = plan(story);
    let record = record(story, &plan);
    RunReport {
        id: format!("{}/{}@{}/1", story.scenario, story.target, story.mode),
        plan: PlanSummary::from(&plan),
        judgement: judgement(story, &record),
        record,
        folder: format!("runs/{}/{}@{}/1", story.scenario, story.target, story.mode),
    }
}

fn unsteady() -> RunReport {
    let story = Story { mode: "naive", fault: None, ..COORDINATOR_DOWN_BROKER };
    let mut run = run(&story);
    run.record.windows.clear();
    run.record.pending.clear();
    run.record.ending = Some(Ending::NotSteady { reason: "p95 < 500ms did not hold".to_owned() });
    run.judgement = Judgement {
        verdict: Verdict::NotSteady,
        flags: vec![Flag::Dirty],
        reasons: vec!["before the fault p95 was 1.32 s, expected < 500ms".to_owned()],
        measures: BTreeMap::new(),
        reconciliation: None,
        invariants: Vec::new(),
        expectations: Vec::new(),
        orders: Vec::new(),
        marks: Marks::default(),
        completions: Vec::new(),
        ..run.judgement
    };
    run
}

fn replica(component: &str) -> Replica {
    Replica { component: component.to_owned(), number: 1 }
}

fn plan(story: &Story) -> Plan {
    let kill = Action::Kill { replica: replica(story.component), signal: "KILL".to_owned() };
    let fault = PlannedFault {
        id: 1,
        name: "kill".to_owned(),
        title: format!("kill {}", story.component),
        at: Span::seconds(0),
        until: Some(Span::seconds(15)),
        components: vec![story.component.to_owned()],
        injection: Injection {
            inject: vec![kill],
            felt: vec![Check::Ended { replica: replica(story.component) }],
            heal: vec![Action::Start { replica: replica(story.component) }],
            healed: vec![Check::Running { replica: replica(story.component) }],
        },
    };
    Plan {
        scenario: story.scenario.to_owned(),
        title: match story.scenario {
            "broker-down" => "The message broker dies and comes back".to_owned(),
            _ => "Whoever leads an order through its steps dies".to_owned(),
        },
        target: target(story),
        mode: story.mode.to_owned(),
        safeguards_off: Vec::new(),
        kind: story.kind,
        repeat: 1,
        seed: SEED,
        profile: "standard".to_owned(),
        phases: Phases {
            warm_up: Span::seconds(5),
            baseline: Span::seconds(10),
            test: Span::seconds(15),
            horizon: Span::seconds(15),
            recovery_limit: Span::seconds(60),
            keep: Span::seconds(5),
            drain_limit: Span::seconds(32),
        },
        load: LoadPlan {
            workload: builtin("checkout").expect("the workload comes with the crate"),
            arrival: Arrival::Poisson,
            stages: vec![Stage {
                from: Span::seconds(0),
                rate: Rate::per_second(100.0).expect("a rate"),
            }],
            engine: "goose".to_owned(),
            users: 320,
        },
        timeline: if story.fault.is_some() { vec![fault] } else { Vec::new() },
        hypothesis: vec![expect(Measure::P95, Operator::Less, 0.5)],
        expect: expectations(story),
        stop_conditions: Vec::new(),
        not_applicable: None,
        needs: Vec::new(),
        host_lacks: None,
    }
}

fn target(story: &Story) -> Target {
    let constants = [
        ("broker reconnect pause", "100ms to 1s, random"),
        ("confirm deadline", "5s"),
        ("retry delays", "200ms, 1s, 5s, 15s"),
        ("<b>health</b> check", "every 500ms, down after 2, up after 1"),
    ];
    Target {
        name: story.target.to_owned(),
        title: "Microservices over a message broker".to_owned(),
        components: vec![component("proxy", Role::Proxy), component("rabbitmq", Role::Broker)],
        networks: vec!["shop".to_owned()],
        volumes: Vec::new(),
        entry: Endpoint {
            scheme: "http".to_owned(),
            credentials: None,
            component: "proxy".to_owned(),
            port: 8080,
            path: String::new(),
        },
        workload: "checkout".to_owned(),
        canary: Some("order".to_owned()),
        audit: Vec::new(),
        pending: Vec::new(),
        redrive: Vec::new(),
        retry_schedule: Span::seconds(22),
        modes: vec!["hardened".to_owned()],
        safeguards: Vec::new(),
        constants: constants.map(|(name, text)| (name.to_owned(), text.to_owned())).into(),
    }
}

fn component(name: &str, role: Role) -> Component {
    Component {
        name: name.to_owned(),
        role,
        replicas: 1,
        image: format!("chaos/{name}"),
        entrypoint: None,
        command: None,
        environment: BTreeMap::new(),
        ports: Vec::new(),
        networks: BTreeMap::new(),
        depends_on: Vec::new(),
        mounts: Vec::new(),
        tmpfs: Vec::new(),
        restart: "no".to_owned(),
        stop_grace_period: None,
        stop_signal: None,
        init: true,
        hostname: None,
        user: None,
        working_dir: None,
        read_only: true,
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        security_opt: Vec::new(),
        ulimits: Vec::new(),
        memory: None,
        cpus: None,
        pids_limit: None,
        ready: None,
    }
}

fn expect(measure: Measure, operator: Operator, value: f64) -> Expectation {
    Expectation { measure, operator, value, scope: None }
}

fn expectations(story: &Story) -> Vec<Expectation> {
    vec![
        expect(Measure::AvailabilityAccepted, Operator::AtLeast, 0.99),
        expect(Measure::Recovery, Operator::Less, if story.lost > 0 { 15.0 } else { 30.0 }),
        expect(Measure::Fate(Fate::Lost), Operator::Equal, 0.0),
        expect(Measure::Fate(Fate::Duplicate), Operator::Equal, 0.0),
        expect(Measure::Rpo, Operator::Less, 1.0),
    ]
}

const END: f64 = 64.0;

fn moment(seconds: f64) -> Moment {
    Moment((seconds * 1e6).round() as u64)
}

fn record(story: &Story, plan: &Plan) -> RunRecord {
    let spans = [
        (Phase::Provision, 0.0, 5.1),
        (Phase::Ready, 5.1, 8.9),
        (Phase::WarmUp, 8.9, 13.9),
        (Phase::Baseline, 13.9, 23.9),
        (Phase::Test, 23.9, 38.9),
        (Phase::Recovery, 38.9, 56.0),
        (Phase::Keep, 56.0, END),
        (Phase::Drain, END, END + 2.3),
        (Phase::Audit, END + 2.3, END + 2.6),
        (Phase::Dismantle, END + 2.6, END + 4.7),
    ];
    let phase =
        |(phase, start, end)| PhaseSpan { phase, start: moment(start), end: Some(moment(end)) };
    let mut record = RunRecord {
        run: format!("{}-{}", story.scenario, story.target),
        experiment: "0199c0de".to_owned(),
        version: "0.1.0".to_owned(),
        wall_clock: STARTED + 1_500_000,
        host: host(),
        plan: Some(Box::new(plan.clone())),
        phases: spans.map(phase).to_vec(),
        load_started: Some(moment(8.9)),
        load_ended: Some(moment(END)),
        windows: windows(story),
        pending: pending(story),
        dismantled: true,
        ending: Some(Ending::Complete),
        last: moment(END + 4.7),
        ..RunRecord::default()
    };
    record.generator.due = 5_510;
    record.generator.sent = 5_510;
    record.generator.lag = BTreeMap::from([(90, 5_000), (1_400, 505), (3_100, 5)]);
    record.generator.cpu = 4_300_000;
    record.generator.seconds = 55;
    events(story, &mut record);
    record
}

fn events(story: &Story, record: &mut RunRecord) {
    let Some((felt, healed)) = story.fault else { return };
    let event = |action: &str, at, exit_code| ContainerEvent {
        replica: replica(story.component),
        action: action.to_owned(),
        happened: moment(at),
        exit_code,
    };
    record.container_events = vec![event("die", felt, Some(137)), event("start", healed, None)];
    record.readiness = vec![ReadinessChange {
        at: moment(healed + 4.2),
        replica: replica(story.component),
        ready: true,
        evidence: HOSTILE.to_owned(),
    }];
    record.notes = vec![(moment(felt), "waited 120ms for an order in flight".to_owned())];
    record.faults = BTreeMap::from([(
        1,
        FaultRecord {
            id: 1,
            armed: Some(moment(felt - 0.2)),
            injected: Some(moment(felt + 0.1)),
            felt: Some(moment(felt)),
            healing: Some(moment(healed - 0.3)),
            healed: Some(moment(healed)),
            ready: Some(moment(healed + 4.2)),
            evidence: vec!["die event, exit code 137".to_owned()],
            ..FaultRecord::default()
        },
    )]);
}

fn windows(story: &Story) -> BTreeMap<String, Vec<Window>> {
    let mut classes = BTreeMap::new();
    for (class, per_window, factor) in
        [("browse", 6.0, 0.25), ("order", 2.5, 1.0), ("status", 1.5, 0.4)]
    {
        let mut random =
            Random::stream(SEED, &format!("{}{}{class}", story.scenario, story.target));
        let span = 89..(END * 10.0) as u64;
        let of = span.map(|index| window(story, class, index, per_window, factor, &mut random));
        classes.insert(class.to_owned(), of.collect());
    }
    classes
}

fn window(
    story: &Story,
    class: &str,
    index: u64,
    per_window: f64,
    factor: f64,
    random: &mut Random,
) -> Window {
    let at = index as f64 / 10.0;
    let due = poisson(per_window, random);
    let mut window = Window { index, class: class.to_owned(), due, ..Window::default() };
    let mut latencies: BTreeMap<u64, u64> = BTreeMap::new();
    for _ in 0..due {
        let (good, seconds) = request(story, class, at, factor, random);
        if good {
            window.good += 1;
            window.acknowledged += 1;
        } else {
            window.unknown += 1;
            window.first_bad.get_or_insert(moment(at));
        }
        let micros = (seconds * 1e6) as u64;
        let unit = 10_u64.pow(micros.max(1).ilog10().saturating_sub(2));
        *latencies.entry(micros / unit * unit).or_default() += 1;
    }
    window.latencies = latencies.into_iter().collect();
    window
}

/// Whether a request is good, and how long it takes.
fn request(story: &Story, class: &str, at: f64, factor: f64, random: &mut Random) -> (bool, f64) {
    let shape = (-(1.0 - random.unit()).ln()).powf(0.6);
    let mut seconds = story.median * factor * (0.7 + 0.5 * shape);
    let struck = story.impact.is_some_and(|(from, to)| at >= from && at < to);
    if struck && class != "browse" {
        let fails = if story.target == "monolith" { 0.97 } else { 0.55 };
        if random.unit() < fails {
            return (false, if random.unit() < 0.3 { 3.0 } else { 0.302 + 0.01 * shape });
        }
        seconds *= 20.0;
    }
    let slowed = story.fault.is_some_and(|(felt, healed)| at >= felt && at < healed + 3.0);
    (true, if slowed { seconds * 1.6 } else { seconds })
}

fn poisson(mean: f64, random: &mut Random) -> u32 {
    let limit = (-mean).exp();
    let (mut product, mut count) = (random.unit(), 0);
    while product > limit {
        product *= random.unit();
        count += 1;
    }
    count
}

fn pending(story: &Story) -> Vec<PendingSample> {
    let mut random = Random::stream(SEED, story.target);
    let mut samples = Vec::new();
    for n in 36..265_u64 {
        let at = n as f64 / 4.0;
        let usual = if story.target == "broker" { random.below(4) } else { 0 };
        let (felt, healed) = story.fault.unwrap_or((f64::MAX, f64::MAX));
        let full = story.full.unwrap_or(healed);
        let highest = (healed - felt) * 23.5;
        let backlog = match at {
            _ if story.target != "broker" || at < felt || at > full => 0.0,
            _ if at < healed + 2.0 => ((at - felt) * 23.5).min(highest * 1.1),
            _ => highest * 1.1 * (full - at) / (full - healed - 2.0),
        };
        samples.push(PendingSample {
            at: moment(at),
            counts: BTreeMap::from([
                ("outbox".to_owned(), backlog as u64),
                ("sagas".to_owned(), usual),
                ("dead".to_owned(), 0),
            ]),
            silent: Vec::new(),
        });
    }
    samples
}

fn completions(story: &Story) -> Vec<u64> {
    let mut random = Random::stream(SEED, "completions");
    let second = |second: u64| {
        let at = second as f64;
        let usual = 20 + random.below(9);
        let (felt, healed) = story.fault.unwrap_or((f64::MAX, f64::MAX));
        match at {
            _ if !(9.0..END).contains(&at) => 0,
            _ if at >= felt && at < healed => 0,
            _ if at >= healed && at < story.full.unwrap_or(healed) => usual + 27,
            _ => usual,
        }
    };
    (0..66).map(second).collect()
}

fn judgement(story: &Story, record: &RunRecord) -> Judgement {
    let measures = measures(story);
    let expectations: Vec<ExpectationResult> = match story.kind {
        RunKind::Control => Vec::new(),
        RunKind::Fault => expectations(story)
            .into_iter()
            .map(|expectation| result(expectation, &measures))
            .collect(),
    };
    let unmet = expectations.iter().any(|result| result.held == Some(false));
    Judgement {
        verdict: if unmet { Verdict::Deviated } else { Verdict::Held },
        flags: Vec::new(),
        reasons: expectations
            .iter()
            .filter(|result| result.held == Some(false))
            .map(reason)
            .collect(),
        reconciliation: Some(reconciliation(story)),
        invariants: invariants(story),
        hypothesis: vec![result(expect(Measure::P95, Operator::Less, 0.5), &measures)],
        orders: orders(story),
        marks: Marks {
            felt: story.fault.map(|(felt, _)| moment(felt)),
            healed: story.fault.map(|(_, healed)| moment(healed)),
            ready: story.fault.map(|(_, healed)| moment(healed + 4.2)),
            impact: story.impact.map(|(impact, _)| moment(impact)),
            recovered: story
                .impact
                .map(|(_, recovered)| moment(recovered))
                .or(story.fault.map(|(felt, _)| moment(felt))),
            recovered_fully: story.full.map(moment),
            test_interval: story.fault.map(|(felt, _)| (moment(felt), moment(felt + 30.0))),
        },
        in_flight: story.fault.map(|_| 2),
        completions: completions(story),
        measures,
        expectations,
    }
    .with_record(record)
}

/// Lets the fixture read like a sentence; a judgement needs nothing else of the record.
trait WithRecord {
    fn with_record(self, record: &RunRecord) -> Self;
}

impl WithRecord for Judgement {
    fn with_record(mut self, record: &RunRecord) -> Self {
        self.measures.insert(Measure::Elapsed, Value::Exact(record.last.seconds()));
        self
    }
}

fn reason(result: &ExpectationResult) -> String {
    format!(
        "`{}` is expected, {} was seen",
        result.expectation,
        result.observed.show(result.expectation.measure.unit())
    )
}

fn result(expectation: Expectation, measures: &BTreeMap<Measure, Value>) -> ExpectationResult {
    let missing = Value::Absent("nothing was lost".to_owned());
    let observed = measures.get(&expectation.measure).cloned().unwrap_or(missing);
    let held = match &observed {
        Value::Exact(value) => Some(expectation.operator.holds(*value, expectation.value)),
        Value::AtLeast(_) => Some(false),
        Value::Absent(_) => None,
    };
    // The age of the oldest lost order is not asked where nothing was lost.
    let held =
        if expectation.measure == Measure::Rpo && held.is_none() { Some(true) } else { held };
    ExpectationResult { expectation, observed, held }
}

fn measures(story: &Story) -> BTreeMap<Measure, Value> {
    let mut measures = BTreeMap::new();
    let mut put = |measure, value| measures.insert(measure, value);
    let control = story.kind == RunKind::Control;
    let share = if story.impact.is_some() { 0.6243 } else { 1.0 };
    put(Measure::Availability, Value::Exact(share));
    put(Measure::AvailabilityAccepted, Value::Exact(share));
    let completed = if story.target == "broker" { 0.5127 } else { share };
    put(Measure::AvailabilityCompleted, Value::Exact(if control { 1.0 } else { completed }));
    put(Measure::AvailabilityOf("browse".to_owned()), Value::Exact(1.0));
    put(Measure::AvailabilityOf("status".to_owned()), Value::Exact(0.99987));
    put(Measure::P50, Value::Exact(story.median));
    put(Measure::P95, Value::Exact(story.median * 1.9));
    put(Measure::P99, Value::Exact(if story.impact.is_some() { 3.0 } else { story.median * 2.7 }));
    put(Measure::GeneratorLag, Value::Exact(0.0014));
    put(Measure::GeneratorNotSent, Value::Exact(0.0));
    put(Measure::Sent, Value::Exact(1_378.0));
    put(Measure::Fate(Fate::Lost), Value::Exact(story.lost as f64));
    put(Measure::Fate(Fate::Duplicate), Value::Exact(story.duplicate as f64));
    if let Some((felt, healed)) = story.fault {
        let recovered = story.impact.map_or(0.0, |(_, recovered)| recovered - felt);
        put(Measure::Recovery, Value::Exact(recovered));
        let after = story.impact.map_or(0.0, |(_, recovered)| recovered - healed);
        put(Measure::RecoveryAfterHeal, Value::Exact(after));
        let full = match story.full {
            Some(full) => Value::Exact(full - felt),
            None => Value::AtLeast(60.0),
        };
        put(Measure::RecoveryFull, full);
        put(Measure::Restart, Value::Exact(4.2));
        put(Measure::LostRequests, Value::Exact(if story.impact.is_some() { 282.0 } else { 0.0 }));
        put(
            Measure::ResilienceLoss,
            Value::Exact(if story.impact.is_some() { 1127.4 } else { 0.0 }),
        );
    }
    let why = "no acknowledged order was lost".to_owned();
    put(Measure::Rpo, if story.lost > 0 { Value::Exact(0.42) } else { Value::Absent(why) });
    measures
}

fn reconciliation(story: &Story) -> Reconciliation {
    let mut fates: BTreeMap<Fate, u64> = Fate::ALL.into_iter().map(|fate| (fate, 0)).collect();
    fates.insert(Fate::Lost, story.lost);
    fates.insert(Fate::Duplicate, story.duplicate);
    fates.insert(Fate::Fine, 1_378 - story.lost - story.duplicate);
    let row = |cells: &[(&str, u64)]| -> BTreeMap<String, u64> {
        cells.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    };
    let matrix = BTreeMap::from([
        (
            "ok-accepted".to_owned(),
            row(&[
                ("completed", 1_275 - story.lost),
                ("absent", story.lost),
                ("rejected-as-expected", 91),
            ]),
        ),
        ("unknown".to_owned(), row(&[("completed", 3), ("absent", 9)])),
    ]);
    Reconciliation { sent: 1_378, fates, matrix, effects_judged: true }
}

fn invariants(story: &Story) -> Vec<InvariantResult> {
    let invariant = |id: &str, text: &str, held, evidence: &[&str]| InvariantResult {
        id: id.to_owned(),
        text: text.to_owned(),
        held,
        evidence: evidence.iter().map(|line| (*line).to_owned()).collect(),
    };
    let lost = story.lost > 0;
    vec![
        invariant("I1", "every completed order was charged exactly once", Some(true), &[]),
        invariant(
            "I2",
            "stock is conserved: available + reserved + consumed = initial",
            Some(!lost),
            if lost { &["SKU-7: 9 997 + 0 + 2 ≠ 10 000", HOSTILE] } else { &[] },
        ),
        invariant(
            "I13",
            "no order changes after its final state",
            None,
            &["no versions in the audit"],
        ),
    ]
}

fn orders(story: &Story) -> Vec<OrderEvidence> {
    let order = |n: u64| OrderEvidence {
        order: OrderRecord {
            n,
            id: format!("0199c0de-0000-7000-8000-{n:012}"),
            kind: Some("standard".to_owned()),
            expect: Expected::Completed,
            due: moment(23.5 + n as f64 / 10.0),
            start: Some(moment(23.501 + n as f64 / 10.0)),
            end: Some(moment(23.515 + n as f64 / 10.0)),
            outcome: Outcome::Ok,
            acknowledged: Some(Acknowledgement::Completed),
            status: Some(201),
            error: Some(HOSTILE.to_owned()),
        },
        fate: Fate::Lost,
        reason: "acknowledged as completed, and no row of any audit names it".to_owned(),
        rows: vec![(
            "http://orders:9090/audit".to_owned(),
            AuditRow::Ledger { entry: "e-1".to_owned(), order: format!("{n}"), amount: 4_200 },
        )],
    };
    (0..story.lost).map(order).collect()
}
