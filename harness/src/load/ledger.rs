//! Writes the ledger of a run: one line per order, and one per answer to whoever asked for an order
//! later, from a thread of its own, so that compression
//! and the disk never delay the load.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use chaos_reports::record::order::{OrderRecord, PolledOrder};

use crate::folder::{FRAME_AGE, FolderError, FrameWriter, POLLS};

/// Lines that may wait for the writer. When it is full the load waits: that is seen as its lag,
/// while a lost line would never be seen.
const WAITING_LINES: usize = 16_384;

/// Takes the lines of a ledger; clones share it.
#[derive(Debug, Clone)]
pub(super) struct Ledger(SyncSender<Line>);

#[derive(Debug)]
enum Line {
    Order(Box<OrderRecord>),
    Poll(Box<PolledOrder>),
    End,
}

impl Ledger {
    /// Hands over one line.
    pub(super) fn write(&self, order: OrderRecord) {
        // The writer ends early only if the file cannot be written, and `finish` tells that.
        let _ = self.0.send(Line::Order(Box::new(order)));
    }

    /// Hands over what a client was told of an order.
    pub(super) fn write_poll(&self, poll: PolledOrder) {
        let _ = self.0.send(Line::Poll(Box::new(poll)));
    }
}

/// The thread that writes.
#[derive(Debug)]
pub(super) struct LedgerWriter {
    end: Ledger,
    thread: JoinHandle<Result<(), FolderError>>,
}

/// Makes the file at `path`, and that of the polls beside it, and starts their writer.
pub(super) fn open(path: &Path) -> Result<(Ledger, LedgerWriter), FolderError> {
    let orders = FrameWriter::create(path)?;
    let polls = FrameWriter::create(&path.with_file_name(POLLS))?;
    let (sender, lines) = mpsc::sync_channel(WAITING_LINES);
    let thread = std::thread::Builder::new()
        .name("ledger".to_owned())
        .spawn(move || write_all(Files { orders, polls }, &lines))
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

struct Files {
    orders: FrameWriter,
    polls: FrameWriter,
}

impl Files {
    /// How long the oldest waiting line may still wait.
    fn due_in(&self) -> Duration {
        let waits = [self.orders.due_in(), self.polls.due_in()];
        waits.into_iter().flatten().min().unwrap_or(FRAME_AGE)
    }

    fn flush_if_due(&mut self) -> Result<(), FolderError> {
        self.orders.flush_if_due()?;
        self.polls.flush_if_due()
    }

    fn finish(self) -> Result<(), FolderError> {
        self.orders.finish().and(self.polls.finish())
    }
}

fn write_all(mut files: Files, lines: &Receiver<Line>) -> Result<(), FolderError> {
    loop {
        match lines.recv_timeout(files.due_in()) {
            Ok(Line::Order(order)) => files.orders.write(&order)?,
            Ok(Line::Poll(poll)) => files.polls.write(&poll)?,
            Ok(Line::End) | Err(RecvTimeoutError::Disconnected) => return files.finish(),
            Err(RecvTimeoutError::Timeout) => {}
        }
        // A file that is seldom written must not wait for a pause of the other.
        files.flush_if_due()?;
    }
}
