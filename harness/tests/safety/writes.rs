//! Commands that only look make no call that changes anything: each is watched by a proxy in front of
//! the daemon.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::program::{PROGRAM, Told};
use crate::proxy::Proxy;
use crate::tiny::write;

/// Runs a command through the proxy; the requests that it made.
fn watched(proxy: &Proxy, folder: &Path, words: &[&str]) -> (Told, Vec<String>) {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).env("DOCKER_HOST", proxy.address()).args(words);
    let told = command.output().expect("the program starts").into();
    (told, proxy.requests())
}

#[test]
fn whoever_only_looks_makes_no_call_that_writes() {
    let proxy = Proxy::start();
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &["{at: 0s, fault: {kill: {name: web}}}"]);
    let commands: [&[&str]; 9] = [
        // Every scenario of the library on every target, in every mode that it speaks of.
        &["plan", "--all", "--mode", "all"],
        &["run", "--all", "--dry-run"],
        &["plan", "trial.yaml", "--target", "./compose.yaml"],
        &["list", "scenarios"],
        &["list", "faults"],
        &["list", "targets"],
        &["validate", "trial.yaml", "compose.yaml"],
        &["doctor"],
        &["report", "."],
    ];
    for words in commands {
        let (told, requests) = watched(&proxy, folder.path(), words);
        let mut counts = BTreeMap::<String, u32>::new();
        for request in &requests {
            *counts.entry(request.clone()).or_default() += 1;
        }
        println!("chaos {}: exit {:?}, {counts:?}", words.join(" "), told.code);
        let reads = |request: &String| ["GET ", "HEAD "].iter().any(|it| request.starts_with(it));
        assert!(requests.iter().all(reads), "{}: {requests:?}", words.join(" "));
        if words[0] == "plan" {
            assert_eq!(told.code, Some(0), "{}", told.errors);
            assert!(told.result.lines().count() > 20, "{}", told.result);
            assert!(!requests.is_empty(), "the proxy saw nothing of `plan`");
        }
    }
    assert!(!folder.path().join("runs").exists(), "a folder was made");
}
