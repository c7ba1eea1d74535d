//! Volumes of a fixed size: kept while their users restart, filled, and emptied again.

use std::process::Command;
use std::time::{Duration, Instant};

use chaos_harness::port::Runtime;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::quantity::Bytes;
use chaos_scenarios::target::{Component, Mount};

use crate::faults::{heal, inject, make_own_image, planned};
use crate::fixture::{Standing, component, plan, target_of};

const FULL: &str = "disk-full: {name: store}";

/// `store` sleeps beside a volume of 24 MiB, with less memory than that.
async fn stand() -> (Standing, Plan) {
    make_own_image().await;
    let mount = Mount { volume: "data".to_owned(), path: "/var/data".to_owned(), read_only: false };
    let store = Component {
        mounts: vec![mount],
        memory: Some(Bytes(16 << 20)),
        restart: "on-failure".to_owned(),
        ..component("store", &["sleep", "600"])
    };
    let mut plan = plan(target_of(vec![store]));
    plan.target.volume_sizes = [("data".to_owned(), Bytes(24 << 20))].into();
    plan.timeline = vec![planned(&plan, FULL)];
    let standing = Standing::new().await;
    let made = standing.runtime.provision(&plan, &standing.identity, &standing.recorder).await;
    made.expect("it stands");
    (standing, plan)
}

fn docker(words: &[&str]) -> (bool, String) {
    let output = Command::new("docker").args(words).output().expect("docker");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// Runs a line of shell in `store`; whether that went well, and what it said.
fn inside(standing: &Standing, line: &str) -> (bool, String) {
    let name = format!("chaos-{}-store-1", standing.identity.run);
    docker(&["exec", &name, "sh", "-c", line])
}

fn writes(standing: &Standing) -> (bool, String) {
    inside(standing, "head -c 100000 /dev/zero > /var/data/probe && rm /var/data/probe")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_volume_takes_no_write_until_it_is_given_back() {
    let (standing, plan) = stand().await;
    assert!(inside(&standing, "echo kept > /var/data/order").0);
    assert!(writes(&standing).0);
    for written in [FULL, "disk-full: {name: store, fill: 90%}"] {
        let injection = planned(&plan, written).injection;
        inject(&standing, &injection).await;
        let (wrote, said) = writes(&standing);
        if written == FULL {
            assert!(!wrote && said.contains("No space left on device"), "{said}");
        } else {
            assert!(wrote, "{said}");
            let (_, used) = inside(&standing, "df --output=pcent /var/data | tail -1");
            let used: u32 = used.trim().trim_end_matches('%').parse().expect("a share");
            assert!((89..=91).contains(&used), "{used}%");
        }
        heal(&standing, &injection).await;
        assert!(writes(&standing).0);
        assert_eq!(inside(&standing, "ls -A /var/data"), (true, "order\n".to_owned()));
    }
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn data_outlives_its_users_and_whoever_fills_it() {
    let (standing, plan) = stand().await;
    let run = &standing.identity.run;
    let (store, holder) = (format!("chaos-{run}-store-1"), format!("chaos-{run}-volume-holder"));
    assert!(inside(&standing, "echo kept > /var/data/order").0);
    // Nobody but the holder uses the volume now.
    assert!(docker(&["kill", &store]).0 && docker(&["start", &store]).0);
    assert_eq!(inside(&standing, "cat /var/data/order"), (true, "kept\n".to_owned()));
    let injection = planned(&plan, FULL).injection;
    for meddling in [["kill", &store], ["kill", &holder], ["rm", &holder]] {
        inject(&standing, &injection).await;
        let words =
            if meddling[0] == "rm" { vec!["rm", "-f", meddling[1]] } else { meddling.into() };
        assert!(docker(&words).0, "{words:?}");
        heal(&standing, &injection).await;
        assert!(writes(&standing).0, "{words:?}");
        assert_eq!(inside(&standing, "ls -A /var/data"), (true, "order\n".to_owned()));
    }
    standing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_is_given_back_when_the_harness_dies() {
    let (standing, _) = stand().await;
    let holder = format!("chaos-{}-volume-holder", standing.identity.run);
    let (_, entry) = docker(&["inspect", "-f", "{{join .Config.Entrypoint \" \"}}", "chaos/chaos"]);
    // Docker's own client in the place of the harness, with our program as it is called there.
    let mut client = Command::new("docker")
        .args(["exec", "-i", &holder])
        .args(entry.split_whitespace())
        .args(["helper", "fill", "/volumes/data", "100"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("docker");
    let until = |wanted: bool| {
        let begun = Instant::now();
        while writes(&standing).0 != wanted {
            assert!(begun.elapsed() < Duration::from_secs(20), "{wanted} is waited for");
            std::thread::sleep(Duration::from_millis(50));
        }
        begun.elapsed()
    };
    until(false);
    client.kill().expect("it is killed by SIGKILL");
    client.wait().expect("it is dead");
    eprintln!("a write worked {:?} after its client's SIGKILL", until(true));
    standing.end().await;
}
