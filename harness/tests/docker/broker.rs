//! Faults of a real broker: felt by its counters, undone without a trace, and without harm to what
//! others have in the same queues.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use chaos_harness::docker::image::ensure_images;
use chaos_harness::port::Runtime;
use chaos_scenarios::action::Injection;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::quantity::Bytes;
use chaos_scenarios::target::{Component, Mount, Queue, Role, Ulimit};

use crate::broker_client::{Client, DEAD, Manners, WORK};
use crate::faults::{heal, inject, make_own_image, planned};
use crate::fixture::{Standing, component, daemon, plan, replica, target_of};

/// A broker is up within this time, also on a crowded machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// One broker, and our program ready.
fn rabbitmq() -> Plan {
    let environment = [("RABBITMQ_DEFAULT_USER", "shop"), ("RABBITMQ_DEFAULT_PASS", "secret")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let broker = Component {
        role: Role::Broker,
        image: "chaos/rabbitmq".to_owned(),
        command: None,
        environment: BTreeMap::from(environment),
        ports: vec![5672],
        mounts: vec![Mount {
            volume: "data".to_owned(),
            path: "/var/lib/rabbitmq".to_owned(),
            read_only: false,
        }],
        tmpfs: vec!["/tmp".to_owned()],
        hostname: Some("rabbitmq".to_owned()),
        user: None,
        cap_add: ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"].map(str::to_owned).into(),
        ulimits: vec![Ulimit { name: "nofile".to_owned(), soft: 16384, hard: 16384 }],
        memory: Some(Bytes(512 << 20)),
        pids_limit: Some(512),
        ..component("rabbitmq", &[])
    };
    let mut plan = plan(target_of(vec![broker]));
    plan.target.queues = [(WORK.to_owned(), Queue { dead: Some(DEAD.to_owned()) })].into();
    plan.timeline = vec![planned(&plan, POISON), planned(&plan, LIMIT)];
    plan
}

/// A broker that dies within a second after a quorum queue was declared may never again elect a
/// leader of it: the names of queues are written with a delay. That is not what is tested here.
const SETTLED: Duration = Duration::from_secs(3);

const POISON: &str = "poison-message: {role: broker, queue: q.work, count: 7}";
const LIMIT: &str = "queue-limit: {role: broker, queue: q.work, length: 5}";

async fn stand() -> (Standing, Plan, u16) {
    make_own_image().await;
    let references = ["chaos/rabbitmq".to_owned()].into();
    let executable = std::path::Path::new(env!("CARGO_BIN_EXE_chaos"));
    ensure_images(&daemon().await, &references, executable, &|_, _| {}).await.expect("it builds");
    let (standing, plan) = (Standing::new().await, rabbitmq());
    let made = standing.runtime.provision(&plan, &standing.identity, &standing.recorder).await;
    let port = made.expect("it stands").ports[&(replica("rabbitmq", 1), 5672)];
    (standing, plan, port)
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_messages_are_taken_and_leave_no_trace() {
    let (standing, plan, port) = stand().await;
    let client = Client::connect(port, "quorum").await;
    let injection = planned(&plan, POISON).injection;
    // Nobody takes them: they are there, and nothing is felt.
    for action in &injection.inject {
        standing.runtime.apply(action).await.expect("it is done");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let felt = standing.runtime.check(&injection.felt[0], standing.recorder.now()).await;
    assert_eq!(felt.expect("an answer"), None);
    assert_eq!(client.waiting(WORK).await.len(), 7);
    assert!(client.send(WORK, "wait").await);
    heal(&standing, &injection).await;
    assert_eq!(client.waiting(WORK).await, ["wait"]);
    // A sound application sets them aside, beside what it had there before.
    assert!(client.send(DEAD, "an old one").await);
    let consumer = client.consume(Manners::SetAside).await;
    inject(&standing, &injection).await;
    heal(&standing, &injection).await;
    assert_eq!(client.waiting(DEAD).await, ["an old one"]);
    drop(consumer);
    assert_eq!(client.waiting(WORK).await, Vec::<String>::new());
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_trips_over_them_for_ever_is_freed_of_them() {
    let (standing, plan, port) = stand().await;
    // A queue that never gives a message up.
    let client = Client::connect(port, "classic").await;
    assert!(client.send(DEAD, "an old one").await);
    let consumer = client.consume(Manners::Requeue).await;
    let injection = planned(&plan, POISON).injection;
    inject(&standing, &injection).await;
    let swept = heal(&standing, &injection).await;
    assert!(swept.contains("0 were taken out of dlq.work and 7 out of q.work"), "{swept}");
    drop(consumer);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(client.waiting(WORK).await, Vec::<String>::new());
    assert_eq!(client.waiting(DEAD).await, ["an old one"]);
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_are_full_sooner_and_take_messages_again() {
    let (standing, plan, port) = stand().await;
    let client = Client::connect(port, "quorum").await;
    for number in 0..5 {
        assert!(client.send(WORK, &number.to_string()).await);
    }
    let injection = planned(&plan, LIMIT).injection;
    inject(&standing, &injection).await;
    // A quorum queue refuses a little late.
    let begun = Instant::now();
    while client.send(WORK, "more").await {
        assert!(begun.elapsed() < Duration::from_secs(5), "nothing is ever refused");
    }
    heal(&standing, &injection).await;
    let begun = Instant::now();
    while !client.send(WORK, "again").await {
        assert!(begun.elapsed() < Duration::from_secs(5), "it is refused for ever");
    }
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_others_kill_meanwhile_is_left_clean() {
    let (standing, plan, port) = stand().await;
    for written in [POISON, LIMIT] {
        let client = Client::connect(port, "quorum").await;
        let injection = planned(&plan, written).injection;
        for action in &injection.inject {
            standing.runtime.apply(action).await.expect("it is done");
        }
        tokio::time::sleep(SETTLED).await;
        let name = format!("chaos-{}-rabbitmq-1", standing.identity.run);
        assert!(Command::new("docker").args(["kill", &name]).status().expect("docker").success());
        drop(client);
        undo(&standing, &injection).await;
        heal(&standing, &injection).await;
        let client = Client::connect(port, "quorum").await;
        assert_eq!(client.waiting(WORK).await, Vec::<String>::new(), "{written}");
        for number in 0..9 {
            assert!(client.send(DEAD, &number.to_string()).await, "{written}");
        }
    }
    standing.end().await;
}

/// Tries again while the broker comes up, as the engine does.
async fn undo(standing: &Standing, injection: &Injection) {
    let begun = Instant::now();
    for action in &injection.heal {
        while let Err(error) = standing.runtime.apply(action).await {
            assert!(begun.elapsed() < START_LIMIT, "{action}: {error}");
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}
