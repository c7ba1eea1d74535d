//! The journal of a fabricated run.

use std::collections::BTreeMap;

use super::plan::{endpoint, replica};
use super::{BASELINE, Fabricated, RECOVERY, Request, S, TEST, WARM_UP};
use crate::record::Moment;
use crate::record::event::{Ending, Entry, Event, FORMAT, Host, Phase};
use crate::record::order::Outcome;
use crate::record::window::{LATE_PER_WINDOW, Late, WINDOW_MICROS, Window};

/// Wall clock at moment 0, microseconds since 1970.
pub(crate) const WALL_CLOCK: i64 = 1_763_900_000_000_000;
/// Length of the keep phase.
const KEEP: u64 = 4 * S;

/// The lines of the journal.
pub(super) fn entries(run: &Fabricated) -> Vec<Entry> {
    let mut events = vec![(0, started(run))];
    events.extend(phases(run));
    events.extend(faults(run));
    events.extend(load(run));
    events.extend(pending(run));
    let end = run.load_end + 3 * S;
    events.push((end, Event::Audited { source: endpoint("/audit").to_string(), rows: 1 }));
    events.push((end + S, Event::Dismantled));
    events.push((end + S, ended(Ending::Complete)));
    events.sort_by_key(|(at, _)| *at);
    let numbered = events.into_iter().enumerate();
    numbered.map(|(seq, (at, event))| Entry { seq: seq as u64, at: Moment(at), event }).collect()
}

pub(crate) fn ended(ending: Ending) -> Event {
    Event::Ended { ending, wall_clock: WALL_CLOCK + 60_000_000 }
}

fn started(run: &Fabricated) -> Event {
    Event::Started {
        format: FORMAT,
        run: "fabricated-1".to_owned(),
        experiment: "fabricated".to_owned(),
        version: "0.1.0".to_owned(),
        wall_clock: WALL_CLOCK,
        host: Host { name: "bench".to_owned(), cores: 2, ..Host::default() },
        plan: Box::new(run.plan.clone()),
    }
}

fn phases(run: &Fabricated) -> Vec<(u64, Event)> {
    let starts = [
        (0, Phase::Provision),
        (S, Phase::Ready),
        (WARM_UP, Phase::WarmUp),
        (BASELINE, Phase::Baseline),
        (TEST, Phase::Test),
        (RECOVERY, Phase::Recovery),
        (run.load_end - KEEP, Phase::Keep),
        (run.load_end, Phase::Drain),
        (run.load_end + 2 * S, Phase::Audit),
        (run.load_end + 3 * S, Phase::Dismantle),
    ];
    starts.into_iter().map(|(at, phase)| (at, Event::PhaseStarted { phase })).collect()
}

fn faults(run: &Fabricated) -> Vec<(u64, Event)> {
    let Some((felt, healed)) = run.fault else { return Vec::new() };
    let container = |action: &str, at| Event::Container {
        replica: replica(),
        action: action.to_owned(),
        happened: Moment(at),
        exit_code: (action == "die").then_some(137),
    };
    let evidence = vec!["app-1 has ended".to_owned()];
    vec![
        (TEST, Event::FaultArmed { fault: 1, heal: run.plan.timeline[0].injection.heal.clone() }),
        (felt, Event::FaultInjected { fault: 1 }),
        (felt, container("die", felt)),
        (felt, Event::FaultFelt { fault: 1, effective: Moment(felt), evidence }),
        (healed, Event::FaultHealing { fault: 1 }),
        (healed, container("start", healed)),
        (healed + S, healing(healed)),
    ]
}

fn healing(healed: u64) -> Event {
    Event::FaultHealed {
        fault: 1,
        effective: Moment(healed),
        ready: Some(Moment(healed + S)),
        evidence: vec!["app-1 runs".to_owned()],
    }
}

