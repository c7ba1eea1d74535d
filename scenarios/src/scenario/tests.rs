//! Files as text in; what they say, or every mistake in them, out.

use insta::assert_snapshot;
use proptest::prelude::*;

use super::decode;
use crate::library;

/// What is wrong with a file, without its name.
fn mistakes(text: &str) -> String {
    let diagnostics = decode("folder/test.yaml", text).expect_err("a wrong file");
    diagnostics.to_string().replace("folder/test.yaml:", "")
}

/// The same for a file whose head is right.
fn mistakes_below_title(rest: &str) -> String {
    mistakes(&format!("version: 1\ntitle: A test\n{rest}"))
}

#[test]
fn every_mistake_of_a_file_is_found_at_once() {
    assert_snapshot!(mistakes(r"
version: 2
titel: The broker dies
claims: [broker.hostage, broker.mesage-waits]
tags: [smoke, Broker]
steady-state-hypothesis:
  title: Orders are taken
  probes: [availability >= 99, lost == 0]
method:
  - at: 5 seconds
    for: 0s
    fault: {kill: {role: brokr, signal: KIL}}
    on-missing: ignore
  - at: 1s
    fault: {kil: {role: broker}}
  - fault: {kill: {mode: fixed-percent}}
expect:
  broker: [recovry < 30s, recovery < 30, lost == 0 for broker]
  broker@hardened: []
  '@naive': []
stop-conditions: [host.memory-free < 10%]
needs: in-fligt
"), @r"
    2:1: `title` is missing here
    2:10: version 2 of the scenario format is not known (this program reads version 1)
    3:1: the key `titel` is not known here (did you mean `title`?)
    4:10: no claim is called `broker.hostage` (did you mean `broker.hostage-to-broker`?)
    4:26: no claim is called `broker.mesage-waits` (did you mean `broker.message-waits`?)
    5:15: `Broker` is not a tag (use a-z, 0-9 and `-`)
    8:28: `99` is not a share in percent, such as `99.5%` (`availability` is a share)
    8:32: `lost` is known only when the run is judged; a probe of the steady state needs a value while it goes on (move it to `expect`)
    10:9: `5 seconds` is not a span of time, such as `500ms`, `30s` or `1m30s`
    11:10: a fault lasts longer than 0s
    12:26: no role is called `brokr` (did you mean `broker`?)
    12:41: no signal is called `KIL` (did you mean `KILL`?)
    13:17: no answer to a missing role is called `ignore` (known here are `error`, `not-applicable`)
    15:13: no fault is called `kil` (did you mean `kill`?)
    16:19: it is not said which components are meant (add `role:` or `name:`)
    16:26: `fixed-percent` needs a number (write `mode: {fixed-percent: 50}`)
    18:12: no measure is called `recovry` (did you mean `recovery`?)
    18:38: `30` is not a span of time, such as `500ms` or `30s` (`recovery` is a length of time)
    18:42: the block already says which target is meant (write it into a block `broker:`)
    19:3: `broker` already stands for the mode hardened (keep one of the two)
    20:3: `@naive` names no target (such as `broker`, `broker@naive` or `default`)
    21:38: `10%` is not an amount of bytes, such as `512MiB` (`host.memory-free` is an amount of bytes)
    22:8: no need is called `in-fligt` (did you mean `in-flight`?)
    ");
}

#[test]
fn keys_are_checked_everywhere() {
    assert_snapshot!(mistakes_below_title("title: Again\n"), @"3:1: `title` is written twice (keep one of the two)");
    assert_snapshot!(
        mistakes_below_title("method:\n  - {fault: {kill: {role: app, siganl: KILL}}, foor: 3s}\n"),
        @r"
    4:32: the key `siganl` is not known here (did you mean `signal`?)
    4:48: the key `foor` is not known here (did you mean `for`?)
    "
    );
    assert_snapshot!(mistakes_below_title("method: {at: 0s}\n"), @"3:9: expected a list, found a mapping");
    assert_snapshot!(mistakes_below_title("load: {rate: 0/s, arival: poisson}\n"), @r"
    3:14: `0/s` is not a rate, such as `200/s` (above 0, at most 1000000/s)
    3:19: the key `arival` is not known here (did you mean `arrival`?)
    ");
    assert_snapshot!(
        mistakes_below_title("load: {stages: [{at: 9s, rate: 1}, {at: 3s, rate: 2}]}\n"), @"3:36: stages follow each other in time"
    );
    assert_snapshot!(mistakes_below_title("method:\n  - fault: {kill: {role: app, name: app}}\n"), @"4:37: `role` and `name` exclude each other (keep one)");
    assert_snapshot!(
        mistakes_below_title("method:\n  - {for: {quick: 11m, slow: 3s}, fault: {kill: {role: app}}}\n"),
        @r"
    4:19: 11m is too long: a fault lasts at most 10m
    4:24: no profile is called `slow` (known here are `quick`, `standard`, `thorough`)
    "
    );
    let steps = "  - fault: {kill: {role: app}}\n".repeat(1001);
    assert_snapshot!(mistakes_below_title(&format!("method:\n{steps}")), @"1004:5: a method has at most 1000 steps");
    assert_snapshot!(mistakes_below_title("method:\n  - fault: {kill: {role: app}, pause: {}}\n"), @"4:12: expected one fault here, found 2");
}

#[test]
fn replicas_times_and_pulses_are_read_with_all_their_mistakes() {
    assert_snapshot!(mistakes_below_title(r"
method:
  - fault: {kill: {role: app, mode: {fixed-percent: 0}}}
  - fault: {kill: {role: app, mode: {fixed-percent: 101}}}
  - fault: {kill: {role: app, mode: {fixed-percent: -1}}}
  - {at: -3s, for: -1s, fault: {kill: {role: app}}}
  - {id: first, at: {after: first}, fault: {pause: {role: app}}}
  - {id: first, at: {after: frist, plus: -1s}, fault: {pause: {role: app}}}
  - {for: 3s, pulse: {off: 0s, on: -1s, times: 1}, fault: {pause: {role: app}}}
  - {for: 3s, fault: {rolling-restart: {role: app}}}
  - {fault: {kill: {role: each}}}
  - {for: 3s, fault: {remove: {role: app}}}
  - {pulse: {off: 1s, on: 1s, times: 2}, fault: {redrive: {role: app}}}
  - {for: 3s, fault: {swap: {role: app, image: other, keep: true}}}
  - {for: 3s, fault: {swap: {role: app, image: other}}}
"), @r"
    5:53: 0 is not a whole number from 1 to 100
    6:53: 101 is not a whole number from 1 to 100
    7:53: `-1` is not a whole number from 1 to 100
    8:10: `-3s` is not a span of time, such as `500ms`, `30s` or `1m30s`
    8:20: `-1s` is not a span of time, such as `500ms`, `30s` or `1m30s`
    9:29: no earlier step has the id `first` (give an earlier step this `id`)
    10:10: an earlier step has the id `first`, too
    10:29: no earlier step has the id `frist` (give an earlier step this `id`)
    10:42: `-1s` is not a span of time, such as `500ms`, `30s` or `1m30s`
    11:11: `for` and `pulse` exclude each other (`off` is the length)
    11:28: a fault lasts longer than 0s
    11:36: `-1s` is not a span of time, such as `500ms`, `30s` or `1m30s`
    11:48: a pulse comes 2 to 100 times
    12:11: a `rolling-restart` lasts as long as it takes
    13:5: `role: each` means the component that a run is about (add `for-each: component` to the scenario)
    14:11: this `remove` is not undone, so it has no length
    15:13: this `redrive` is not undone, so it has no length
    16:11: this `swap` is not undone, so it has no length
    ");
    assert_snapshot!(mistakes_below_title("for-each: component\nmethod: [{fault: {kill: {role: app}}}]\n"), @"1:1: `for-each` is said, and no fault speaks of each (write `role: each` where the component of the run is meant)");
    assert_snapshot!(mistakes_below_title("for-each: replica\n"), @"3:11: no part of a target is called `replica` (known here: `component`)");
}

#[test]
fn a_marked_span_holds_the_wrong_words() {
    let text = "version: 1\ntitle: A test\nexpect:\n  default: ['recovry < 30s']\n";
    let diagnostics = decode("test.yaml", text).expect_err("a wrong file");
    let span = diagnostics.list[0].span;
    assert_eq!(&text[span.start..span.end], "recovry");
}

#[test]
fn the_smallest_file_has_the_usual_hypothesis() {
    let file = decode("folder/nothing.yaml", "version: 1\ntitle: A test\n").expect("valid");
    assert_eq!(file.scenario.name, "nothing");
    assert_eq!(file.scenario.hypothesis.probes[0].to_string(), "availability >= 99%");
    assert!(file.scenario.method.is_empty());
}

#[test]
fn library_files_are_valid_and_listed_under_their_own_name() {
    for name in library::names() {
        let text = library::text(name).expect("in the library");
        let file = decode(&library::file_name(name), text)
            .unwrap_or_else(|diagnostics| panic!("{diagnostics}"));
        assert_eq!(file.scenario.name, name);
        assert!(!file.scenario.claims.is_empty(), "{name} tests no claim");
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/library");
    let files = std::fs::read_dir(folder).expect("the folder of the library").count();
    assert_eq!(files, library::names().count(), "a file in library/ without its line");
}

proptest! {
    /// Whatever line of a library file is damaged, reading it ends in a value or in diagnostics.
    #[test]
    fn no_damage_is_too_strange(line in 0..40_usize, damage in "[ a-z:\\[\\]{}0-9@%<>=-]{0,20}") {
        let text = library::text("broker-down").expect("in the library");
        let mut lines: Vec<&str> = text.lines().collect();
        let line = line % lines.len();
        lines[line] = &damage;
        if let Err(diagnostics) = decode("test.yaml", &lines.join("\n")) {
            prop_assert!(!diagnostics.list.is_empty());
            for diagnostic in &diagnostics.list {
                let span = diagnostic.span;
                prop_assert!(diagnostics.text.get(span.start..span.end).is_some());
            }
        }
    }
}
