//! Faults on real containers: felt by their checks, undone by their inverse, whatever happens to
//! the victims meanwhile.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chaos_harness::docker::image::ensure_images;
use chaos_harness::port::Runtime;
use chaos_reports::record::Moment;
use chaos_scenarios::action::{Action, Check, Injection, Replica};
use chaos_scenarios::plan::{Plan, PlannedFault};
use chaos_scenarios::quantity::Span;
use chaos_scenarios::target::Component;
use chaos_scenarios::text;

use crate::fixture::{SERVER, Standing, component, daemon, objects, plan, replica, target_of};
use crate::lifecycle::{greeting, wait_since};

/// A server is back within this time.
const LIMIT: Duration = Duration::from_secs(10);

/// `web`, which answers on 8080 and is started again when it fails, and `peer`, which looks at it.
fn faulty() -> Plan {
    let web = Component {
        ports: vec![8080],
        restart: "on-failure".to_owned(),
        stop_grace_period: Some(Span::seconds(1)),
        ..component("web", &["perl", "-e", SERVER])
    };
    let mut plan = plan(target_of(vec![web, component("peer", &["sleep", "600"])]));
    plan.timeline = vec![planned(&plan, "crash: {name: web}")];
    plan
}

/// A fault as it is written.
pub(crate) fn planned(plan: &Plan, written: &str) -> PlannedFault {
    let fault = text::decode("fault", written, chaos_scenarios::fault::Fault::read);
    let fault = fault.expect("a valid fault").0;
    let target = &plan.target;
    let selector = fault.selector().expect("it acts on containers");
    let replicas = selector.resolve(target, None, 1, "test");
    let victims = chaos_scenarios::fault::Victims { target, replicas: &replicas, seed: 1 };
    PlannedFault {
        id: 1,
        name: fault.keyword().to_owned(),
        title: fault.title("it"),
        at: Span::ZERO,
        until: Some(Span::seconds(1)),
        after: None,
        components: Vec::new(),
        injection: fault.injection(&victims).expect("it fits"),
    }
}

/// Our program, as the volume of a run has it.
pub(crate) async fn make_own_image() {
    let references = BTreeSet::from(["chaos/chaos".to_owned()]);
    let executable = Path::new(env!("CARGO_BIN_EXE_chaos"));
    ensure_images(&daemon().await, &references, executable, &|_, _| {}).await.expect("it builds");
}

/// Injects a fault and waits until it is felt.
pub(crate) async fn inject(standing: &Standing, injection: &Injection) {
    let since = standing.recorder.now();
    for action in &injection.inject {
        let done = standing.runtime.apply(action).await;
        done.unwrap_or_else(|error| panic!("{action}: {error}"));
    }
    for check in &injection.felt {
        let proof = wait_since(standing, check, since).await;
        assert!(proof.since >= since, "{check}: {proof:?}");
        eprintln!(
            "{check} after {:.0} ms: {}",
            proof.since.seconds_since(since) * 1e3,
            proof.evidence
        );
    }
}

/// Undoes a fault twice, and waits until that is effective; returns the evidence. Readiness is the
/// auditor's to tell.
pub(crate) async fn heal(standing: &Standing, injection: &Injection) -> String {
    let mut evidence = String::new();
    let since = standing.recorder.now();
    for _ in 0..2 {
        for action in &injection.heal {
            let done = standing.runtime.apply(action).await;
            done.unwrap_or_else(|error| panic!("{action}: {error}"));
        }
    }
    for check in &injection.healed {
        if !matches!(check, Check::Ready { .. }) {
            let proof = wait_since(standing, check, since).await;
            eprintln!(
                "{check} within {:.0} ms: {}",
                standing.recorder.now().seconds_since(since) * 1e3,
                proof.evidence
            );
            evidence.push_str(&proof.evidence);
        }
    }
    evidence
}

