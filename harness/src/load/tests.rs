//! What becomes of an arrival whose carrier does not bring it to its end.

use std::collections::BTreeMap;
use std::path::Path;

use chaos_reports::record::order::{OrderRecord, Outcome};
use chaos_scenarios::quantity::{Rate, Span};
use chaos_scenarios::workload::{Arrival as Arrivals, Expected, Stage, builtin};

use super::arrival::Arrival;
use super::outcome::Answer;
use super::*;
use crate::folder::read_orders;

/// A load without an engine: the workers are the tests.
struct Scene {
    work: Work,
    source: Source,
    writer: LedgerWriter,
    folder: tempfile::TempDir,
}

fn plan(engine: &str) -> LoadPlan {
    let mut workload = builtin("checkout").expect("it is built in");
    workload.requests.retain(|request| request.ledger.is_some());
    LoadPlan {
        workload,
        arrival: Arrivals::Constant,
        stages: vec![Stage { from: Span::ZERO, rate: Rate::per_second(100.0).expect("a rate") }],
        engine: engine.to_owned(),
        users: 2,
    }
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (ledger, writer) = ledger::open(&folder.path().join("orders")).expect("a ledger");
        let recorder = Recorder::new(Box::new(Vec::new()));
        let plan = plan("direct");
        let work = Work {
            entry: "http://127.0.0.1:1".to_owned(),
            users: 2,
            queue: Queue::new(2),
            tally: Arc::new(Tally::new(recorder, plan.workload.clone(), ledger)),
        };
        Self { work, source: Source::new(&plan, 1).expect("a source"), writer, folder }
    }

    fn arrival(&self, n: u64) -> Arrival {
        let request = self.source.workload.request(1, n, &self.source.schedule);
        Arrival::new(n, self.work.tally.now(), request, Arc::clone(&self.work.tally))
    }

    /// Outcome and error by number, after a check that windows and ledger agree.
    fn fates(self) -> BTreeMap<u64, (Outcome, String)> {
        self.writer.finish().expect("a whole ledger");
        let orders = read_orders(&self.folder.path().join("orders")).expect("a ledger");
        let windows = self.work.tally.take_last_windows();
        let due: u32 = windows.iter().map(|window| window.due).sum();
        assert_eq!(due as usize, orders.len());
        let fate = |order: OrderRecord| (order.n, (order.outcome, order.error.unwrap_or_default()));
        orders.into_iter().map(fate).collect()
    }
}

#[tokio::test]
async fn a_panic_is_counted_and_its_order_is_unknown() {
    let scene = Scene::new();
    let mut arrival = scene.arrival(0);
    scene
        .work
        .guarded(async move {
            arrival.begin();
            panic!("as a defect in a worker would");
        })
        .await;
    assert_eq!(scene.work.tally.panics(), 1);
    assert_eq!(scene.work.tally.orders_in_flight(), 0);
    let (outcome, error) = scene.fates().remove(&0).expect("it is in the ledger");
    assert_eq!(outcome, Outcome::Unknown);
    assert!(error.contains("panicked"), "{error}");
}

#[tokio::test]
async fn what_is_dropped_unsent_is_not_sent_and_what_is_open_is_unknown() {
    let scene = Scene::new();
    (0..3).for_each(|n| scene.work.queue.push(scene.arrival(n)));
    let mut open = scene.work.queue.take().await.expect("the first");
    open.begin();
    assert_eq!(scene.work.tally.orders_in_flight(), 1);
    drop(open);
    scene.work.queue.close();
    assert!(scene.work.queue.take().await.is_none(), "a closed queue gives nothing");
    let fates = scene.fates();
    let outcomes: Vec<Outcome> = fates.values().map(|(outcome, _)| *outcome).collect();
    assert_eq!(outcomes, [Outcome::Unknown, Outcome::NotSent, Outcome::NotSent]);
    assert!(fates[&0].1.contains("still open"), "{}", fates[&0].1);
    assert!(fates[&1].1.contains("stopped before"), "{}", fates[&1].1);
    assert!(fates[&2].1.contains("the queue before them was full"), "{}", fates[&2].1);
}

/// What is done for every request between its due time and its line in the ledger. Making a request
/// needs memory, and so does what is said about one that failed.
#[test]
fn recording_needs_no_memory_per_request() {
    const ORDERS: u64 = 4_000;
    let scene = Scene::new();
    let requests: Vec<_> =
        (0..ORDERS).map(|n| scene.source.workload.request(1, n, &scene.source.schedule)).collect();
    let started = std::time::Instant::now();
    let needed = allocation_counter::measure(|| {
        for (n, request) in (0..).zip(requests) {
            let due = scene.work.tally.now();
            let mut arrival = Arrival::new(n, due, request, Arc::clone(&scene.work.tally));
            arrival.begin();
            let body: &[u8] = match arrival.template().ledger.as_ref().map(|it| it.expect) {
                Some(Expected::Rejected) => br#"{"state":"REJECTED"}"#,
                _ => br#"{"state":"COMPLETED"}"#,
            };
            let seen = arrival.judge(Answer { status: 201, no_effect: false, body });
            assert_eq!(seen.outcome, Outcome::Ok);
            arrival.settle(due, seen);
        }
    });
    let each = started.elapsed().as_nanos() / u128::from(ORDERS);
    eprintln!("recording an order: {each} ns, {} allocations in {ORDERS}", needed.count_total);
    assert!(needed.count_total < ORDERS / 20, "{needed:?}");
    assert_eq!(scene.fates().len() as u64, ORDERS);
}

#[tokio::test]
async fn a_load_that_cannot_start_says_why() {
    let recorder = Recorder::new(Box::new(Vec::new()));
    let start = async |engine: &str, ledger: &str| {
        let plan = plan(engine);
        let started = Generator.start(&plan, 1, "http://127.0.0.1:1", Path::new(ledger), &recorder);
        started.await.err().expect("it cannot start").to_string()
    };
    let error = start("direct", "/nowhere/orders").await;
    assert!(error.starts_with("/nowhere/orders cannot be written"), "{error}");
    let error = start("gosse", "/nowhere/orders").await;
    assert!(error.contains("known are `goose` and `direct`"), "{error}");
    let error = process::allow_connections(usize::MAX).expect_err("nobody may open so many");
    assert!(error.to_string().contains("ulimit"), "{error}");
}
