//! Reading a journal: version first, then line by line into the same fold that the engine looked at
//! while the run went on.

use serde::Deserialize;

use super::Moment;
use super::event::{Entry, Event, FORMAT, Format};
use super::lines::{RawLine, split};
use super::run_record::RunRecord;

/// Why a journal cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JournalReadError {
    /// Nothing was written before the harness died.
    #[error("the journal has no complete line: the run ended before anything was started")]
    Empty,
    /// The first line is something else.
    #[error("the journal does not begin with `started` ({reason}): it is no journal of a run")]
    NoStart {
        /// What is wrong with it.
        reason: String,
    },
    /// It was written by a harness that means something else by the same words.
    #[error(
        "the journal has format {found}, this version reads format {}; render it with the version \
         of chaos that wrote it", FORMAT.major
    )]
    OtherFormat {
        /// Major version of the journal's format.
        found: u32,
    },
    /// A line other than a torn last one is damaged.
    #[error("line {line} of the journal cannot be read ({reason}); it was changed or damaged")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Lines are missing, doubled or swapped.
    #[error("line {line} of the journal has number {found}, {expected} is due: lines are missing")]
    Sequence {
        /// Number of the line, from 1.
        line: usize,
        /// Its own number, from 0.
        found: u64,
        /// The number that follows the line before.
        expected: u64,
    },
}

/// A journal while it is read.
#[derive(Default)]
struct Reader {
    record: RunRecord,
    lines: u64,
}

/// Just enough of the first line to tell its format.
#[derive(Deserialize)]
struct FirstLine {
    event: FirstEvent,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FirstEvent {
    Started { format: Format },
}

/// A line whose event may be unknown.
#[derive(Deserialize)]
struct AnyLine {
    seq: u64,
    at: Moment,
    event: serde_json::Map<String, serde_json::Value>,
}

/// Reads a journal to its end, or to its torn last line: a record without an ending tells that its
/// writer died. Events of a later minor format that this version does not know are told as notes.
pub fn read(bytes: &[u8]) -> Result<RunRecord, JournalReadError> {
    let format = format(bytes)?;
    let mut reader = Reader::default();
    for line in split(bytes) {
        match serde_json::from_slice::<Entry>(line.bytes) {
            Ok(entry) => reader.take(&entry, line)?,
            // Only the last line can lack its end.
            Err(_) if !line.complete => break,
            Err(error) => reader.take_unknown(format, line, &error)?,
        }
    }
    if reader.lines == 0 { Err(JournalReadError::Empty) } else { Ok(reader.record) }
}

fn format(bytes: &[u8]) -> Result<Format, JournalReadError> {
    let first = split(bytes).next().ok_or(JournalReadError::Empty)?;
    let FirstLine { event: FirstEvent::Started { format } } =
        serde_json::from_slice(first.bytes).map_err(|error| match first.complete {
            true => JournalReadError::NoStart { reason: error.to_string() },
            false => JournalReadError::Empty,
        })?;
    if format.major == FORMAT.major {
        Ok(format)
    } else {
        Err(JournalReadError::OtherFormat { found: format.major })
    }
}

impl Reader {
    fn take(&mut self, entry: &Entry, line: RawLine<'_>) -> Result<(), JournalReadError> {
        self.count(entry.seq, line)?;
        if entry.seq > 0 && matches!(entry.event, Event::Started { .. }) {
            let reason = "the run starts a second time".to_owned();
            return Err(JournalReadError::Line { line: line.number, reason });
        }
        self.record.apply(entry);
        Ok(())
    }

    /// A later minor format may know events that this version does not: they are told, not hidden.
    fn take_unknown(
        &mut self,
        format: Format,
        line: RawLine<'_>,
        error: &serde_json::Error,
    ) -> Result<(), JournalReadError> {
        let damaged = || JournalReadError::Line { line: line.number, reason: error.to_string() };
        if format.minor <= FORMAT.minor {
            return Err(damaged());
        }
        let any: AnyLine = serde_json::from_slice(line.bytes).map_err(|_| damaged())?;
        self.count(any.seq, line)?;
        let name = any.event.keys().next().map_or("?", String::as_str);
        let text = format!("an event `{name}` of a later version of chaos was not understood");
        self.record.apply(&Entry { seq: any.seq, at: any.at, event: Event::Note { text } });
        Ok(())
    }

    fn count(&mut self, found: u64, line: RawLine<'_>) -> Result<(), JournalReadError> {
        if found != self.lines {
            let (line, expected) = (line.number, self.lines);
            return Err(JournalReadError::Sequence { line, found, expected });
        }
        self.lines += 1;
        Ok(())
    }
}
