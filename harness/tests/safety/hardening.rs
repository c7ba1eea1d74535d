//! What containers may do, as Docker itself tells it: every container of every built-in target, and
//! those that help. Exceptions are named here, with their reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::leftovers::nothing_is_left;
use crate::program::{Running, chaos, docker, docker_done, find};

/// A fault acts within this time.
const FELT: Duration = Duration::from_secs(180);

/// Capabilities that a container may have, by the beginning of its image or the end of its name, and
/// why. All others have none.
const CAPABILITIES: [(&str, &[&str], &str); 4] = [
    (
        "chaos/postgres",
        &BECOMES_ITS_USER,
        "starts as root to own its volume, then becomes its user",
    ),
    (
        "chaos/rabbitmq",
        &BECOMES_ITS_USER,
        "starts as root to own its volume, then becomes its user",
    ),
    (
        "chaos/network",
        &["NET_ADMIN", "NET_RAW"],
        "sets rules for packets, takes them, and sends copies",
    ),
    (
        "-volume-holder",
        &["DAC_OVERRIDE"],
        "fills a volume whose folder belongs to the user of a database",
    ),
];
const BECOMES_ITS_USER: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"];

/// What is wrong with a container, in words.
fn mistakes(inspected: &Value) -> Vec<String> {
    let (host, config) = (&inspected["HostConfig"], &inspected["Config"]);
    let image = config["Image"].as_str().unwrap_or_default();
    let mut wrong = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{} ({image}): {what}", inspected["Name"]));
        }
    };
    let list = |value: &Value| -> BTreeSet<String> {
        let texts = value.as_array().into_iter().flatten();
        texts
            .map(|it| it.as_str().unwrap_or_default().trim_start_matches("CAP_").to_owned())
            .collect()
    };
    must(list(&host["CapDrop"]) == ["ALL".to_owned()].into(), "it does not drop all capabilities");
    let name = inspected["Name"].as_str().unwrap_or_default();
    let known =
        CAPABILITIES.iter().find(|(part, ..)| image.starts_with(part) || name.ends_with(part));
    let allowed: BTreeSet<String> = known
        .map(|(_, names, _)| names.iter().map(|&name| name.to_owned()).collect())
        .unwrap_or_default();
    must(list(&host["CapAdd"]).is_subset(&allowed), "it has capabilities that nobody explained");
    must(list(&host["SecurityOpt"]).contains("no-new-privileges:true"), "it may gain privileges");
    must(host["Privileged"] == false, "it is privileged");
    must(host["ReadonlyRootfs"] == true, "its root can be written");
    must(host["Memory"].as_i64().is_some_and(|bytes| bytes > 0), "its memory has no limit");
    must(host["MemorySwap"] == host["Memory"], "it may swap");
    must(host["PidsLimit"].as_i64().is_some_and(|count| count > 0), "its processes have no limit");
    must(host["Binds"].is_null(), "it has a folder of the host");
    let mounts = inspected["Mounts"].as_array().cloned().unwrap_or_default();
    must(mounts.iter().all(|it| it["Type"] == "volume"), "it mounts something else than a volume");
    for space in ["PidMode", "UTSMode", "UsernsMode"] {
        must(host[space] == "", &format!("{space} is {}", host[space]));
    }
    must(host["IpcMode"] == "private" || host["IpcMode"] == "shareable", "it shares memory");
    must(host["NetworkMode"] != "host", "it is on the host's network");
    let bindings = host["PortBindings"].as_object().into_iter().flatten();
    let mut addresses = bindings.flat_map(|(_, list)| list.as_array().into_iter().flatten());
    must(addresses.all(|it| it["HostIp"] == "127.0.0.1"), "a port is published beyond loopback");
    must(!inspected.to_string().contains("docker.sock"), "it knows the Docker socket");
    wrong
}

