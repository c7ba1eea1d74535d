//! What is wrong in a file, as data: where, what, and what would have been right. The harness draws
//! it with the lines of the file; here it is only text and numbers, so that tests can compare it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Mistakes of one file that are told: nobody reads more, and each is looked up in the text.
pub const MISTAKES_LIMIT: usize = 200;

/// A message is told up to so many characters, whatever it quotes.
const LONGEST_MESSAGE: usize = 300;

/// A stretch of a file in bytes, from `start` up to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Place {
    /// The stretch that begins where `self` begins and ends where `other` ends.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start, end: other.end.max(self.start) }
    }
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Name of the file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The bytes that are wrong; never more than one line.
    pub span: Place,
    /// What is wrong, in one lowercase sentence.
    pub message: String,
    /// A few words that stand under the marked bytes.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    /// `file:line:column: message (help)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.help {
            Some(help) => write!(formatter, " ({help})"),
            None => Ok(()),
        }
    }
}

/// Every mistake of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Diagnostics {
    /// Name of the file.
    pub file: String,
    /// Its text, so that the mistakes can be shown in place.
    pub text: String,
    /// The mistakes, in the order of the file.
    pub list: Vec<Diagnostic>,
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.list.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

impl Diagnostics {
    /// No mistakes yet in the file of this name and text.
    pub fn new(file: &str, text: &str) -> Self {
        Self { file: file.to_owned(), text: text.to_owned(), list: Vec::new() }
    }

    /// Notes a mistake at a place. A place of several lines is cut at the end of its first, and one
    /// outside of the text is moved to its end. Returns the note, for a label or a help. Those
    /// beyond [`MISTAKES_LIMIT`] overwrite each other, and in the end only their being is told.
    pub fn add(&mut self, place: Place, message: impl Into<String>) -> &mut Diagnostic {
        if self.list.len() > MISTAKES_LIMIT {
            return self.list.last_mut().expect("it is longer than its limit");
        }
        let span = on_one_line(&self.text, place);
        let before = &self.text[..span.start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.list.push(Diagnostic {
            file: self.file.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span,
            message: shortened(message.into()),
            label: None,
            help: None,
        });
        self.list.last_mut().expect("one was just added")
    }

    /// The value, if there is no mistake; otherwise the mistakes in the order of the file.
    pub fn into_result<T>(mut self, value: T) -> Result<T, Self> {
        if self.list.is_empty() {
            return Ok(value);
        }
        if let Some(beyond) = self.list.get_mut(MISTAKES_LIMIT) {
            beyond.message = format!("there are more mistakes; these are {MISTAKES_LIMIT} of them");
            (beyond.label, beyond.help) = (None, None);
        }
        self.list.sort_by_key(|diagnostic| diagnostic.span.start);
        Err(self)
    }
}

fn shortened(message: String) -> String {
    match message.char_indices().nth(LONGEST_MESSAGE) {
        Some((cut, _)) => format!("{}…", &message[..cut]),
        None => message,
    }
}

fn on_one_line(text: &str, place: Place) -> Place {
    let start = floor_boundary(text, place.start);
    let end = floor_boundary(text, place.end).max(start);
    let marked = &text[start..end];
    let cut = marked.find('\n').unwrap_or(marked.len());
    Place { start, end: start + marked[..cut].trim_end().len() }
}

/// The last character boundary at or before `index`.
fn floor_boundary(text: &str, index: usize) -> usize {
    let index = index.min(text.len());
    (0..=index).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// The known name that a wrong one was probably meant to be.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Jaro-Winkler similarity (0 to 1) from which two names look like the same one.
    const ALIKE: f64 = 0.8;
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| name)
}

/// The help for a name that is not among the known ones: the probable one, or all of them.
pub fn help_for_name<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(name) = did_you_mean(wrong, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let all: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    match all.len() {
        0 => None,
        1 => Some(format!("known here: {}", all[0])),
        _ => Some(format!("known here are {}", all.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_becomes_line_and_column_in_characters() {
        let mut diagnostics = Diagnostics::new("x.yaml", "ä: 1\nöö: wrong\n");
        let start = diagnostics.text.find("wrong").expect("in the text");
        diagnostics.add(Place { start, end: start + 5 }, "no number").help = Some("try 1".into());
        assert_eq!(diagnostics.to_string(), "x.yaml:2:5: no number (try 1)");
    }

    #[test]
    fn places_outside_or_across_lines_are_brought_into_one_line() {
        let mut diagnostics = Diagnostics::new("x.yaml", "a  \nb\n");
        assert_eq!(
            diagnostics.add(Place { start: 0, end: 5 }, "m").span,
            Place { start: 0, end: 1 }
        );
        assert_eq!(diagnostics.add(Place { start: 90, end: 99 }, "m").line, 3);
    }

    #[test]
    fn a_near_name_is_offered_and_a_far_one_is_not() {
        assert_eq!(did_you_mean("brokr", ["broker", "proxy"]), Some("broker"));
        assert_eq!(did_you_mean("zebra", ["broker", "proxy"]), None);
    }
}
