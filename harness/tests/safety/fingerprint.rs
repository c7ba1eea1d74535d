//! What a host looks like as far as Docker and a run could change it, so that two looks can be
//! compared, word for word.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::program::{docker, docker_done, privileged};
use crate::tiny::IMAGE;

/// What was seen, line by line, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    lines: BTreeMap<&'static str, Vec<String>>,
}

impl Fingerprint {
    /// Looks at the host, and at somebody else's things on it.
    pub(crate) fn take(foreign: &Foreign) -> Self {
        let lines = [
            (
                "container",
                of(&["ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"]),
            ),
            ("network", of(&["network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Name}}"])),
            ("volume", of(&["volume", "ls", "--format", "{{.Name}}"])),
            ("rule", rules()),
            ("interface", interfaces()),
            ("listener", listeners()),
            ("mount", mounts()),
            (FOREIGN, foreign.inspect()),
        ];
        Self { lines: lines.into() }
    }

    /// What is here and was not before, and what was and is not, one a line.
    pub(crate) fn difference(&self, before: &Self) -> Difference {
        let mut difference = Difference::default();
        for (kind, now) in &self.lines {
            let then = &before.lines[kind];
            let changed = Difference::of(kind, then, now);
            let list =
                if *kind == FOREIGN { &mut difference.foreign } else { &mut difference.left };
            list.extend(changed);
        }
        difference
    }
}

/// The kind of what belongs to somebody else.
const FOREIGN: &str = "foreign";

/// What differs between two looks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Difference {
    /// Of the host.
    pub(crate) left: Vec<String>,
    /// Of what belongs to somebody else.
    pub(crate) foreign: Vec<String>,
}

impl Difference {
    fn of(kind: &str, then: &[String], now: &[String]) -> Vec<String> {
        let (old, new): (BTreeSet<_>, BTreeSet<_>) = (then.iter().collect(), now.iter().collect());
        let more = new.difference(&old).map(|line| format!("+ {kind} {line}"));
        let less = old.difference(&new).map(|line| format!("- {kind} {line}"));
        let mut lines: Vec<String> = more.chain(less).collect();
        if lines.is_empty() && then != now {
            lines.push(format!("{kind}: the same lines in another order or number"));
        }
        lines
    }
}

fn of(words: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = docker_done(words).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The rules of the kernel for packets, without their counters.
fn rules() -> Vec<String> {
    let output = privileged("iptables-save").output().expect("iptables-save starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(" [").next().unwrap_or_default().to_owned()).collect()
}

fn interfaces() -> Vec<String> {
    let text = fs::read_to_string("/proc/net/dev").expect("the kernel tells");
    let names = text.lines().filter_map(|line| line.split_once(':'));
    let mut names: Vec<String> = names.map(|(name, _)| name.trim().to_owned()).collect();
    names.sort();
    names
}

/// Sockets on 127.0.0.1 that listen, as published ports do.
fn listeners() -> Vec<String> {
    let text = fs::read_to_string("/proc/net/tcp").expect("the kernel tells");
    let fields = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listens = |it: &Vec<&str>| it.get(3) == Some(&"0A") && it[1].starts_with("0100007F:");
    let mut found: Vec<String> = fields.filter(listens).map(|it| it[1].to_owned()).collect();
    found.sort();
    found
}

/// What is mounted below the daemon's own folder.
fn mounts() -> Vec<String> {
    let root = docker(&["info", "--format", "{{.DockerRootDir}}"]);
    let text = fs::read_to_string("/proc/self/mounts").expect("the kernel tells");
    let places = text.lines().filter_map(|line| line.split(' ').nth(1));
    let mut found: Vec<String> = places
        .filter(|place| !root.is_empty() && place.starts_with(&root))
        .map(str::to_owned)
        .collect();
    found.sort();
    found
}

/// A container, a network and a volume of somebody else, named nearly as those of a run, of the same
/// image. Removed when they are dropped.
pub(crate) struct Foreign {
    name: String,
}

impl Foreign {
    /// Makes them.
    pub(crate) fn make() -> Self {
        let name = format!("chaos-{}-web-1", std::process::id());
        let foreign = Self { name };
        let name = &foreign.name;
        docker_done(&["network", "create", "--label", "owner=somebody", name]);
        docker_done(&["volume", "create", "--label", "owner=somebody", name]);
        let volume = format!("{name}:/data");
        docker_done(&[
            "run",
            "--detach",
            "--name",
            name,
            "--label",
            "owner=somebody",
            "--network",
            name,
            "--volume",
            &volume,
            "--memory",
            "64m",
            "--cpus",
            "0.5",
            "--pids-limit",
            "32",
            "--init",
            "--publish",
            "127.0.0.1::8080",
            IMAGE,
            "sleep",
            "86400",
        ]);
        foreign
    }

    /// All that Docker tells of them, with every time.
    fn inspect(&self) -> Vec<String> {
        let kinds = ["container", "network", "volume"];
        let told = kinds.map(|kind| docker_done(&["inspect", "--type", kind, &self.name]));
        told.iter().flat_map(|text| text.lines().map(str::to_owned)).collect()
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        docker(&["rm", "--force", &self.name]);
        docker(&["network", "rm", &self.name]);
        docker(&["volume", "rm", &self.name]);
    }
}
