//! Faults of resources: limits and hogs, by Docker's own figures.

use std::time::{Duration, Instant};

use chaos_harness::port::Runtime;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::quantity::Bytes;
use chaos_scenarios::target::Component;

use crate::faults::{heal, inject, make_own_image, planned};
use crate::fixture::{Standing, component, plan, target_of};

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_felt_and_undone() {
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let spins = ["perl", "-e", "while (1) { }"];
    let limited = Component { cpus: Some(0.9), ..component("limited", &spins) };
    // Small at first, because some kernels refuse a limit below what is in use.
    let grows = ["perl", "-e", "sleep 2; while (1) { push @parts, 'x' x (1 << 20) }"];
    let growing = Component { memory: Some(Bytes(128 << 20)), ..component("growing", &grows) };
    let plan = plan(target_of(vec![component("busy", &spins), limited, growing]));
    runtime.provision(&plan, identity, recorder).await.expect("it stands");
    for written in [
        "memory: {name: growing, limit: 24MiB}",
        "cpu: {name: busy, limit: 0.1}",
        "cpu: {name: limited, limit: 0.05}",
    ] {
        come_and_go(&standing, &plan, written).await;
    }
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hogs_are_felt_and_ended() {
    make_own_image().await;
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let mut plan = plan(target_of(vec![component("idle", &["sleep", "600"])]));
    plan.timeline = vec![planned(&plan, "cpu-hog: {name: idle}")];
    runtime.provision(&plan, identity, recorder).await.expect("it stands");
    for written in [
        "cpu-hog: {name: idle, threads: 2}",
        "memory-hog: {name: idle, fill: 80%}",
        "memory-hog: {name: idle, fill: 120%}",
    ] {
        come_and_go(&standing, &plan, written).await;
    }
    standing.end().await;
}

async fn come_and_go(standing: &Standing, plan: &Plan, written: &str) {
    let begun = Instant::now();
    eprintln!("{written}");
    let injection = planned(plan, written).injection;
    inject(standing, &injection).await;
    heal(standing, &injection).await;
    eprintln!("{:?} in all", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hog_ends_when_its_harness_dies() {
    make_own_image().await;
    let standing = Standing::new().await;
    let Standing { runtime, recorder, identity } = &standing;
    let mut plan = plan(target_of(vec![component("idle", &["sleep", "600"])]));
    plan.timeline = vec![planned(&plan, "cpu-hog: {name: idle, threads: 1}")];
    runtime.provision(&plan, identity, recorder).await.expect("it stands");
    let name = format!("chaos-{}-idle-1", identity.run);
    // Docker's own client in the place of the harness, with our program as it is called there.
    let entry = std::process::Command::new("docker")
        .args(["inspect", "-f", "{{join .Config.Entrypoint \" \"}}", "chaos/chaos"])
        .output()
        .expect("docker");
    let entry = String::from_utf8(entry.stdout).expect("words");
    let mut client = std::process::Command::new("docker")
        .args(["exec", "-i", &name])
        .args(entry.split_whitespace())
        .args(["helper", "hog-cpu", "1"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("docker");
    let processes = || {
        let top = std::process::Command::new("docker").args(["top", &name]).output();
        String::from_utf8_lossy(&top.expect("docker").stdout).matches("hog-cpu").count()
    };
    let wait = |count: usize| {
        let begun = Instant::now();
        while processes() != count {
            assert!(begun.elapsed() < Duration::from_secs(10), "{count} hogs are waited for");
            std::thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    };
    wait(1);
    client.kill().expect("it is killed by SIGKILL");
    client.wait().expect("it is dead");
    eprintln!("the hog was gone {:?} after its client's SIGKILL", wait(0));
    standing.end().await;
}
