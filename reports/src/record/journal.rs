//! Reading a journal: version first, then line by line into the same fold that the engine looked at
//! while the run went on.

use serde::Deserialize;

use super::Moment;
use super::event::{Entry, Event, FORMAT, Format};
use super::lines::{RawLine, split};
use super::plausible;
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
    let FirstLine { event: FirstEvent::Started { format } } = serde_json::from_slice(first.bytes)
        .map_err(|error| {
        let reason = error.to_string();
        if first.complete { JournalReadError::NoStart { reason } } else { JournalReadError::Empty }
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
        let damaged = |reason| JournalReadError::Line { line: line.number, reason };
        plausible::check(entry).map_err(damaged)?;
        if entry.at < self.record.last {
            return Err(damaged(format!(
                "it is of {}, the line before of {}",
                entry.at, self.record.last
            )));
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
        let later = FORMAT.minor.checked_add(1).is_some_and(|next| format.minor >= next);
        if !later {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabricated::{Fabricated, S, TEST};
    use crate::record::event::Phase;

    /// Written by the first version of the format; it must be readable for ever.
    const FIRST: &[u8] = include_bytes!("../../tests/compat/journal-1.0.jsonl");

    fn text(run: &Fabricated) -> String {
        let line = |entry: Entry| serde_json::to_string(&entry).expect("plain data") + "\n";
        run.entries().into_iter().map(line).collect()
    }

    fn small() -> Fabricated {
        Fabricated::run().rate(10).load_end(25 * S)
    }

    #[test]
    fn what_was_written_is_read_back() {
        let run = small().outage(TEST..TEST + S);
        assert_eq!(read(text(&run).as_bytes()), Ok(run.record()));
    }

    #[test]
    fn a_journal_of_the_first_format_is_read_as_it_was_meant() {
        let record = read(FIRST).expect("the first format is known");
        let plan = record.plan().expect("a plan");
        assert_eq!((plan.scenario.as_str(), plan.timeline.len()), ("app-down", 1));
        assert_eq!(record.phases.len(), 10);
        assert_eq!(record.phase(Phase::Test).map(|span| span.start), Some(Moment(TEST)));
        assert_eq!(record.windows["order"].iter().map(|window| window.due).sum::<u32>(), 230);
        assert_eq!(record.windows["order"].iter().map(|window| window.good).sum::<u32>(), 220);
        assert_eq!(record.faults[&1].felt, Some(Moment(TEST)));
        assert_eq!(record.generator.due, 230);
        assert_eq!(record.audited.len(), 1);
        assert!(record.dismantled);
        assert_eq!(record.ending, Some(crate::record::event::Ending::Complete));
    }

    #[test]
    fn a_torn_last_line_is_an_end_wherever_it_is_torn() {
        let text = text(&small());
        let whole = text.trim_end().len();
        for cut in (0..whole).step_by(97) {
            match read(&text.as_bytes()[..cut]) {
                Ok(record) => assert_eq!(record.ending, None, "cut at {cut}"),
                Err(error) => assert_eq!(error, JournalReadError::Empty, "cut at {cut}"),
            }
        }
        let ended = read(&text.as_bytes()[..whole]).expect("only the line end is missing");
        assert!(ended.ending.is_some());
    }

    #[test]
    fn any_other_damage_is_told_with_its_line() {
        let text = text(&small());
        let lines: Vec<&str> = text.lines().collect();
        let with = |index: usize, line: &str| {
            let mut lines = lines.clone();
            lines[index] = line;
            read((lines.join("\n") + "\n").as_bytes()).expect_err("it is damaged").to_string()
        };
        assert!(
            with(3, "{").starts_with("line 4 of the journal cannot be read"),
            "{}",
            with(3, "{")
        );
        assert_eq!(
            with(3, lines[4]),
            "line 4 of the journal has number 4, 3 is due: lines are missing"
        );
        let last = lines.len() - 1;
        assert!(with(last, "null").contains("cannot be read"), "a whole line is never torn");
        let again = lines[0].replacen(":0", ":3", 1);
        assert!(with(3, &again).contains("a second time"), "{}", with(3, &again));
        assert!(read(b"{}\n").expect_err("no journal").to_string().contains("does not begin"));
    }

    #[test]
    fn other_major_formats_are_refused_and_later_minor_ones_read() {
        let text = text(&small());
        let format = r#"{"major":1,"minor":1}"#;
        assert!(text.contains(format));
        let other = text.replacen(format, r#"{"major":2,"minor":1}"#, 1);
        let error = read(other.as_bytes()).expect_err("another format");
        assert_eq!(error, JournalReadError::OtherFormat { found: 2 });
        assert!(error.to_string().contains("with the version of chaos that wrote it"), "{error}");
        let unknown = |text: &str| {
            let count = text.lines().count();
            format!("{text}{{\"seq\":{count},\"at\":7,\"event\":{{\"eclipse\":{{}}}}}}\n")
        };
        let error = read(unknown(&text).as_bytes()).expect_err("this format has no such event");
        assert!(matches!(error, JournalReadError::Line { .. }), "{error}");
        let later = text.replacen(format, r#"{"major":1,"minor":9}"#, 1);
        let record = read(unknown(&later).as_bytes()).expect("a later minor format");
        assert!(record.notes[0].1.contains("`eclipse` of a later version"), "{:?}", record.notes);
    }
}
