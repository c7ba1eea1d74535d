//! YAML as a tree with a place at every key and value. Built from the events of the parser rather
//! than through serde, which stops at the first duplicate key and turns scalars into numbers.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, StructureStyle};

use super::diagnostic::{Diagnostics, Place};

/// Collections may be nested this deep, aliases followed.
pub const DEPTH_LIMIT: usize = 64;
/// A file may have this many nodes, aliases followed.
pub const NODE_LIMIT: usize = 100_000;
/// A file may be this long, in bytes.
pub const LENGTH_LIMIT: usize = 1 << 20;

/// A value of the file and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it stands; a block begins at its first key or item.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text as written, whatever it looks like.
    Scalar {
        /// The text, escapes resolved.
        text: String,
        /// Whether it was quoted or a block, so that `"null"` is not nothing.
        quoted: bool,
    },
    /// Items in order.
    Sequence(Vec<Node>),
    /// Entries in order, keys unique, merge keys resolved.
    Mapping(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Whether nothing is written, or `~`, or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false }
            if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// Number of nodes in it, itself included.
    fn size(&self) -> usize {
        1 + self.children().map(Self::size).sum::<usize>()
    }

    fn depth(&self) -> usize {
        1 + self.children().map(Self::depth).max().unwrap_or(0)
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match &self.value {
            Value::Scalar { .. } => Box::new(std::iter::empty()),
            Value::Sequence(items) => Box::new(items.iter()),
            Value::Mapping(entries) => Box::new(entries.iter().map(|entry| &entry.value)),
        }
    }
}

/// Reads the one document of a file. Mistakes go into `diagnostics`, which holds the text; without
/// a tree nothing more can be said about the file.
pub fn parse(diagnostics: &mut Diagnostics) -> Option<Node> {
    let text = diagnostics.text.clone();
    if text.len() > LENGTH_LIMIT {
        diagnostics.add(Place::default(), format!("the file is longer than {LENGTH_LIMIT} bytes"));
        return None;
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = DEPTH_LIMIT;
    options.block_nesting_limit = DEPTH_LIMIT;
    let mut builder = Builder::new(diagnostics);
    for event in Parser::new_from_str_with_options(&text, options) {
        match event {
            Ok((event, span)) => builder.take(event, span)?,
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                let place = Place { start: at, end: at + 1 };
                builder.diagnostics.add(place, format!("not valid YAML: {}", error.info()));
                return None;
            }
        }
    }
    builder.root
}

/// A collection that is not yet closed.
struct Open {
    place: Place,
    anchor: usize,
    flow: bool,
    content: Content,
}

enum Content {
    Sequence(Vec<Node>),
    Mapping { entries: Vec<Entry>, keys: HashSet<String>, key: Option<Node>, merged: Vec<Node> },
}

struct Builder<'d> {
    diagnostics: &'d mut Diagnostics,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
}

impl<'d> Builder<'d> {
    fn new(diagnostics: &'d mut Diagnostics) -> Self {
        Self {
            diagnostics,
            open: Vec::new(),
            anchors: HashMap::new(),
            nodes: 0,
            documents: 0,
            root: None,
        }
    }

