//! Files as text in, trees and mistakes as text out.

use std::fmt::Write as _;

use insta::assert_snapshot;
use proptest::prelude::*;

use super::diagnostic::MISTAKES_LIMIT;
use super::tree::{Node, Value};
use super::{Diagnostics, decode, tree};

/// The tree in one line; quoted texts in quotes.
fn shown(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, quoted: true } => format!("{text:?}"),
        Value::Scalar { text, .. } => text.clone(),
        Value::Sequence(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Value::Mapping(entries) => {
            let entry = |entry: &tree::Entry| format!("{}: {}", entry.key, shown(&entry.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// The tree of a file, or what is wrong with it.
fn parsed(text: &str) -> String {
    let mut diagnostics = Diagnostics::new("x.yaml", text);
    let tree = tree::parse(&mut diagnostics);
    match diagnostics.into_result(tree) {
        Ok(tree) => tree.as_ref().map_or("nothing".to_owned(), shown),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

/// A small file of one mapping: `name` (text), `times` (number, optional), `kinds` (list).
fn greeting(text: &str) -> String {
    let decoded = decode("x.yaml", text, |root| {
        let mut fields = root.fields()?;
        let name = fields.required("name").and_then(|item| item.text());
        let times = fields.optional("times").and_then(|item| item.parse::<u32>("a whole number"));
        let kinds = fields.list("kinds", |item| {
            item.one_of("kind", &[("warm", 1), ("cold", 2), ("luke-warm", 3)])
        });
        fields.finish();
        Some((name?, times, kinds))
    });
    match decoded {
        Ok((value, _)) => format!("{value:?}"),
        Err(diagnostics) => diagnostics.to_string(),
    }
}

#[test]
fn scalars_stay_as_they_are_written() {
    assert_snapshot!(
        parsed("a: no\nb: 010\nc: 1_000\nd: \"null\"\ne: ~\nf: 1.50\ng: 'it''s'\nh: 30s # why\n"),
        @r#"{a: no, b: 010, c: 1_000, d: "null", e: ~, f: 1.50, g: "it's", h: 30s}"#
    );
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    assert_snapshot!(
        parsed("base: &b {x: 1, y: 2}\nmore:\n  <<: *b\n  y: 3\nlist: [*b, &c 7, *c]\n"),
        @"{base: {x: 1, y: 2}, more: {y: 3, x: 1}, list: [{x: 1, y: 2}, 7, 7]}"
    );
}

#[test]
fn what_is_no_tree_is_said_with_its_place() {
    assert_snapshot!(parsed("a: [1, 2\nb: 3\n"), @"x.yaml:2:2: not valid YAML: illegal placement of ':' indicator");
    assert_snapshot!(parsed("a: 1\nb: 2\na: 3\n"), @"x.yaml:3:1: `a` is written twice (keep one of the two)");
    assert_snapshot!(parsed("a: 1\n---\nb: 2\n"), @"x.yaml:2:1: a second document begins here; one file holds one");
    assert_snapshot!(parsed("a: !secret 1\n"), @"x.yaml:1:12: tags such as `!secret` are not supported");
    assert_snapshot!(parsed("a: *nowhere\n"), @"x.yaml:1:4: not valid YAML: while parsing node, found unknown anchor");
    assert_snapshot!(parsed("? [a]\n: 1\n"), @"x.yaml:1:3: a key must be a plain text");
    assert_snapshot!(parsed(&"[".repeat(200)), @"x.yaml:1:65: not valid YAML: recursion limit exceeded");
}

#[test]
fn aliases_cannot_blow_up_a_file() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}", level - 1);
        let items = [below.as_str(); 8].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").expect("writing to a text");
    }
    assert!(parsed(&text).contains("more than 100000 values"), "{}", parsed(&text));
}

/// Each of these once took minutes, or more memory than any machine has.
#[test]
fn no_file_needs_more_than_its_length_deserves() {
    let many = |item: &str| item.repeat(60_000);
    let keys = (0..49_000).map(|n| format!("k{n}: 1\n")).collect::<Vec<_>>().concat();
    assert!(parsed(&keys).starts_with("{k0: 1"));
    let extensions = keys.replace('k', "x-");
    let read = decode("x.yaml", &extensions, |root| {
        let mut fields = root.fields()?;
        fields.allow_extensions();
        fields.finish();
        Some(())
    });
    assert_eq!(read.map(|_| ()), Ok(()));
    let long_key = format!("? {}\n: [{}1]\n", "k".repeat(500_000), many("1, "));
    let read = decode("x.yaml", &long_key, |root| {
        let (_, list) = root.tagged("key")?;
        list.list(|item| item.parse::<u8>("a number"))
    });
    assert_eq!(read.expect("valid").0.len(), 60_001);
    let anchors = (0..60).map(|level| format!("&a{level} [")).collect::<Vec<_>>().concat();
    let anchors = format!("{anchors}{}1{}\n", many("1, "), "]".repeat(60));
    assert!(parsed(&anchors).contains("more than 100000 values"));
}

#[test]
fn of_very_many_mistakes_the_first_are_told() {
    let told = greeting(&format!("name: a\nkinds: [{}]\n", "cool, ".repeat(60_000)));
    assert_eq!(told.lines().count(), MISTAKES_LIMIT + 1);
    assert!(told.ends_with("there are more mistakes; these are 200 of them"), "{told}");
}

#[test]
fn a_file_is_decoded() {
    assert_snapshot!(greeting("name: world\nkinds: [warm, cold]\n"), @r#"("world", None, [1, 2])"#);
}

#[test]
fn every_mistake_is_found_at_once() {
    assert_snapshot!(greeting("nam: world\ntimes: often\nkinds:\n  - luke-wram\n  - [cold]\n"), @r"
    x.yaml:1:1: `name` is missing here
    x.yaml:1:1: the key `nam` is not known here (did you mean `name`?)
    x.yaml:2:8: `often` is not a whole number
    x.yaml:4:5: no kind is called `luke-wram` (did you mean `luke-warm`?)
    x.yaml:5:5: expected a text, found a list
    ");
    assert_snapshot!(greeting("name:\nkinds: warm\n"), @r"
    x.yaml:1:1: expected a text, found nothing
    x.yaml:2:8: expected a list, found `warm`
    ");
    assert_snapshot!(greeting("- name\n"), @"x.yaml:1:1: expected a mapping, found a list");
    assert_snapshot!(greeting(""), @"x.yaml:1:1: the file is empty");
}

#[test]
fn positions_lead_to_the_nearest_thing_written() {
    let text = "method:\n  - fault: {kill: {role: broker}}\n";
    let ((), positions) = decode("x.yaml", text, |_| Some(())).expect("valid");
    let at = |path: &str| {
        let place = positions.place(path);
        &text[place.start..place.end]
    };
    assert_eq!(at("method[0].fault.kill.role"), "broker");
    let dotted = "a.b: 1\na: {b: 2}\n";
    let ((), positions) = decode("x.yaml", dotted, |_| Some(())).expect("valid");
    assert_eq!(positions.place("a.b").start, 5, "the longest key that fits");
    assert_eq!(positions.place("a.c").start, 10);
    assert_eq!(at("method[0].fault.kill"), "{role: broker}");
    assert_eq!(at("method[0].fault.kill.signal"), "{role: broker}");
    assert_eq!(at("method[0].for"), "fault: {kill: {role: broker}}");
    assert_eq!(at("expect.broker[3]"), text.trim_end());
}

#[test]
fn what_a_message_quotes_is_cut() {
    let long = greeting(&format!("name: world\ntimes: {}\n", "9".repeat(1 << 19)));
    assert!(long.starts_with("x.yaml:2:8: `999") && long.len() < 400, "{long}");
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "\\PC*|[a-c:\\[\\]{}&*<!|>'\"\\-, \n#?]{0,60}") {
        let _ = greeting(&text);
    }
}