/// Every container of any run, as Docker inspects it.
fn containers() -> Vec<Value> {
    let ids = docker(&["ps", "--all", "--quiet", "--filter", "label=chaos.run"]);
    let ids: Vec<&str> = ids.lines().collect();
    let told = docker_done(&[&["inspect"], &ids[..]].concat());
    serde_json::from_str(&told).expect("Docker tells JSON")
}

fn are_hardened(containers: &[Value]) {
    let wrong: Vec<String> = containers.iter().flat_map(mistakes).collect();
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn containers_of_every_target_may_do_no_more_than_they_need() {
    let folder = tempfile::tempdir().expect("a folder");
    for target in chaos_targets::CATALOGUE {
        let up = chaos(folder.path(), &["up", target.name]);
        assert_eq!(up.code, Some(0), "{}: {}", target.name, up.errors);
        let found = containers();
        println!("{}: {} containers", target.name, found.len());
        let down = chaos(folder.path(), &["down"]);
        assert_eq!(down.code, Some(0), "{}: {}", target.name, down.errors);
        are_hardened(&found);
    }
    nothing_is_left();
}

const SCENARIO: &str = "version: 1
title: Packets are late, and something in the container is busy
# How fast it is, is not the question here.
steady-state-hypothesis: {title: Some are served, probes: [availability >= 10%]}
method:
  - {at: 0s, for: 8s, fault: {latency: {role: broker, delay: 5ms}}}
  - {at: 0s, for: 8s, fault: {cpu-hog: {name: notify, threads: 1}}}
  - {at: 0s, for: 8s, fault: {disk-full: {name: shipping-db, fill: 50%}}}
expect: {default: [recovery < 60s]}
";

/// On the target with the most passwords, with faults that need helpers.
#[test]
fn what_helps_is_hardened_as_well_and_no_password_is_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("late.yaml"), SCENARIO).expect("a file");
    let mut running =
        Running::run(folder.path(), &["late.yaml", "--target", "broker", "--rate", "20/s"]);
    running.until_told("fault-felt", 3, FELT);
    let found = containers();
    let helps = |it: &&Value| it["Name"].as_str().is_some_and(|name| name.contains("-network-"));
    assert_eq!(found.iter().filter(helps).count(), 1, "no helper is at work");
    are_hardened(&found);

    let passwords = passwords(&found);
    assert_eq!(passwords.len(), 1, "a run draws one: {passwords:?}");
    let told = running.end();
    assert!([Some(0), Some(1), Some(4)].contains(&told.code), "{told:?}");
    let mut files = 0;
    for path in files_below(&folder.path().join("out")) {
        let bytes = fs::read(&path).expect("a file of the run");
        let packed = path.extension().is_some_and(|it| it == "zst");
        let bytes = if packed { zstd::decode_all(&bytes[..]).expect("it unpacks") } else { bytes };
        let text = String::from_utf8_lossy(&bytes);
        for password in passwords.iter().map(String::as_str).chain(["CHAOS_PASSWORD="]) {
            assert!(!text.contains(password), "{} tells a password", path.display());
        }
        files += 1;
    }
    for told in [&told.result, &told.errors] {
        assert!(passwords.iter().all(|password| !told.contains(password)), "it is printed");
    }
    assert!(find(folder.path(), "journal.jsonl").is_some() && files > 20, "{files} files");
    nothing_is_left();
}

/// The passwords in the environments of containers, where variables and addresses hold them.
fn passwords(containers: &[Value]) -> BTreeSet<String> {
    let variables =
        containers.iter().flat_map(|it| it["Config"]["Env"].as_array().into_iter().flatten());
    let found = variables.filter_map(|variable| {
        let (name, value) = variable.as_str()?.split_once('=')?;
        let of_address = value.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        let of_address = of_address.and_then(|(credentials, _)| credentials.split_once(':'));
        let own = name.contains("PASS").then_some(value);
        own.or(of_address.map(|(_, password)| password)).map(str::to_owned)
    });
    found.collect()
}

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let (mut open, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found
}