fn load(run: &Fabricated) -> Vec<(u64, Event)> {
    let requests = run.requests();
    let classes = if run.browse { &["order", "browse"][..] } else { &["order"] };
    let mut events =
        vec![(WARM_UP, Event::LoadStarted { engine: "direct".to_owned(), users: 320 })];
    let mut sent = 0;
    for second in WARM_UP / S..run.load_end / S {
        let within = requests.iter().filter(|request| request.due / S == second);
        let due = within.count() as u64 * classes.len() as u64;
        sent += due;
        // The first connections take their time.
        let lag = vec![(if (second + 1) * S <= BASELINE { 90_000 } else { 200 }, due)];
        events.push((
            (second + 1) * S,
            Event::Generator { due, sent: due, not_sent: 0, lag, cpu: 0, orders_in_flight: 0 },
        ));
    }
    for class in classes {
        let healthy: Vec<Request> = requests.iter().map(|request| healthy(run, *request)).collect();
        let requests = if *class == "order" { &requests } else { &healthy };
        events.extend(windows(class, requests));
    }
    events.push((run.load_end, Event::LoadEnded { engine_requests: sent, panics: 0 }));
    events
}

fn healthy(run: &Fabricated, request: Request) -> Request {
    let end = request.due + run.latency;
    Request { end, outcome: Outcome::Ok, good: true, ..request }
}

/// Windows in their order, each written once its last request and those before it have ended.
fn windows(class: &str, requests: &[Request]) -> Vec<(u64, Event)> {
    let mut windows: BTreeMap<u64, Vec<Request>> = BTreeMap::new();
    for request in requests {
        windows.entry(request.due / WINDOW_MICROS).or_default().push(*request);
    }
    let mut written = 0;
    let of = |(index, requests): (u64, Vec<Request>)| {
        let last = requests.iter().map(|request| request.end).max().unwrap_or(0);
        written = last.max((index + 1) * WINDOW_MICROS).max(written);
        (written, Event::Window(window(index, class, &requests)))
    };
    windows.into_iter().map(of).collect()
}

fn window(index: u64, class: &str, requests: &[Request]) -> Window {
    let count = |which: &dyn Fn(&Request) -> bool| {
        u32::try_from(requests.iter().filter(|request| which(request)).count()).expect("few")
    };
    let moments = |good| {
        let dues = requests.iter().filter(move |request| request.good == good);
        dues.map(|request| Moment(request.due))
    };
    let mut latencies: BTreeMap<u64, u64> = BTreeMap::new();
    for request in requests {
        *latencies.entry(request.end - request.due).or_default() += 1;
    }
    let late = requests.iter().filter(|request| request.end > request.due + WINDOW_MICROS);
    Window {
        index,
        class: class.to_owned(),
        due: count(&|_| true),
        good: count(&|request| request.good),
        slow: count(&|request| request.outcome == Outcome::Ok && !request.good),
        wrong: 0,
        fail: count(&|request| request.outcome == Outcome::Fail),
        unknown: count(&|request| request.outcome == Outcome::Unknown),
        not_sent: 0,
        acknowledged: count(&|request| request.acknowledged.is_some()),
        first_bad: moments(false).min(),
        last_bad: moments(false).max(),
        first_good: moments(true).min(),
        last_good: moments(true).max(),
        latencies: latencies.into_iter().collect(),
        late: late
            .take(LATE_PER_WINDOW)
            .map(|it| Late { due: Moment(it.due), end: Moment(it.end), good: it.good })
            .collect(),
    }
}

/// Pending work is looked at every 250 ms until the end of the drain.
fn pending(run: &Fabricated) -> Vec<(u64, Event)> {
    let moments = (WARM_UP..run.load_end + 2 * S).step_by(250_000);
    let sample = |at: u64| {
        let known = run.pending.iter().find(|(stretch, _)| stretch.contains(&at));
        let count = known.map_or(0, |(_, count)| *count);
        let counts = BTreeMap::from([("outbox".to_owned(), count), ("dead".to_owned(), 99)]);
        (at, Event::Pending { counts, silent: Vec::new() })
    };
    moments.map(sample).collect()
}
