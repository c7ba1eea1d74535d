//! What cannot be removed or undone is told, with an exit code of its own; and what somebody else
//! uses is not taken from them.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::leftovers::{nothing_is_left, objects};
use crate::program::{Running, Told, chaos, docker, docker_done, find};
use crate::tiny::{IMAGE, RUN, make_images, write};

/// A fault acts within this time.
const FELT: Duration = Duration::from_secs(120);
/// Docker lets go of the ports of a dead container within this time.
const RELEASED: Duration = Duration::from_secs(5);

/// Asserts exit code 6, and that the report flags the run and says why.
fn is_dirty(folder: &std::path::Path, told: &Told, why: &str) {
    assert_eq!(told.code, Some(6), "{}", told.errors);
    let path = find(folder, "report.json").expect("it is reported");
    let text = std::fs::read_to_string(path).expect("a report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["runs"][0]["flags"], serde_json::json!(["dirty"]), "{text}");
    let journal = crate::program::journal(folder);
    assert!(journal.contains(why), "`{why}` is not told:\n{journal}");
}

#[test]
fn a_network_that_somebody_else_uses_stays_and_is_told() {
    make_images();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &["{at: 0s, for: 30s, fault: {pause: {name: web}}}"]);
    let mut running = Running::run(folder.path(), &RUN);
    running.until_told("fault-felt", 1, FELT);
    let network =
        docker(&["network", "ls", "--filter", "label=chaos.run", "--format", "{{.Name}}"]);
    let guest = format!("chaos-guest-{}", std::process::id());
    docker_done(&[
        "run",
        "--detach",
        "--name",
        &guest,
        "--network",
        &network,
        IMAGE,
        "sleep",
        "600",
    ]);
    let before = docker_done(&["inspect", &guest]);
    running.signal("INT");
    let told = running.end();
    let after = docker_done(&["inspect", &guest]);
    let left = objects();
    docker_done(&["rm", "--force", &guest]);

    assert_eq!(before, after, "the guest was touched");
    assert_eq!(left, [format!("network {network}")], "all else is removed");
    is_dirty(folder.path(), &told, "residue");
    let cleaned = chaos(folder.path(), &["clean"]);
    assert_eq!(cleaned.code, Some(0), "{}", cleaned.errors);
    nothing_is_left();
}

#[test]
fn an_undo_that_fails_is_told() {
    make_images();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &["{at: 0s, for: 8s, fault: {kill: {name: web-1}}}"]);
    let mut running = Running::run(folder.path(), &RUN);
    running.until_told("fault-felt", 1, FELT);
    // While the victim is down, somebody takes one of its ports.
    let created = running.until_told("\"container-created\"", 1, FELT);
    let port = port_of(&created, "web", 1);
    let taken = take(port);
    running.until_told("heal-failed", 1, FELT);
    drop(taken);
    let told = running.end();
    is_dirty(folder.path(), &told, "heal-failed");
    nothing_is_left();
}

/// Takes a port as soon as Docker lets go of it, a moment after the death of its container.
fn take(port: u16) -> TcpListener {
    let begun = Instant::now();
    loop {
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(taken) => return taken,
            Err(error) => assert!(begun.elapsed() < RELEASED, "{port} is not free: {error}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The port on loopback that a replica has for its 8080.
fn port_of(created: &[String], component: &str, number: u64) -> u16 {
    let entries = created.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut events = entries.map(|entry| entry["event"]["container-created"].clone());
    let found = events.find(|event| {
        event["replica"]["component"] == component && event["replica"]["number"] == number
    });
    let port = found.as_ref().and_then(|event| event["ports"]["8080"].as_u64());
    port.and_then(|port| u16::try_from(port).ok()).expect("it is published")
}
