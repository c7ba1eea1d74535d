//! What a run finds when it begins: what a dead one left, what was left on purpose, and another one
//! that is at work.

use std::time::Duration;

use crate::program::{Running, chaos, docker, find};
use crate::tiny::{RUN, make_images, write};

/// A run is at work within this time.
const AT_WORK: Duration = Duration::from_secs(120);
const PAUSE: &str = "{at: 0s, for: 30s, fault: {pause: {name: web}}}";

/// Every labelled object of any run.
pub(crate) fn objects() -> Vec<String> {
    let list = |kind: &str, words: &[&str]| {
        let told = docker(&[words, &["--filter", "label=chaos.run"]].concat());
        told.lines().map(|line| format!("{kind} {line}")).collect::<Vec<_>>()
    };
    let mut found = list("container", &["ps", "--all", "--format", "{{.Names}}"]);
    found.extend(list("network", &["network", "ls", "--format", "{{.Name}}"]));
    found.extend(list("volume", &["volume", "ls", "--format", "{{.Name}}"]));
    found
}

pub(crate) fn nothing_is_left() {
    assert_eq!(objects(), Vec::<String>::new());
}

#[test]
fn the_next_run_removes_what_a_dead_one_left_and_says_so() {
    make_images();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &[PAUSE]);
    let mut first = Running::run(folder.path(), &RUN);
    first.until_told("fault-felt", 1, AT_WORK);
    first.kill();
    let left = objects().len();
    assert!(left > 0, "a killed harness removes nothing");

    let next = tempfile::tempdir().expect("a folder");
    write(next.path(), &[PAUSE]);
    let mut second = Running::run(next.path(), &RUN);
    second.until_told("\"phase\":\"baseline\"", 1, AT_WORK);
    second.signal("TERM");
    let told = second.end();
    assert_eq!(told.code, Some(143), "{}", told.errors);
    let said = format!("removed {left} objects that a dead run had left behind");
    assert!(told.errors.contains(&said), "`{said}` is not told:\n{}", told.errors);
    nothing_is_left();
}

#[test]
fn a_run_is_refused_beside_a_target_that_was_left_running() {
    make_images();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &[PAUSE]);
    let up = chaos(folder.path(), &["up", "./compose.yaml"]);
    assert_eq!(up.code, Some(0), "{}", up.errors);
    let standing = objects();
    let refused = chaos(folder.path(), &[&["run", "--out", "out"], &RUN[..]].concat());
    assert_eq!(refused.code, Some(3), "{}", refused.errors);
    assert!(refused.errors.contains("`chaos down`"), "{}", refused.errors);
    let spared = chaos(folder.path(), &["clean"]);
    assert!(spared.result.contains("left running on purpose"), "{}", spared.result);
    assert_eq!(objects(), standing, "what is meant to stay was touched");
    assert!(!folder.path().join("out").exists(), "nothing was begun");
    let down = chaos(folder.path(), &["down"]);
    assert_eq!(down.code, Some(0), "{}", down.errors);
    nothing_is_left();
}

#[test]
fn of_two_experiments_the_second_is_refused_and_the_first_can_be_halted() {
    make_images();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &[PAUSE]);
    let mut first = Running::run(folder.path(), &RUN);
    first.until_told("fault-felt", 1, AT_WORK);

    let refused = chaos(folder.path(), &[&["run", "--out", "other"], &RUN[..]].concat());
    assert_eq!(refused.code, Some(3), "{}", refused.errors);
    let pid = first.pid();
    for part in [format!("process {pid}"), "`chaos halt`".to_owned()] {
        assert!(refused.errors.contains(&part), "`{part}` is not told:\n{}", refused.errors);
    }
    let refused = chaos(folder.path(), &["clean"]);
    assert_eq!(refused.code, Some(3), "what is in use is cleaned: {}", refused.result);

    let halted = chaos(folder.path(), &["halt"]);
    assert_eq!(halted.code, Some(0), "{}", halted.errors);
    assert!(halted.result.contains(&format!("stopped process {pid}")), "{}", halted.result);
    let journal = first.journal();
    assert_eq!(first.end().code, Some(130));
    for told in ["fault-healed", "dismantled"] {
        assert!(journal.contains(told), "`{told}` is not told:\n{journal}");
    }
    assert!(find(folder.path(), "index.html").is_some(), "it is reported all the same");
    nothing_is_left();
}
