//! The compressed files of a run's folder: lines of JSON in independent zstd frames. A frame covers
//! at most [`FRAME_AGE`], so whatever kills this process or the machine costs that much and leaves
//! a torn tail, which a reader takes for the end.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chaos_reports::record::final_state::SourcedRow;
use chaos_reports::record::order::{OrderRecord, PolledOrder};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zstd::stream::{Decoder, Encoder};

/// The ledger of orders within the folder of a run.
pub const ORDERS: &str = "orders.jsonl.zst";
/// What clients were told of their orders later, within the folder of a run.
pub const POLLS: &str = "polls.jsonl.zst";
/// The final state within the folder of a run.
pub const FINAL_STATE: &str = "final-state.jsonl.zst";

/// A line waits at most this long before it is written.
pub const FRAME_AGE: Duration = Duration::from_secs(1);
/// A frame is also closed once its lines hold this many bytes.
const FRAME_BYTES: usize = 256 * 1024;
/// Longest line that is read, so that a damaged file cannot eat the memory.
const LINE_BYTES: u64 = 1024 * 1024;
/// Compression level: zstd's own default, about 300 MB/s on one core.
const LEVEL: i32 = 3;

/// A file of a run's folder cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It cannot be made or written.
    #[error("{path} cannot be written ({cause}); free space or choose another folder with --out", path = .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// It cannot be opened or is damaged.
    #[error("{path} cannot be read: {cause}", path = .path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system or the decompressor said.
        cause: std::io::Error,
    },
    /// A line is not what the file should hold.
    #[error("{path}, line {line} is not what stands in such a file: {cause}", path = .path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1, of the decompressed text.
        line: usize,
        /// What is wrong.
        cause: serde_json::Error,
    },
}

/// Writes lines of JSON in independent zstd frames.
#[derive(Debug)]
pub struct FrameWriter {
    path: PathBuf,
    file: File,
    lines: Vec<u8>,
    oldest: Option<Instant>,
}

impl FrameWriter {
    /// Makes the file; one that exists is an error, because runs are never overwritten.
    pub fn create(path: &Path) -> Result<Self, FolderError> {
        let file = File::create_new(path)
            .map_err(|cause| FolderError::Write { path: path.to_owned(), cause })?;
        Ok(Self { path: path.to_owned(), file, lines: Vec::new(), oldest: None })
    }

    /// Takes one line, and writes a frame if one is due.
    pub fn write<T: Serialize>(&mut self, line: &T) -> Result<(), FolderError> {
        let before = self.lines.len();
        if let Err(cause) = serde_json::to_writer(&mut self.lines, line) {
            self.lines.truncate(before);
            return Err(self.error(std::io::Error::from(cause)));
        }
        self.lines.push(b'\n');
        self.oldest.get_or_insert_with(Instant::now);
        if self.lines.len() >= FRAME_BYTES { self.flush() } else { self.flush_if_due() }
    }

    /// How long the oldest waiting line may still wait; none if no line waits.
    pub fn due_in(&self) -> Option<Duration> {
        self.oldest.map(|oldest| FRAME_AGE.saturating_sub(oldest.elapsed()))
    }

    /// Writes a frame if a line has waited long enough.
    pub fn flush_if_due(&mut self) -> Result<(), FolderError> {
        if self.due_in().is_some_and(|wait| wait.is_zero()) { self.flush() } else { Ok(()) }
    }

    /// Writes what waits as one frame.
    pub fn flush(&mut self) -> Result<(), FolderError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let frame = compress(&self.lines).map_err(|cause| self.error(cause))?;
        self.file.write_all(&frame).map_err(|cause| self.error(cause))?;
        self.lines.clear();
        self.oldest = None;
        Ok(())
    }

    /// Writes what waits, and makes all of it survive the death of the machine.
    pub fn finish(mut self) -> Result<(), FolderError> {
        self.flush()?;
        self.file.sync_data().map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: std::io::Error) -> FolderError {
        FolderError::Write { path: self.path.clone(), cause }
    }
}

