//! The collecting decoder: walks the tree of a file, says what should stand where, and notes every
//! mistake on the way. A reader returns none for what it could not make, after noting why, so that
//! the next field is still read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::str::FromStr;

use super::diagnostic::{Diagnostics, Place, help_for_name};
use super::tree::{self, Entry, Node, Value};

/// Reads a file: `read` turns its tree into a value. All mistakes of the file are returned at once;
/// without any, the value and the places of everything in the file.
pub fn decode<T>(
    file: &str,
    text: &str,
    read: impl FnOnce(&Item<'_>) -> Option<T>,
) -> Result<(T, Positions), Diagnostics> {
    let mut diagnostics = Diagnostics::new(file, text);
    let Some(root) = tree::parse(&mut diagnostics) else {
        if diagnostics.list.is_empty() {
            diagnostics.add(Place::default(), "the file is empty");
        }
        return Err(diagnostics);
    };
    let notes = RefCell::new(diagnostics);
    let value = read(&Item { node: &root, place: root.place, path: String::new(), notes: &notes });
    let mut diagnostics = notes.into_inner();
    if value.is_none() && diagnostics.list.is_empty() {
        diagnostics.add(root.place, "the file could not be understood");
    }
    diagnostics.into_result(())?;
    let value = value.expect("a reader without a value has noted why");
    Ok((value, Positions::of(&root)))
}

/// Where everything in a file stands, by paths such as `method[0].fault.kill.role`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Positions {
    values: BTreeMap<String, Place>,
}

impl Positions {
    fn of(root: &Node) -> Self {
        let mut positions = Self::default();
        positions.walk(root, String::new());
        positions
    }

    fn walk(&mut self, node: &Node, path: String) {
        match &node.value {
            Value::Scalar { .. } => {}
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.walk(item, format!("{path}[{index}]"));
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    self.walk(&entry.value, joined(&path, &entry.key));
                }
            }
        }
        self.values.insert(path, node.place);
    }

    /// The place of a path, if it is written.
    pub fn exact(&self, path: &str) -> Option<Place> {
        self.values.get(path).copied()
    }

    /// The place of a path, or of the nearest thing around it that is written.
    pub fn place(&self, path: &str) -> Place {
        let mut path = path;
        loop {
            if let Some(place) = self.values.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']) {
                Some(cut) => path = &path[..cut],
                None => return self.values.get("").copied().unwrap_or_default(),
            }
        }
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A value of the file, while it is read.
#[derive(Debug, Clone)]
pub struct Item<'a> {
    node: &'a Node,
    place: Place,
    path: String,
    notes: &'a RefCell<Diagnostics>,
}

impl<'a> Item<'a> {
    /// The value itself.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Its path, such as `method[0].fault`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where it stands; for nothing written, its key.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Whether nothing is written, or `~`, or `null`.
    pub fn is_null(&self) -> bool {
        self.node.is_null()
    }

    /// Notes a mistake in this value; always none, so that a reader can end with it.
    pub fn wrong<T>(&self, message: impl Into<String>, help: Option<String>) -> Option<T> {
        self.note(message, help);
        None
    }

    /// The same for a reader that goes on.
    pub fn note(&self, message: impl Into<String>, help: Option<String>) {
        self.notes.borrow_mut().add(self.place, message).help = help;
    }

