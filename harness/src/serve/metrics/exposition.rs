//! A strict reader of Prometheus' text format, for the tests: what it does not understand to the
//! last character, it refuses.

use std::collections::{BTreeMap, BTreeSet};

/// One sample.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// Every sample of a scrape, each with help, type and labels of its own.
pub(super) fn read(text: &str) -> Vec<Sample> {
    assert!(text.ends_with('\n'), "the last line is not complete");
    let (mut helped, mut typed, mut seen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut samples = Vec::new();
    for line in text.strip_suffix('\n').expect("looked at above").split('\n') {
        let family = |rest: &str| rest.split(' ').next().expect("a name").to_owned();
        if let Some(rest) = line.strip_prefix("# HELP ") {
            assert!(helped.insert(family(rest)), "helped twice: {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            assert!(typed.insert(family(rest)), "typed twice: {line}");
        } else {
            let sample = sample(line).unwrap_or_else(|| panic!("no sample: {line}"));
            let suffixes = ["", "_bucket", "_sum", "_count"];
            let known = |families: &BTreeSet<String>| {
                suffixes
                    .iter()
                    .filter_map(|it| sample.name.strip_suffix(it))
                    .any(|it| families.contains(it))
            };
            assert!(known(&helped) && known(&typed), "neither help nor type: {line}");
            assert!(seen.insert((sample.name.clone(), sample.labels.clone())), "twice: {line}");
            samples.push(sample);
        }
    }
    samples
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = unquoted(after)?;
            if !is_name(label) || labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            let next = after.chars().next()?;
            rest = &after[1..];
            if next == '}' {
                break;
            }
            (next == ',').then_some(())?;
        }
    }
    let value = rest.strip_prefix(' ')?.parse().ok()?;
    is_name(name).then(|| Sample { name: name.to_owned(), labels, value })
}

/// A value up to its closing quote, and what follows that.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(match characters.next()?.1 {
                'n' => '\n',
                same @ ('\\' | '"') => same,
                _ => return None,
            }),
            other => value.push(other),
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(plain)
}
