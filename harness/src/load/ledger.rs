//! Writes the ledger of a run: one line per order, from a thread of its own, so that compression
//! and the disk never delay the load.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;

use chaos_reports::record::order::OrderRecord;

use crate::folder::{FRAME_AGE, FolderError, FrameWriter};

/// Lines that may wait for the writer. When it is full the load waits: that is seen as its lag,
/// while a lost line would never be seen.
const WAITING_LINES: usize = 16_384;

/// Takes the lines of a ledger; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Ledger(SyncSender<Line>);

#[derive(Debug)]
enum Line {
    Order(Box<OrderRecord>),
    End,
}

impl Ledger {
    /// Hands over one line.
    pub(super) fn write(&self, order: OrderRecord) {
        // The writer ends early only if the file cannot be written, and `finish` tells that.
        let _ = self.0.send(Line::Order(Box::new(order)));
    }
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct LedgerWriter {
    end: Ledger,
    thread: JoinHandle<Result<(), FolderError>>,
}

/// Makes the file and starts its writer.
pub(super) fn open(path: &Path) -> Result<(Ledger, LedgerWriter), FolderError> {
    let writer = FrameWriter::create(path)?;
    let (sender, lines) = mpsc::sync_channel(WAITING_LINES);
    let thread = std::thread::Builder::new()
        .name("ledger".to_owned())
        .spawn(move || write_all(writer, &lines))
        .map_err(|cause| FolderError::Write { path: path.to_owned(), cause })?;
    let ledger = Ledger(sender);
    Ok((ledger.clone(), LedgerWriter { end: ledger, thread }))
}

impl LedgerWriter {
    /// Waits until everything that was handed over is on disk.
    pub(super) fn finish(self) -> Result<(), FolderError> {
        // It ended early if the file cannot be written: then its result tells that.
        let _ = self.end.0.send(Line::End);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn write_all(mut writer: FrameWriter, lines: &Receiver<Line>) -> Result<(), FolderError> {
    loop {
        match lines.recv_timeout(writer.due_in().unwrap_or(FRAME_AGE)) {
            Ok(Line::Order(order)) => writer.write(&order)?,
            Ok(Line::End) | Err(RecvTimeoutError::Disconnected) => return writer.finish(),
            Err(RecvTimeoutError::Timeout) => writer.flush_if_due()?,
        }
    }
}