    /// Notes a mistake in a part of this text, given in bytes of the text.
    pub fn wrong_within<T>(
        &self,
        part: Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Option<T> {
        let place = self.part(part).unwrap_or(self.place);
        self.notes.borrow_mut().add(place, message).help = help;
        None
    }

    /// The place of a part of a text, if the text stands in the file as it is, without escapes.
    fn part(&self, part: Range<usize>) -> Option<Place> {
        let Value::Scalar { text, .. } = &self.node.value else { return None };
        let notes = self.notes.borrow();
        let written = notes.text.get(self.place.start..self.place.end)?;
        let start = self.place.start + written.find(text.as_str())?;
        Some(Place { start: start + part.start, end: start + part.end.max(part.start + 1) })
    }

    /// Says that something else was expected here.
    fn not<T>(&self, expected: &str) -> Option<T> {
        self.wrong(format!("expected {expected}, found {}", described(self.node)), None)
    }

    fn child(&self, node: &'a Node, key_place: Place, path: String) -> Self {
        let empty = node.place.start == node.place.end;
        let place = if empty { key_place } else { node.place };
        Self { node, place, path, notes: self.notes }
    }

    /// A text, as written.
    pub fn text(&self) -> Option<String> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.is_null() => Some(text.clone()),
            _ => self.not("a text"),
        }
    }

    /// Anything that is read from text; `expected` says what it is, such as `a whole number`.
    pub fn parse<T: FromStr>(&self, expected: &str) -> Option<T> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.is_null() => text
                .parse()
                .ok()
                .or_else(|| self.wrong(format!("`{text}` is not {expected}"), None)),
            _ => self.not(expected),
        }
    }

    /// `true` or `false`, unquoted.
    pub fn boolean(&self) -> Option<bool> {
        match &self.node.value {
            Value::Scalar { text, quoted: false } if text == "true" => Some(true),
            Value::Scalar { text, quoted: false } if text == "false" => Some(false),
            _ => self.not("`true` or `false`"),
        }
    }

    /// One of a closed list of names; `noun` says of what, such as `role`.
    pub fn one_of<T: Clone>(&self, noun: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
            return Some(value.clone());
        }
        let known = choices.iter().map(|(name, _)| *name);
        self.wrong(format!("no {noun} is called `{text}`"), help_for_name(&text, known))
    }

    /// The items of a sequence.
    pub fn items(&self) -> Option<Vec<Self>> {
        let Value::Sequence(nodes) = &self.node.value else { return self.not("a list") };
        let item = |(index, node)| self.child(node, self.place, format!("{}[{index}]", self.path));
        Some(nodes.iter().enumerate().map(item).collect())
    }

    /// A sequence whose items are all read alike. All of them are looked at, even after a mistake.
    pub fn list<T>(&self, read: impl FnMut(&Self) -> Option<T>) -> Option<Vec<T>> {
        let read: Vec<Option<T>> = self.items()?.iter().map(read).collect();
        read.into_iter().collect()
    }

    /// The entries of a mapping with free keys, in the order of the file.
    pub fn entries(&self) -> Option<Vec<(Key<'a>, Self)>> {
        let Value::Mapping(entries) = &self.node.value else { return self.not("a mapping") };
        Some(entries.iter().map(|entry| (self.key(entry), self.entry(entry))).collect())
    }

    /// A mapping with free keys whose values are all read alike.
    pub fn map<T>(
        &self,
        mut read: impl FnMut(&Key<'a>, &Self) -> Option<T>,
    ) -> Option<BTreeMap<String, T>> {
        let entries = self.entries()?;
        let read: Vec<Option<(String, T)>> = entries
            .iter()
            .map(|(key, value)| Some((key.text.to_owned(), read(key, value)?)))
            .collect();
        read.into_iter().collect()
    }

    /// A mapping with known keys.
    pub fn fields(&self) -> Option<Fields<'a>> {
        match &self.node.value {
            Value::Mapping(entries) => {
                Some(Fields { item: self.clone(), entries, known: Vec::new() })
            }
            _ => self.not("a mapping"),
        }
    }

    /// A mapping of one key that names the kind of its value, such as `kill: {role: broker}`.
    pub fn tagged(&self, noun: &str) -> Option<(Key<'a>, Self)> {
        let mut entries = self.entries()?;
        if entries.len() == 1 {
            return entries.pop();
        }
        self.wrong(format!("expected one {noun} here, found {}", entries.len()), None)
    }

    fn key(&self, entry: &'a Entry) -> Key<'a> {
        Key { text: &entry.key, place: entry.key_place, notes: self.notes }
    }

    fn entry(&self, entry: &'a Entry) -> Self {
        self.child(&entry.value, entry.key_place, joined(&self.path, &entry.key))
    }
}

