//! A run from its first container to its last.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use chaos_harness::port::{Proof, Runtime};
use chaos_reports::record::Moment;
use chaos_reports::record::run_record::UsageSample;
use chaos_scenarios::action::{Action, Check};

use crate::fixture::{Standing, client, objects, plan, replica, target};

/// A state is waited for at most this long.
const LIMIT: Duration = Duration::from_secs(20);

pub(crate) async fn wait_for(standing: &Standing, check: &Check) -> Proof {
    wait_since(standing, check, Moment::default()).await
}

/// The same for what must have happened after a moment.
pub(crate) async fn wait_since(standing: &Standing, check: &Check, since: Moment) -> Proof {
    let begun = Instant::now();
    loop {
        if let Some(proof) =
            standing.runtime.check(check, since).await.expect("it can be looked at")
        {
            return proof;
        }
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}: {check}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn greeting(port: u16) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut text = String::new();
    connection.read_to_string(&mut text)?;
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_labelled_reached_killed_started_and_removed() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let begun = Instant::now();
    let deployment =
        runtime.provision(&plan(target()), identity, recorder).await.expect("it stands");
    eprintln!("provisioned 3 containers in {:?}", begun.elapsed());

    // Everything carries the run's label, and is named after it.
    let run = &identity.run;
    let names = [
        format!("/chaos-{run}-store-1"),
        format!("/chaos-{run}-web-1"),
        format!("/chaos-{run}-web-2"),
        format!("chaos-{run}-back"),
        format!("chaos-{run}-data"),
    ];
    assert_eq!(objects(run).await, names);

    // Both replicas answer on loopback, and keep their port over a kill.
    let web = replica("web", 1);
    let port = deployment.ports[&(web.clone(), 8080)];
    let reached = Check::Running { replica: web.clone() };
    wait_for(&standing, &reached).await;
    let begun = Instant::now();
    while greeting(port).ok().as_deref() != Some("hello\n") {
        assert!(begun.elapsed() < LIMIT, "web-1 never answers on {port}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        runtime.check(&Check::Unreachable { replica: web.clone() }, Moment::default()).await,
        Ok(None)
    );
    assert_eq!(
        runtime.check(&Check::Ended { replica: web.clone() }, Moment::default()).await,
        Ok(None)
    );

    let times = kill_and_start(&standing, &web, port).await;
    eprintln!("{times}");

    let begun = Instant::now();
    standing.end().await;
    eprintln!("dismantled and listed in {:?}", begun.elapsed());
}

/// Returns the times of the kill, for people.
async fn kill_and_start(
    standing: &Standing,
    web: &chaos_scenarios::action::Replica,
    port: u16,
) -> String {
    let Standing { runtime, recorder, .. } = standing;
    let asked = recorder.now();
    let kill = Action::Kill { replica: web.clone(), signal: "KILL".to_owned() };
    runtime.apply(&kill).await.expect("it is killed");
    let returned = recorder.now();
    let ended = wait_for(standing, &Check::Ended { replica: web.clone() }).await;
    let unreachable = wait_for(standing, &Check::Unreachable { replica: web.clone() }).await;
    let times = format!(
        "kill: returned after {:.0} ms, died after {:.0} ms, unreachable after {:.0} ms: {}; {}",
        returned.seconds_since(asked) * 1e3,
        ended.since.seconds_since(asked) * 1e3,
        unreachable.since.seconds_since(asked) * 1e3,
        ended.evidence,
        unreachable.evidence,
    );
    assert!(ended.since >= asked, "{ended:?}");
    assert!(ended.evidence.contains("137"), "{ended:?}");
    assert_eq!(
        runtime.check(&Check::Running { replica: web.clone() }, Moment::default()).await,
        Ok(None)
    );
    // Again: it does not run, which is what was wanted.
    runtime.apply(&kill).await.expect("a second kill is no failure");

    let asked = recorder.now();
    let start = Action::Start { replica: web.clone() };
    runtime.apply(&start).await.expect("it is started");
    runtime.apply(&start).await.expect("a second start is no failure");
    let running = wait_for(standing, &Check::Running { replica: web.clone() }).await;
    assert!(running.since >= asked, "{running:?}");
    assert_eq!(
        runtime.check(&Check::Ended { replica: web.clone() }, Moment::default()).await,
        Ok(None)
    );
    let begun = Instant::now();
    while greeting(port).ok().as_deref() != Some("hello\n") {
        assert!(begun.elapsed() < LIMIT, "web-1 does not answer again on {port}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    times
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_tells_what_happened_to_containers() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    runtime.provision(&plan(target()), identity, recorder).await.expect("it stands");
    let sampled = recorder.until(|record| (record.usage.len() == 3).then(|| record.usage.clone()));
    let sampled = tokio::time::timeout(LIMIT, sampled).await.expect("usage is sampled");
    let used = |samples: &Vec<UsageSample>| {
        !samples.is_empty() && samples.iter().all(|it| it.cpu > 0 && it.memory > 0)
    };
    assert!(sampled.values().all(used), "{sampled:?}");
    let store = replica("store", 1);
    let kill = Action::Kill { replica: store.clone(), signal: "KILL".to_owned() };
    runtime.apply(&kill).await.expect("it is killed");
    let died = recorder.until(|record| {
        let mut events = record.container_events.iter();
        events.find(|told| told.action == "die" && told.replica == store).cloned()
    });
    let died = tokio::time::timeout(LIMIT, died).await.expect("the event is told");
    assert_eq!(died.exit_code, Some(137));
    standing.end().await;
    recorder.read(|record| {
        assert_eq!(record.containers.len(), 3);
        assert!(record.images.values().all(|image| !image.is_empty()), "{:?}", record.images);
        for action in ["start", "destroy"] {
            let told = record.container_events.iter().filter(|told| told.action == action);
            assert_eq!(told.count(), 3, "{action}");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn names_find_every_replica_and_vanished_ones_fail_at_once() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    runtime.provision(&plan(target()), identity, recorder).await.expect("it stands");
    let store = format!("chaos-{}-store-1", identity.run);
    let addresses = |name: &str| {
        let output = std::process::Command::new("docker")
            .args(["exec", &store, "getent", "ahostsv4", name])
            .output()
            .expect("docker");
        let text = String::from_utf8(output.stdout).expect("addresses");
        text.lines().filter(|line| line.contains("STREAM")).count()
    };
    assert_eq!(addresses("web"), 2, "both replicas under the component's name");
    assert_eq!(addresses("web-2"), 1, "each under its own");
    for number in [1, 2] {
        let kill = Action::Kill { replica: replica("web", number), signal: "KILL".to_owned() };
        runtime.apply(&kill).await.expect("it is killed");
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let begun = Instant::now();
    assert_eq!(addresses("web"), 0);
    // `docker exec` itself takes some 0.1 s; a lookup that leaves the machine takes 10 s.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_written_with_their_times() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let chatty =
        crate::fixture::component("chatty", &["sh", "-c", "echo one; echo two >&2; sleep 600"]);
    let target = crate::fixture::target_of(vec![chatty]);
    runtime.provision(&plan(target), identity, recorder).await.expect("it stands");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let folder = tempfile::tempdir().expect("a folder");
    runtime.collect_logs(folder.path()).await.expect("logs are read");
    let log = std::fs::read_to_string(folder.path().join("chatty-1.log")).expect("a log");
    let mut lines: Vec<&str> =
        log.lines().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "two"]);
    assert!(log.starts_with("20"), "{log}");
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_may_do_no_more_than_they_need() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let deployment =
        runtime.provision(&plan(target()), identity, recorder).await.expect("it stands");
    let name = format!("chaos-{}-web-1", identity.run);
    let inspected = client().inspect_container(&name, None).await.expect("it is there");
    let host = inspected.host_config.expect("given");
    assert_eq!(host.readonly_rootfs, Some(true));
    assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
    assert_eq!((host.memory, host.memory_swap), (Some(64 << 20), Some(64 << 20)));
    assert_eq!(host.pids_limit, Some(20));
    let password = &deployment.variables["CHAOS_PASSWORD"];
    let environment = inspected.config.expect("given").env.expect("given");
    assert!(environment.contains(&format!("SECRET={password}")), "the password is filled in");
    assert_eq!(password.len(), 32);
    standing.end().await;
}
