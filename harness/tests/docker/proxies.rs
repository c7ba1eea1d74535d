//! Faults of an application that has no chaos switch, made by proxies of ours before its replicas.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chaos_harness::port::{Deployment, Runtime};
use chaos_scenarios::action::Action;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::target::Component;

use crate::faults::{container, docker, heal, inject, make_own_image, planned};
use crate::fixture::{Standing, component, objects, plan, replica, target_of};

/// A server that has been started answers within this time.
const LIMIT: Duration = Duration::from_secs(20);
/// Bound of one call.
const ANSWER: Duration = Duration::from_secs(5);

/// Speaks HTTP, one call after the other.
const SHOP: &str = "use IO::Socket::INET; $$s = IO::Socket::INET->new(LocalPort => 8080, \
    Listen => 9, ReuseAddr => 1) or die; while ($$c = $$s->accept) { \
    while (<$$c>) { last unless /\\S/ } \
    print $$c \"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\nConnection: close\\r\\n\\r\\nhello\"; \
    close $$c }";

/// Asks a component by its name, from another container.
const PEER: &str = "use IO::Socket::INET; $s = IO::Socket::INET->new(\
    PeerAddr => $ARGV[0], PeerPort => 8080, Timeout => 5) or die; \
    print $s \"GET / HTTP/1.1\\r\\nHost: web\\r\\nConnection: close\\r\\n\\r\\n\"; \
    print while <$s>";

/// `web`, twice, and `peer`, which looks at it.
fn shop() -> Plan {
    let web = Component {
        replicas: 2,
        ports: vec![8080],
        networks: [("back".to_owned(), vec!["shop".to_owned()])].into(),
        ..component("web", &["perl", "-e", SHOP])
    };
    let mut plan = plan(target_of(vec![web, component("peer", &["sleep", "600"])]));
    plan.timeline = vec![planned(&plan, "http-error: {name: web-1}")];
    plan
}

/// What a call over a published port is answered with; empty where nobody answers.
fn call(port: u16) -> String {
    let answer = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    answer().unwrap_or_default()
}

fn is_own_answer(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\nhello")
}

fn serves(port: u16) {
    let begun = Instant::now();
    while !is_own_answer(&call(port)) {
        assert!(begun.elapsed() < LIMIT, "{port} answers {:?}", call(port));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Calls that go on until it is dropped: without any no fault is felt.
struct Callers(Arc<AtomicBool>, Option<std::thread::JoinHandle<()>>);

impl Callers {
    fn of(port: u16) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&end);
        let calls = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                call(port);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self(end, Some(calls))
    }
}

impl Drop for Callers {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        let _ = self.1.take().map(std::thread::JoinHandle::join);
    }
}

async fn stand(standing: &Standing, plan: &Plan) -> (Deployment, u16, u16) {
    let Standing { runtime, recorder, identity } = standing;
    let deployment = runtime.provision(plan, identity, recorder).await.expect("it stands");
    let port = |number| deployment.ports[&(replica("web", number), 8080)];
    let (first, second) = (port(1), port(2));
    serves(first);
    serves(second);
    (deployment, first, second)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_before_one_replica_is_felt_there_alone_and_undone() {
    make_own_image().await;
    let standing = Standing::new().await;
    let plan = shop();
    let (_, first, second) = stand(&standing, &plan).await;
    let asked = |name: &str| {
        docker(&["exec", &container(&standing, &replica("peer", 1)), "perl", "-e", PEER, name])
    };
    for name in ["web-1", "web-2", "web", "shop"] {
        assert!(is_own_answer(&asked(name)), "{name}: {}", asked(name));
    }

    let injection = planned(&plan, "http-error: {name: web-1, status: 500}").injection;
    let callers = Callers::of(first);
    inject(&standing, &injection).await;
    // Many times: where a name has two addresses, each comes first at times.
    for answer in [call(first)].into_iter().chain((0..8).map(|_| asked("web-1"))) {
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        assert!(answer.contains("x-chaos-proxy: fault\r\n"), "{answer}");
    }
    assert!(is_own_answer(&call(second)) && is_own_answer(&asked("web-2")), "it is not meant");
    drop(callers);
    heal(&standing, &injection).await;
    serves(first);

    let injection = planned(&plan, "http-delay: {name: web-1, delay: 700ms}").injection;
    let callers = Callers::of(first);
    inject(&standing, &injection).await;
    let begun = Instant::now();
    assert!(is_own_answer(&call(first)), "it is only late");
    assert!(begun.elapsed() >= Duration::from_millis(700), "{:?}", begun.elapsed());
    drop(callers);
    heal(&standing, &injection).await;
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_calls_fail_and_the_next_do_not() {
    make_own_image().await;
    let standing = Standing::new().await;
    let plan = shop();
    let (_, first, _) = stand(&standing, &plan).await;
    let injection = planned(&plan, "fail-first: {name: web-1, times: 2}").injection;
    for action in &injection.inject {
        standing.runtime.apply(action).await.expect("it is armed");
    }
    let served: Vec<bool> = (0..4).map(|_| is_own_answer(&call(first))).collect();
    assert_eq!(served, [false, false, true, true]);
    heal(&standing, &injection).await;
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_stays_while_its_replica_dies_and_is_removed() {
    make_own_image().await;
    let standing = Standing::new().await;
    let plan = shop();
    let (_, first, second) = stand(&standing, &plan).await;
    let web = replica("web", 1);
    let proxy = format!("/{}-proxy", container(&standing, &web));
    assert!(objects(&standing.identity.run).await.contains(&proxy), "{proxy}");
    let injection = planned(&plan, "kill: {name: web-1}").injection;
    inject(&standing, &injection).await;
    let answer = call(first);
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("x-chaos-proxy: unreachable\r\n"), "{answer}");
    assert!(is_own_answer(&call(second)), "the other replica is not touched");
    heal(&standing, &injection).await;
    serves(first);
    docker(&["rm", "-f", &container(&standing, &web)]);
    standing.runtime.apply(&Action::Start { replica: web }).await.expect("it is made again");
    serves(first);
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_without_such_a_fault_has_no_proxy() {
    make_own_image().await;
    let standing = Standing::new().await;
    let mut plan = shop();
    plan.timeline.clear();
    stand(&standing, &plan).await;
    let objects = objects(&standing.identity.run).await;
    assert!(objects.iter().all(|name| !name.ends_with("-proxy")), "{objects:?}");
    standing.end().await;
}