/// One frame with its checksum.
fn compress(lines: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = Encoder::new(Vec::with_capacity(lines.len() / 4), LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.write_all(lines)?;
    encoder.finish()
}

/// Reads the ledger of a run.
pub fn read_orders(path: &Path) -> Result<Vec<OrderRecord>, FolderError> {
    read_lines(path)
}

/// Reads what clients were told of their orders later.
pub fn read_polls(path: &Path) -> Result<Vec<PolledOrder>, FolderError> {
    read_lines(path)
}

/// Reads the final state of a run.
pub fn read_final_state(path: &Path) -> Result<Vec<SourcedRow>, FolderError> {
    let mut rows: Vec<SourcedRow> = Vec::new();
    for_each_line(path, |mut row: SourcedRow| {
        // One name of their source for all of its rows.
        let before = rows.last().filter(|last| last.source == row.source);
        row.source = before.map_or(row.source, |last| Arc::clone(&last.source));
        rows.push(row);
    })?;
    Ok(rows)
}

/// Writes the final state of a run.
pub fn write_final_state(path: &Path, rows: &[SourcedRow]) -> Result<(), FolderError> {
    let mut writer = FrameWriter::create(path)?;
    rows.iter().try_for_each(|row| writer.write(row))?;
    writer.finish()
}

/// Every whole line up to the end or the torn tail.
fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, FolderError> {
    let mut values = Vec::new();
    for_each_line(path, |value| values.push(value))?;
    Ok(values)
}

fn for_each_line<T: DeserializeOwned>(
    path: &Path,
    mut take: impl FnMut(T),
) -> Result<(), FolderError> {
    let failed = |cause| FolderError::Read { path: path.to_owned(), cause };
    let file = File::open(path).map_err(failed)?;
    let decoder = Decoder::new(BufReader::new(file)).map_err(failed)?;
    let mut reader = BufReader::new(decoder);
    let (mut number, mut line) = (0, Vec::new());
    while next_line(&mut reader, &mut line).map_err(failed)? {
        number += 1;
        let value = serde_json::from_slice(&line).map_err(|cause| FolderError::Line {
            path: path.to_owned(),
            line: number,
            cause,
        })?;
        take(value);
    }
    Ok(())
}

/// Reads one whole line; false at the end, which may be torn.
fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let read = std::io::Read::take(&mut *reader, LINE_BYTES).read_until(b'\n', line);
    match read {
        Ok(_) if line.len() as u64 == LINE_BYTES => {
            Err(std::io::Error::new(ErrorKind::InvalidData, "a line is longer than 1 MiB"))
        }
        Ok(_) => Ok(line.ends_with(b"\n")),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaos_reports::record::Moment;
    use chaos_reports::record::final_state::AuditRow;
    use chaos_reports::record::order::Outcome;
    use chaos_scenarios::workload::Expected;

    fn order(n: u64) -> OrderRecord {
        OrderRecord {
            n,
            id: format!("order-{n}"),
            kind: None,
            expect: Expected::Completed,
            due: Moment(n * 10_000),
            start: None,
            end: None,
            outcome: Outcome::NotSent,
            acknowledged: None,
            status: None,
            error: None,
            polls: Vec::new(),
        }
    }

    fn written(frames: &[std::ops::Range<u64>]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.jsonl.zst");
        let mut writer = FrameWriter::create(&path).unwrap();
        for frame in frames {
            frame.clone().for_each(|n| writer.write(&order(n)).unwrap());
            writer.flush().unwrap();
        }
        writer.finish().unwrap();
        (folder, path)
    }

    #[test]
    fn a_file_torn_at_any_byte_gives_what_came_before() {
        let (_folder, path) = written(&[0..3, 3..4, 4..9]);
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(read_orders(&path).unwrap(), (0..9).map(order).collect::<Vec<_>>());
        let mut least = 0;
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let read = read_orders(&path).unwrap_or_else(|error| panic!("{length}: {error}"));
            assert_eq!(read, (0..read.len() as u64).map(order).collect::<Vec<_>>(), "{length}");
            assert!(read.len() >= least, "more bytes gave fewer lines at {length}");
            least = read.len();
        }
        assert!(least >= 4, "the whole frames before the torn one are read, not {least} lines");
    }

    #[test]
    fn damage_before_the_end_is_told_and_not_taken_for_the_end() {
        let (_folder, path) = written(&[0..50, 50..100]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[20] ^= 0xff;
        std::fs::write(&path, &bytes).unwrap();
        let error = read_orders(&path).expect_err("damaged").to_string();
        assert!(error.contains("orders.jsonl.zst cannot be read"), "{error}");
        std::fs::write(&path, compress(b"{}\n").unwrap()).unwrap();
        let error = read_orders(&path).expect_err("not an order").to_string();
        assert!(error.contains("line 1") && error.contains("missing field"), "{error}");
    }

    #[test]
    fn the_final_state_comes_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("final-state.jsonl.zst");
        let row = |n: u32| {
            let row = AuditRow::Shipments { order: n.to_string().into(), state: "ACTIVE".into() };
            SourcedRow::told("http://shipping:9090/audit", row)
        };
        let rows: Vec<SourcedRow> = (0..20_000).map(row).collect();
        write_final_state(&path, &rows).unwrap();
        assert_eq!(read_final_state(&path).unwrap(), rows);
        let error = write_final_state(&path, &rows).expect_err("it exists").to_string();
        assert!(error.contains("--out"), "{error}");
    }

    #[test]
    fn a_line_does_not_wait_longer_than_a_frame_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.jsonl.zst");
        let mut writer = FrameWriter::create(&path).unwrap();
        writer.write(&order(0)).unwrap();
        assert!(writer.due_in().unwrap() <= FRAME_AGE);
        assert_eq!(read_orders(&path).unwrap(), []);
        std::thread::sleep(FRAME_AGE);
        writer.flush_if_due().unwrap();
        assert_eq!(read_orders(&path).unwrap(), [order(0)]);
        assert_eq!(writer.due_in(), None);
    }
}
