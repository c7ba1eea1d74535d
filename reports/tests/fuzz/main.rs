//! Texts from outside, broken in every way: no reader may panic, hang, or take memory without
//! bound. The same entries are fuzzed with coverage for as long as one likes (`ci/fuzz`); here each
//! is tried a fixed number of times with fixed chance, and with every text that ever broke one.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]
#![allow(
    clippy::disallowed_methods,
    reason = "the readers have no clock; how long they take is asked here"
)]

mod entry;
mod mutation;
mod seed;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use entry::ENTRIES;

/// Texts that each entry is tried with, unless `CHAOS_FUZZ_TEXTS` says another number.
const TEXTS: u64 = 400;
/// No text may take longer, in any build and on any machine.
const SLOWEST: Duration = Duration::from_secs(20);

/// Tells the text that was read when a reader panics.
struct Reading<'a>(&'a str, &'a [u8]);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} panicked on:\n{}", self.0, self.1.escape_ascii());
        }
    }
}

/// Reads a text; how long that took.
fn read(entry: entry::Entry, text: &[u8]) -> Duration {
    let reading = Reading(entry.name, text);
    let begun = Instant::now();
    (entry.read)(text);
    let took = begun.elapsed();
    assert!(took < SLOWEST, "{} took {took:?}", entry.name);
    drop(reading);
    took
}

#[test]
fn seeds_are_right_so_that_their_mutants_are_nearly() {
    for entry in ENTRIES {
        assert!(!seed::seeds(entry.name).is_empty());
        seed::seeds(entry.name).iter().for_each(|text| {
            read(entry, text);
        });
    }
    let journal = seed::seeds("journal").remove(0);
    chaos_reports::record::journal::read(&journal).unwrap();
    let audit = chaos_reports::record::lines::read::<chaos_reports::record::final_state::AuditRow>(
        "audit",
        seed::AUDIT.as_bytes(),
    );
    assert_eq!(audit.unwrap().items.len(), seed::AUDIT.lines().count());
    for line in seed::seeds("expectation") {
        let text = String::from_utf8(line).unwrap();
        chaos_scenarios::expectation::Expectation::parse(&text).unwrap();
    }
}

#[test]
fn broken_texts_are_refused_and_nothing_else_happens() {
    let texts = std::env::var("CHAOS_FUZZ_TEXTS").map_or(TEXTS, |it| it.parse().unwrap());
    for entry in ENTRIES {
        let seeds = seed::seeds(entry.name);
        let begun = Instant::now();
        let slowest = (0..texts).map(|n| read(entry, &mutation::mutated(&seeds, n))).max();
        let slowest = slowest.unwrap_or_default();
        eprintln!("{}: {texts} texts in {:?}, slowest {slowest:?}", entry.name, begun.elapsed());
    }
}

#[test]
fn what_once_broke_a_reader_does_so_no_more() {
    for entry in ENTRIES {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/broke").join(entry.name);
        let Ok(files) = fs::read_dir(folder) else { continue };
        for file in files {
            read(entry, &fs::read(file.unwrap().path()).unwrap());
        }
    }
}
