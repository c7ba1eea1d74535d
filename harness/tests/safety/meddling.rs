//! Somebody else kills, restarts or removes the victims of faults while these act: the harness does
//! not fail, tells what happened, and its undo works all the same.

use std::time::Duration;

use crate::leftovers::nothing_is_left;
use crate::program::{Running, docker};
use crate::tiny::{RUN, compose, make_images, server, service, write_target};

/// All faults are felt within this time.
const FELT: Duration = Duration::from_secs(120);
/// A child that takes 40 MiB twice a second, once the limit of its container is lower: kernels refuse
/// a limit below what is in use.
const HUNGRY: &str = r#"my $root = "/sys/fs/cgroup"; my $size = 40 << 20; while (1) { my $limit = 0;
for my $name ("memory.max", "memory/memory.limit_in_bytes") {
open my $file, "<", "$root/$name" or next; $limit = <$file> }
if ($limit > 0 && $limit < 30e6) { if (!fork) { my $x = "x" x $size; exit } wait }
select undef, undef, undef, 0.5 }"#;
const GREEDY: &str = "while (1) { }";
const IDLE: &str = "sleep 86400";

/// What the victims are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Server,
    Hungry,
    Greedy,
    Idle,
}

/// A family's fault, its victim, and whether the victim runs while it acts.
struct Case {
    victim: &'static str,
    fault: &'static str,
    program: Program,
    runs: bool,
}

const fn case(victim: &'static str, fault: &'static str, program: Program, runs: bool) -> Case {
    Case { victim, fault, program, runs }
}

const CASES: [Case; 11] = [
    case("killed", "kill: {name: killed}", Program::Server, false),
    case("stopped", "stop: {name: stopped}", Program::Server, false),
    case("crashed", "crash: {name: crashed}", Program::Server, true),
    case("restarted", "restart: {name: restarted}", Program::Server, true),
    case("paused", "pause: {name: paused}", Program::Server, true),
    case("limited", "cpu: {name: limited, limit: 0.05}", Program::Greedy, true),
    case("tight", "memory: {name: tight, limit: 24MiB}", Program::Hungry, true),
    case("hogged", "cpu-hog: {name: hogged, threads: 1}", Program::Idle, true),
    case("filled", "memory-hog: {name: filled, fill: 80%}", Program::Idle, true),
    case("failing", "http-error: {name: failing}", Program::Server, true),
    case("swapped", "swap: {name: swapped, image: 'chaos-test/other:1'}", Program::Server, true),
];

impl Case {
    fn service(&self) -> String {
        let policy = "    restart: on-failure\n";
        match self.program {
            Program::Server => server(self.victim, policy),
            Program::Hungry => service(self.victim, HUNGRY, policy),
            Program::Greedy => service(self.victim, GREEDY, policy),
            Program::Idle => service(self.victim, IDLE, policy),
        }
    }

    fn step(&self) -> String {
        format!("{{at: 0s, for: 14s, fault: {{{}}}}}", self.fault)
    }
}

/// Lets somebody do something to all victims; `tells` says which event must be told of a victim.
fn meddle(words: &[&str], tells: impl Fn(&Case) -> Option<&'static str>) {
    make_images();
    let folder = tempfile::tempdir().expect("a folder");
    let mut services = server("web", "");
    services.extend(CASES.iter().map(Case::service));
    let mut servers = vec!["web"];
    let answers = CASES.iter().filter(|case| case.program == Program::Server);
    servers.extend(answers.map(|case| case.victim));
    let steps: Vec<String> = CASES.iter().map(Case::step).collect();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    write_target(folder.path(), &compose(&services, &servers), &steps);

    let mut running = Running::run(folder.path(), &RUN);
    running.until_told("fault-felt", CASES.len(), FELT);
    std::thread::scope(|all| {
        for case in &CASES {
            all.spawn(|| {
                let filter = format!("label=chaos.component={}", case.victim);
                let container = docker(&["ps", "--all", "--quiet", "--filter", &filter]);
                // What does not run cannot be killed, which is fine.
                docker(&[words, &[container.as_str()]].concat());
            });
        }
    });
    let journal = running.until_told("fault-healed", CASES.len(), FELT);
    assert_eq!(journal.len(), CASES.len());
    let journal = running.journal();
    let told = running.end();
    assert!([Some(0), Some(1), Some(4)].contains(&told.code), "{told:?}");
    assert!(!told.errors.contains("panicked"), "{}", told.errors);
    assert!(!journal.contains("heal-failed"), "{journal}");
    let notes: Vec<&str> = journal.lines().filter(|line| line.contains("\"note\"")).collect();
    for case in &CASES {
        let Some(event) = tells(case) else { continue };
        let wanted = format!("`{event}` of {}-1", case.victim);
        let found = notes.iter().any(|note| note.contains(&wanted));
        assert!(found, "`{wanted}` is not told: {notes:#?}");
    }
    nothing_is_left();
}

#[test]
fn victims_that_somebody_kills() {
    meddle(&["kill"], |case| case.runs.then_some("die"));
}

#[test]
fn victims_that_somebody_restarts() {
    meddle(&["restart", "--time", "0"], |case| {
        // The policy of what crashed may start it as well, so a start proves nothing.
        Some(if case.victim == "crashed" { "die" } else { "start" })
    });
}

#[test]
fn victims_that_somebody_removes() {
    meddle(&["rm", "--force"], |_| Some("destroy"));
}