    /// Takes one event; none when the rest of the file is not worth reading.
    fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let place = place_of(span);
        if let Event::Scalar(_, _, _, Some(tag))
        | Event::SequenceStart(_, _, Some(tag))
        | Event::MappingStart(_, _, Some(tag)) = &event
        {
            self.diagnostics.add(place, format!("tags such as `{tag}` are not supported"));
        }
        match event {
            Event::DocumentStart(..) => self.begin_document(place),
            Event::Scalar(text, style, anchor, _) => self.scalar(text, style, anchor, place),
            Event::SequenceStart(style, anchor, _) => {
                self.begin(style, anchor, place, Content::Sequence(Vec::new()));
                Some(())
            }
            Event::MappingStart(style, anchor, _) => {
                let (entries, keys, merged) = (Vec::new(), HashSet::new(), Vec::new());
                let content = Content::Mapping { entries, keys, key: None, merged };
                self.begin(style, anchor, place, content);
                Some(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(place),
            Event::Alias(anchor) => self.alias(anchor, place),
            _ => Some(()),
        }
    }

    fn begin_document(&mut self, place: Place) -> Option<()> {
        self.documents += 1;
        if self.documents > 1 {
            self.diagnostics.add(place, "a second document begins here; one file holds one");
            return None;
        }
        Some(())
    }

    fn begin(&mut self, style: StructureStyle, anchor: usize, place: Place, content: Content) {
        self.open.push(Open { place, anchor, flow: style == StructureStyle::Flow, content });
    }

    fn scalar(
        &mut self,
        text: Cow<'_, str>,
        style: ScalarStyle,
        anchor: usize,
        place: Place,
    ) -> Option<()> {
        let quoted = style != ScalarStyle::Plain;
        let node = Node { place, value: Value::Scalar { text: text.into_owned(), quoted } };
        self.place_node(node, anchor, 1)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Option<()> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            self.diagnostics.add(place, "this alias refers to a value that is not yet complete");
            return None;
        };
        if self.open.len() + node.depth() > DEPTH_LIMIT {
            self.diagnostics.add(place, format!("nested deeper than {DEPTH_LIMIT} levels"));
            return None;
        }
        let size = node.size();
        self.place_node(Node { place, ..node }, 0, size)
    }

    fn end(&mut self, end: Place) -> Option<()> {
        let Open { place, anchor, flow, content } =
            self.open.pop().expect("the parser closes only what it opened");
        let value = match content {
            Content::Sequence(items) => Value::Sequence(items),
            Content::Mapping { entries, keys, merged, .. } => {
                Value::Mapping(self.merge(entries, keys, merged))
            }
        };
        let mut node = Node { place, value };
        let last = node.children().last().map(|child| child.place);
        node.place = if flow { place.to(end) } else { place.to(last.unwrap_or(place)) };
        self.place_node(node, anchor, 1)
    }

    /// Puts a finished node where it belongs.
    fn place_node(&mut self, node: Node, anchor: usize, size: usize) -> Option<()> {
        // What an anchor names is kept a second time.
        let kept = if anchor == 0 { 0 } else { node.size() };
        self.nodes += size + kept;
        if self.nodes > NODE_LIMIT {
            self.diagnostics.add(node.place, format!("the file has more than {NODE_LIMIT} values"));
            return None;
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::Sequence(items)) => items.push(node),
            Some(Content::Mapping { entries, keys, key, merged }) => match key.take() {
                None => *key = Some(node),
                Some(key) => insert(self.diagnostics, (entries, keys), merged, key, node),
            },
        }
        Some(())
    }

    /// Adds the entries of merged mappings, which never replace a key that is written out.
    fn merge(
        &mut self,
        mut entries: Vec<Entry>,
        mut keys: HashSet<String>,
        merged: Vec<Node>,
    ) -> Vec<Entry> {
        for node in merged {
            let Value::Mapping(more) = node.value else {
                self.diagnostics.add(node.place, "only a mapping can be merged with `<<`");
                continue;
            };
            for entry in more {
                if keys.insert(entry.key.clone()) {
                    entries.push(entry);
                }
            }
        }
        entries
    }
}

fn insert(
    diagnostics: &mut Diagnostics,
    (entries, keys): (&mut Vec<Entry>, &mut HashSet<String>),
    merged: &mut Vec<Node>,
    key: Node,
    value: Node,
) {
    let Value::Scalar { text, quoted } = key.value else {
        diagnostics.add(key.place, "a key must be a plain text");
        return;
    };
    if text == "<<" && !quoted {
        match value.value {
            Value::Sequence(items) => merged.extend(items),
            _ => merged.push(value),
        }
        return;
    }
    if !keys.insert(text.clone()) {
        let note = diagnostics.add(key.place, format!("`{text}` is written twice"));
        note.help = Some("keep one of the two".to_owned());
        return;
    }
    entries.push(Entry { key: text, key_place: key.place, value });
}

fn place_of(span: Span) -> Place {
    let range = span.byte_range().unwrap_or(0..0);
    Place { start: range.start, end: range.end }
}
