//! The Docker daemon is stopped in the middle of a run: a clear error, no hang, and everything is
//! cleaned, by the run itself if the daemon comes back in time, else by `chaos clean`.

use std::time::{Duration, Instant};

use crate::program::Running;
use crate::second_daemon::SecondDaemon;
use crate::tiny::{IMAGE, RUN, make_images, write};

/// A fault acts within this time.
const FELT: Duration = Duration::from_secs(180);
/// A run that lost its daemon ends within this time, however long that stays away.
const BOUND: Duration = Duration::from_secs(180);
const FAULTS: [&str; 2] = [
    "{at: 0s, for: 20s, fault: {pause: {name: web-1}}}",
    "{at: 0s, for: 20s, fault: {kill: {name: web-2}}}",
];

fn in_fault(second: &SecondDaemon, folder: &std::path::Path) -> Running {
    write(folder, &FAULTS);
    let mut running = second.run(folder, &RUN);
    running.until_told("fault-felt", FAULTS.len(), FELT);
    running
}

fn objects(second: &SecondDaemon) -> String {
    let list = |words: &[&str]| {
        second.docker(&[words, &["--quiet", "--filter", "label=chaos.run"]].concat())
    };
    let lists = [list(&["ps", "--all"]), list(&["network", "ls"]), list(&["volume", "ls"])];
    lists.map(|list| list.expect("the daemon answers")).concat()
}

#[test]
fn a_daemon_that_is_started_anew_ends_the_run_which_cleans_up() {
    make_images();
    let mut second = SecondDaemon::with_image(IMAGE);
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = in_fault(&second, folder.path());
    second.stop();
    second.start();
    let told = running.end();
    assert_eq!(told.code, Some(3), "{}\n{}", told.errors, told.result);
    let journal = crate::program::journal(folder.path());
    assert!(journal.contains("went away"), "{journal}");
    assert!(!journal.contains("heal-failed") && journal.contains("dismantled"), "{journal}");
    assert!(!told.errors.contains("panicked"), "{}", told.errors);
    assert_eq!(objects(&second), "");
}

#[test]
fn a_daemon_that_stays_away_leaves_a_dirty_host_that_clean_cleans() {
    make_images();
    let mut second = SecondDaemon::with_image(IMAGE);
    let folder = tempfile::tempdir().expect("a folder");
    let mut running = in_fault(&second, folder.path());
    let lost = Instant::now();
    second.stop();
    let told = running.end();
    println!("the run gave up {:.0} s after its daemon was stopped", lost.elapsed().as_secs_f64());
    assert!(lost.elapsed() < BOUND, "{:?}", lost.elapsed());
    assert_eq!(told.code, Some(6), "{}\n{}", told.errors, told.result);
    let journal = crate::program::journal(folder.path());
    assert!(journal.contains("`chaos clean` removes what the run left"), "{journal}");
    assert!(!told.errors.contains("panicked"), "{}", told.errors);

    second.start();
    assert_ne!(objects(&second), "", "nothing was left to be cleaned");
    let cleaned = second.chaos(folder.path(), &["clean"]);
    assert_eq!(cleaned.code, Some(0), "{}", cleaned.errors);
    assert_eq!(objects(&second), "");
}
