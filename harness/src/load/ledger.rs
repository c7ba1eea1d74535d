//! Writes the ledger of a run: one line per order, and one per answer to whoever asked for an order
//! later, from a thread of its own, so that compression and the disk never delay the load. Lines are
//! handed over in lists that are swapped, not one by one: a line costs the load neither memory of its
//! own nor a wake-up.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chaos_reports::record::order::{OrderRecord, PolledOrder};

use crate::folder::{FRAME_AGE, FolderError, FrameWriter, POLLS};

/// Lines of each kind that may wait for the writer. When there are as many the load waits: that is
/// seen as its lag, while a lost line would never be seen.
const WAITING_LINES: usize = 16_384;
/// The writer lets lines gather for so long: long enough to be woken seldom, short enough that what
/// it does at once does not keep the load from its core.
const GATHERING: Duration = Duration::from_millis(5);

/// Takes the lines of a ledger; clones share it.
#[derive(Clone)]
pub(super) struct Ledger(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// A line came where none was, or no more will come.
    came: Condvar,
    /// The writer took lines away, or has ended.
    taken: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Lines,
    /// No more lines will come.
    complete: bool,
    /// The writer is no more: it could not write.
    given_up: bool,
}

#[derive(Default)]
struct Lines {
    orders: Vec<OrderRecord>,
    polls: Vec<PolledOrder>,
}

impl Lines {
    fn with_room() -> Self {
        Self { orders: Vec::with_capacity(WAITING_LINES), polls: Vec::with_capacity(WAITING_LINES) }
    }

    fn is_empty(&self) -> bool {
        self.orders.is_empty() && self.polls.is_empty()
    }

    fn is_full(&self) -> bool {
        self.orders.len().max(self.polls.len()) >= WAITING_LINES
    }
}

impl Ledger {
    /// Hands over one line.
    pub(super) fn write(&self, order: OrderRecord) {
        self.hand_over(|lines| lines.orders.push(order));
    }

    /// Hands over what a client was told of an order.
    pub(super) fn write_poll(&self, poll: PolledOrder) {
        self.hand_over(|lines| lines.polls.push(poll));
    }

    fn hand_over(&self, push: impl FnOnce(&mut Lines)) {
        let mut waiting = self.0.waiting();
        while waiting.lines.is_full() && !waiting.given_up {
            waiting = self.0.taken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        // `finish` tells why the writer ended early.
        if waiting.given_up {
            return;
        }
        let first = waiting.lines.is_empty();
        push(&mut waiting.lines);
        drop(waiting);
        if first {
            self.0.came.notify_one();
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most `limit` for a first line; whether no more will come.
    fn wait(&self, limit: Duration) -> bool {
        let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.complete;
        let waited = self.came.wait_timeout_while(self.waiting(), limit, idle);
        let (waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.complete
    }

    /// Exchanges what waits for lists that are empty; whether no more will come.
    fn take(&self, lines: &mut Lines) -> bool {
        let mut waiting = self.waiting();
        std::mem::swap(&mut waiting.lines, lines);
        let complete = waiting.complete;
        drop(waiting);
        self.taken.notify_all();
        complete
    }
}

/// The end of the writer, however it comes: nobody waits for it any more.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.waiting().given_up = true;
        self.0.taken.notify_all();
    }
}

/// The thread that writes.
pub(super) struct LedgerWriter {
    shared: Arc<Shared>,
    thread: JoinHandle<Result<(), FolderError>>,
}

/// Makes the file at `path`, and that of the polls beside it, and starts their writer.
pub(super) fn open(path: &Path) -> Result<(Ledger, LedgerWriter), FolderError> {
    let orders = FrameWriter::create(path)?;
    let polls = FrameWriter::create(&path.with_file_name(POLLS))?;
    let waiting = Mutex::new(Waiting { lines: Lines::with_room(), ..Waiting::default() });
    let shared = Arc::new(Shared { waiting, came: Condvar::new(), taken: Condvar::new() });
    let of_thread = Arc::clone(&shared);
    let thread = std::thread::Builder::new()
        .name("ledger".to_owned())
        .spawn(move || {
            let end = End(of_thread);
            write_all(Files { orders, polls }, &end.0)
        })
        .map_err(|cause| FolderError::Write { path: path.to_owned(), cause })?;
    Ok((Ledger(Arc::clone(&shared)), LedgerWriter { shared, thread }))
}

impl LedgerWriter {
    /// Waits until everything that was handed over is on disk.
    pub(super) fn finish(self) -> Result<(), FolderError> {
        self.shared.waiting().complete = true;
        self.shared.came.notify_one();
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

    fn write(&mut self, lines: &mut Lines) -> Result<(), FolderError> {
        lines.orders.drain(..).try_for_each(|order| self.orders.write(&order))?;
        lines.polls.drain(..).try_for_each(|poll| self.polls.write(&poll))?;
        // A file that is seldom written must not wait for a pause of the other.
        self.orders.flush_if_due()?;
        self.polls.flush_if_due()
    }

    fn finish(self) -> Result<(), FolderError> {
        self.orders.finish().and(self.polls.finish())
    }
}

fn write_all(mut files: Files, shared: &Shared) -> Result<(), FolderError> {
    let mut lines = Lines::with_room();
    loop {
        if !shared.wait(files.due_in()) {
            std::thread::sleep(GATHERING);
        }
        let complete = shared.take(&mut lines);
        files.write(&mut lines)?;
        if complete {
            return files.finish();
        }
    }
}
