//! Files that are no scenario and no target, as `plan` and `validate` meet them: each is refused with
//! its place and the reason, all of them at once, within a bounded time.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use crate::{Told, chaos_in, refused};

/// Whatever a file holds, it is refused within this time, also by a build that is not optimised.
const LIMIT: Duration = Duration::from_secs(20);

/// What `validate` and `plan` tell of a file with this content; both tell the same.
fn told_of(name: &str, content: &[u8]) -> Told {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(name), content).expect("a file");
    let begun = Instant::now();
    let told = chaos_in(folder.path(), &["validate", name]);
    let planned = chaos_in(folder.path(), &["plan", name, "--target", "monolith"]);
    assert!(begun.elapsed() < 2 * LIMIT, "{:?}", begun.elapsed());
    assert_eq!(planned.errors, told.errors);
    told
}

/// Aliases of aliases: ten lines that mean a hundred million values.
fn bomb() -> String {
    let mut text = "version: 1\ntitle: Boom\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").expect("writing to a text");
    }
    text
}

#[test]
fn what_is_no_scenario_is_told_with_its_place() {
    let deep = |open: &str| format!("version: 1\ntitle: Deep\nmethod: {}", open.repeat(10_000));
    let keys = (0..40_000).fold(String::new(), |text, key| format!("{text}key{key}: 1\n"));
    let steps = "  - fault: {kill: {role: app}}\n".repeat(14_000);
    for (content, needles) in [
        (String::new(), ["x.yaml:1:1", "the file is empty"]),
        ("# nothing\n".to_owned(), ["x.yaml:1:1", "the file is empty"]),
        ("just words".to_owned(), ["x.yaml:1:1", "expected a mapping, found `just words`"]),
        ("a: [1\n".to_owned(), ["x.yaml:", "not valid YAML"]),
        ("a: b: c\n".to_owned(), ["x.yaml:1:", "not valid YAML"]),
        ("\0\u{1}\u{2}".to_owned(), ["x.yaml:1:1", "not valid YAML"]),
        (deep("["), ["x.yaml:3:", "recursion limit exceeded"]),
        (deep("{a: "), ["x.yaml:3:", "recursion limit exceeded"]),
        (deep("- "), ["x.yaml:3:", "not valid YAML"]),
        (bomb(), ["x.yaml:", "more than 100000 values"]),
        ("version: 1\n".repeat(2) + "title: T\n", ["x.yaml:2:1", "`version` is written twice"]),
        ("version: 1\ntitle: T\n---\nversion: 1\n".to_owned(), ["x.yaml:3:1", "a second document"]),
        ("x".repeat(2 << 20), ["x.yaml:1:1", "the file is longer than 1048576 bytes"]),
        (keys, ["x.yaml:1:1", "there are more mistakes; these are 200 of them"]),
        (
            format!("version: 1\ntitle: T\nmethod:\n{steps}"),
            ["x.yaml:1004:5", "a method has at most 1000 steps"],
        ),
        (
            format!("version: 1\ntitle: T\n{}: 1\n", "k".repeat(500_000)),
            ["x.yaml:3:1", "not valid YAML"],
        ),
    ] {
        let begins: String = content.chars().take(30).collect();
        let told = told_of("x.yaml", content.as_bytes());
        assert!(told.errors.len() < 1 << 20, "{begins:?} gives {} bytes", told.errors.len());
        let shown: String = told.errors.chars().take(2000).collect();
        assert_eq!(told.code, 2, "{begins:?}: {shown}");
        for needle in needles {
            assert!(told.errors.contains(needle), "{begins:?} does not tell `{needle}`:\n{shown}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_are_told_with_their_place() {
    let told = told_of("x.yaml", b"version: 1\ntitle: na\xefve\n");
    refused(&told, 2, &["x.yaml:2:10", "this is not UTF-8", "save the file as UTF-8"]);
    let told = told_of("x.yaml", b"\xff\xfev\0e\0r\0");
    refused(&told, 2, &["x.yaml:1:1", "this is not UTF-8"]);
}

#[test]
fn what_is_no_file_is_told_and_never_read() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("dir.yaml")).expect("a folder");
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.yaml")).expect("a link");
    std::os::unix::fs::symlink("loop.yaml", folder.path().join("loop.yaml")).expect("a link");
    let pipe = std::process::Command::new("mkfifo").arg(folder.path().join("pipe.yaml")).status();
    assert!(pipe.expect("there is mkfifo").success());
    let names = ["dir.yaml", "zero.yaml", "loop.yaml", "pipe.yaml", "none.yaml"];
    let needles = [
        "dir.yaml cannot be read: it is a folder",
        "zero.yaml cannot be read: it is no plain file",
        "loop.yaml cannot be read: Too many levels",
        "pipe.yaml cannot be read: it is no plain file",
        "none.yaml cannot be read: No such file",
        "5 mistakes",
    ];
    for command in ["validate", "plan"] {
        let told = chaos_in(folder.path(), &[&[command], &names[..]].concat());
        refused(&told, 2, &needles);
    }
}

#[test]
fn mistakes_of_scenarios_and_targets_are_told_together() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("a.yaml"), "version: 1\n").expect("a file");
    fs::write(folder.path().join("b.yaml"), "version: 2\ntitle: B\n").expect("a file");
    fs::write(folder.path().join("shop.yaml"), "services: {web: {imag: x}}\n").expect("a file");
    let told = chaos_in(folder.path(), &["plan", "a.yaml", "b.yaml", "--target", "shop.yaml"]);
    refused(&told, 2, &["a.yaml:1:1", "b.yaml:1:10", "shop.yaml:1:17", "`x-chaos` is missing"]);
}