fn answers(port: u16) {
    let begun = Instant::now();
    while greeting(port).ok().as_deref() != Some("hello\n") {
        assert!(begun.elapsed() < LIMIT, "nobody answers on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn docker(words: &[&str]) -> String {
    let output = Command::new("docker").args(words).output().expect("docker");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn container(standing: &Standing, replica: &Replica) -> String {
    format!("chaos-{}-{replica}", standing.identity.run)
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_process_are_felt_and_undone() {
    make_own_image().await;
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let plan = faulty();
    let deployment = runtime.provision(&plan, identity, recorder).await.expect("it stands");
    let port = deployment.ports[&(replica("web", 1), 8080)];
    answers(port);
    assert!(objects(&identity.run).await.contains(&format!("chaos-{}-own-program", identity.run)));
    for written in [
        "pause: {name: web}",
        "stop: {name: web}",
        "restart: {name: web}",
        "kill: {name: web, signal: TERM}",
        // The last one, since a start by hand sets the count of the policy back.
        "crash: {name: web}",
    ] {
        eprintln!("{written}");
        let injection = planned(&plan, written).injection;
        inject(&standing, &injection).await;
        heal(&standing, &injection).await;
        answers(port);
    }
    let counted =
        docker(&["inspect", "-f", "{{.RestartCount}}", &container(&standing, &replica("web", 1))]);
    assert_eq!(counted.trim(), "1", "its restart policy fired once, for the crash");
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_of_another_user_is_crashed_and_a_policy_of_no_restart_is_kept() {
    make_own_image().await;
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    // Starts as root and becomes another user, as images of databases do.
    let becomes = "$$( = $$) = 65534; $$< = $$> = 65534; sleep 600";
    let mut changing = component("web", &["perl", "-e", becomes]);
    changing.user = None;
    changing.cap_add = vec!["SETUID".to_owned(), "SETGID".to_owned()];
    let mut plan = plan(target_of(vec![changing]));
    plan.timeline = vec![planned(&plan, "crash: {name: web}")];
    runtime.provision(&plan, identity, recorder).await.expect("it stands");
    let user =
        || docker(&["top", &container(&standing, &replica("web", 1)), "-o", "pid,user,args"]);
    let begun = Instant::now();
    while !user().contains("nobody") {
        assert!(begun.elapsed() < LIMIT, "{}", user());
    }
    let injection = plan.timeline[0].injection.clone();
    inject(&standing, &injection).await;
    let down = Check::Ended { replica: replica("web", 1) };
    wait_since(&standing, &down, Moment::default()).await;
    heal(&standing, &injection).await;
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnected_replica_is_not_found_and_comes_back_under_all_its_names() {
    make_own_image().await;
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let mut plan = faulty();
    plan.timeline.clear();
    plan.target.components[0].networks = [("back".to_owned(), vec!["shop".to_owned()])].into();
    let deployment = runtime.provision(&plan, identity, recorder).await.expect("it stands");
    let port = deployment.ports[&(replica("web", 1), 8080)];
    answers(port);
    let peer = container(&standing, &replica("peer", 1));
    let found = |name: &str| !docker(&["exec", &peer, "getent", "ahostsv4", name]).is_empty();
    let injection = planned(&plan, "disconnect: {name: web}").injection;
    inject(&standing, &injection).await;
    for name in ["web", "web-1", "shop"] {
        assert!(!found(name), "{name} is still known");
    }
    heal(&standing, &injection).await;
    for name in ["web", "web-1", "shop"] {
        assert!(found(name), "{name} is not known again");
    }
    answers(port);
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_victim_that_others_kill_or_remove_is_restored() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let mut plan = faulty();
    plan.timeline.clear();
    let deployment = runtime.provision(&plan, identity, recorder).await.expect("it stands");
    let web = replica("web", 1);
    let port = deployment.ports[&(web.clone(), 8080)];
    for (written, meddling) in [
        ("pause: {name: web}", vec!["kill"]),
        ("pause: {name: web}", vec!["rm", "-f"]),
        ("kill: {name: web}", vec!["start"]),
        ("kill: {name: web}", vec!["rm", "-f"]),
        ("disconnect: {name: web}", vec!["rm", "-f"]),
    ] {
        eprintln!("{written}, then docker {}", meddling.join(" "));
        answers(port);
        let injection = planned(&plan, written).injection;
        inject(&standing, &injection).await;
        let name = container(&standing, &web);
        docker(&[&meddling[..], &[name.as_str()]].concat());
        heal(&standing, &injection).await;
        answers(port);
    }
    // What is frozen is removed like anything else.
    let pause = Action::Pause { replica: web };
    runtime.apply(&pause).await.expect("it is paused");
    standing.end().await;
}