fn described(node: &Node) -> String {
    match &node.value {
        _ if node.is_null() => "nothing".to_owned(),
        Value::Scalar { text, .. } => {
            let mut shown: String = text.chars().take(40).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            let mut described = String::new();
            write!(described, "`{}`", shown.escape_debug()).expect("writing to a text");
            described
        }
        Value::Sequence(_) => "a list".to_owned(),
        Value::Mapping(_) => "a mapping".to_owned(),
    }
}

/// A key of a mapping, while it is read.
#[derive(Debug, Clone)]
pub struct Key<'a> {
    /// The key.
    pub text: &'a str,
    /// Where it stands.
    pub place: Place,
    notes: &'a RefCell<Diagnostics>,
}

impl Key<'_> {
    /// Notes a mistake in this key; always none.
    pub fn wrong<T>(&self, message: impl Into<String>, help: Option<String>) -> Option<T> {
        self.note(message, help);
        None
    }

    /// The same for a reader that goes on.
    pub fn note(&self, message: impl Into<String>, help: Option<String>) {
        self.notes.borrow_mut().add(self.place, message).help = help;
    }

    /// Notes that the key is none of the known ones; `noun` says of what, such as `fault`.
    pub fn unknown<'k, T>(
        &self,
        noun: &str,
        known: impl IntoIterator<Item = &'k str> + Clone,
    ) -> Option<T> {
        let help = help_for_name(self.text, known);
        self.wrong(format!("no {noun} is called `{}`", self.text), help)
    }
}

/// The entries of a mapping with known keys. Ask for each, then [`finish`](Self::finish).
#[derive(Debug)]
#[must_use = "call `finish`, or unknown keys stay unnoticed"]
pub struct Fields<'a> {
    item: Item<'a>,
    entries: &'a [Entry],
    known: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// Leaves keys that begin with `x-` alone, as Compose files allow them anywhere.
    pub fn allow_extensions(&mut self) {
        let keys = self.entries.iter().map(|entry| entry.key.as_str());
        self.known.extend(keys.filter(|key| key.starts_with("x-")));
    }

    /// The value of a key that may be left out.
    pub fn optional(&mut self, key: &'static str) -> Option<Item<'a>> {
        self.known.push(key);
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.item.entry(entry))
    }

    /// The value of a key that must be there; its absence is noted.
    pub fn required(&mut self, key: &'static str) -> Option<Item<'a>> {
        let found = self.optional(key);
        if found.is_none() {
            self.item.note(format!("`{key}` is missing here"), None);
        }
        found
    }

    /// A list that may be left out, which is the same as an empty one.
    pub fn list<T>(
        &mut self,
        key: &'static str,
        read: impl FnMut(&Item<'a>) -> Option<T>,
    ) -> Vec<T> {
        self.optional(key).and_then(|item| item.list(read)).unwrap_or_default()
    }

    /// The mapping itself, for mistakes that concern several of its keys.
    pub fn item(&self) -> &Item<'a> {
        &self.item
    }

    /// Notes every key that was not asked for.
    pub fn finish(self) {
        self.finish_with(|_| None);
    }

    /// The same, with words of its own for some keys: why the key is not supported.
    pub fn finish_with(self, refused: impl Fn(&str) -> Option<String>) {
        for entry in self.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str())) {
            let key = self.item.key(entry);
            if let Some(message) = refused(key.text) {
                key.note(message, None);
                continue;
            }
            let help = help_for_name(key.text, self.known.iter().copied());
            key.note(format!("the key `{}` is not known here", key.text), help);
        }
    }
}
