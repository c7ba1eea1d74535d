//! The exam of the auditor on the real thing: one defect at a time is planted in the reference
//! application, and `chaos run` must not come out green but name a fate or an invariant that fits.
//! Runs without a defect must stay green, or a finding would prove nothing.
//!
//! These tests are ignored unless asked for (`ci/exam`): they start real targets. What was run with
//! the same program is judged from its report and not run again, so that an exam that was cut off
//! goes on where it stopped.
#![allow(clippy::print_stdout, reason = "how many defects were found is the result")]

mod candidate;

use candidate::{CANDIDATES, Candidate};

#[test]
#[ignore = "runs real targets for two minutes"]
fn a_few_planted_defects_are_found() {
    examine(CANDIDATES.iter().filter(|candidate| candidate.is_picked));
}

#[test]
#[ignore = "runs real targets for a quarter of an hour"]
fn every_planted_defect_is_found() {
    examine(CANDIDATES.iter());
}

fn examine<'a>(candidates: impl Iterator<Item = &'a Candidate>) {
    let mut planted = 0;
    let mut found = 0;
    let mut wrong = Vec::new();
    for candidate in candidates {
        let result = candidate.sit();
        match &result {
            Ok(told) => println!("{candidate}: {told}"),
            Err(error) => println!("{candidate}: FAILED: {error}"),
        }
        if candidate.mutant.is_some() {
            planted += 1;
            found += usize::from(result.is_ok());
        }
        wrong.extend(result.err().map(|error| format!("{candidate}: {error}")));
    }
    println!("mutants found {found} / {planted}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
