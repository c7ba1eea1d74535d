//! Goes on with an experiment that was cut off: what was measured stays, the rest is made.
//!
//! A run that was interrupted, that failed, or whose measurement was not valid tells nothing about
//! its target, so it is made again, and what it had left is kept beside it. A run that did measure
//! something is never made again: otherwise one could repeat until the result pleases.

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use chaos_reports::judge::Verdict;
use chaos_scenarios::plan::Plan;

use super::judge::{JOURNAL, judge_plan};
use super::{Experiment, FolderError, is_run};

/// Earlier attempts of one run that are kept; after that it stays as it is.
const EARLIER_ATTEMPTS: u32 = 3;

/// Whether a run has to be made (again). One without a readable journal has to be.
pub(super) fn is_to_be_made(experiment: &Experiment, plan: &Plan) -> bool {
    if !is_run(plan) {
        return false;
    }
    let folder = experiment.run_folder(plan);
    if !folder.join(JOURNAL).is_file() {
        return true;
    }
    let verdict = judge_plan(experiment, plan).map(|run| run.judgement.verdict);
    let void = [Verdict::Inconclusive, Verdict::Error, Verdict::Interrupted];
    verdict.map_or(true, |verdict| void.contains(&verdict)) && next_attempt(&folder).is_some()
}

/// Moves what an earlier attempt has left out of the way: `1` becomes `1.attempt-1`.
pub(super) fn set_aside(folder: &Path) -> Result<(), FolderError> {
    if !folder.exists() {
        return Ok(());
    }
    let moved = match next_attempt(folder) {
        Some(place) => fs::rename(folder, place),
        None => Err(Error::new(ErrorKind::AlreadyExists, "it has been tried too often")),
    };
    moved.map_err(|source| FolderError::Write { path: folder.to_owned(), source })
}

/// Where the next attempt that is given up goes; nothing where there were too many.
fn next_attempt(folder: &Path) -> Option<PathBuf> {
    attempts(folder)?.find(|place| !place.exists())
}

/// Where earlier attempts of a run may lie, the first one first.
pub(super) fn attempts(folder: &Path) -> Option<impl Iterator<Item = PathBuf>> {
    let name = folder.file_name()?.to_string_lossy().into_owned();
    let place = move |attempt| format!("{name}.attempt-{attempt}");
    Some((1..=EARLIER_ATTEMPTS).map(move |attempt| folder.with_file_name(place(attempt))))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{EARLIER_ATTEMPTS, next_attempt, set_aside};

    #[test]
    fn what_an_attempt_left_is_kept_beside_the_run_within_a_bound() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("control-1");
        set_aside(&folder).unwrap();
        for attempt in 1..=EARLIER_ATTEMPTS {
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("journal.jsonl"), attempt.to_string()).unwrap();
            set_aside(&folder).unwrap();
            let kept = home.path().join(format!("control-1.attempt-{attempt}/journal.jsonl"));
            assert_eq!(fs::read_to_string(kept).unwrap(), attempt.to_string());
        }
        fs::create_dir(&folder).unwrap();
        assert_eq!(next_attempt(&folder), None);
        let error = set_aside(&folder).unwrap_err().to_string();
        assert!(error.contains("it has been tried too often"), "{error}");
    }
}
