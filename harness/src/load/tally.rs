//! The book of a load: every arrival that was due is entered once and settled once, into windows,
//! ledger and counters, whatever becomes of whoever carries it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_reports::record::Moment;
use chaos_reports::record::order::{OrderRecord, Poll, PolledOrder};
use chaos_reports::record::window::{Sparse, Window};
use chaos_scenarios::workload::{LedgerEntry, Workload};

use super::ledger::Ledger;
use super::outcome::{Seen, Told};
use super::window::{Complete, Rounding, Settled, Windows, sparse};
use crate::recorder::Recorder;

/// Shared by pacer, engine and reporter. Its lock is held for microseconds only.
pub(super) struct Tally {
    recorder: Recorder,
    workload: Workload,
    /// Class of each request template.
    classes: Vec<usize>,
    ledger: Ledger,
    panics: AtomicU64,
    orders_in_flight: AtomicU64,
    book: Mutex<Book>,
}

struct Book {
    windows: Windows,
    /// Every arrival that is due before it has been entered.
    entered_until: Moment,
    second: Second,
    rounding: Rounding,
}

#[derive(Default)]
struct Second {
    due: u64,
    sent: u64,
    not_sent: u64,
    lag: Vec<u64>,
}

/// Counts since they were last taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    /// Arrivals that were due.
    pub(super) due: u64,
    /// Arrivals that were sent.
    pub(super) sent: u64,
    /// Arrivals that were given up unsent.
    pub(super) not_sent: u64,
    /// Sent − due of those that were sent, microseconds.
    pub(super) lag: Sparse,
}

/// What the tally must know of an arrival to settle it.
pub(super) struct Entry {
    /// Number of the arrival.
    pub(super) n: u64,
    /// Index of its template.
    pub(super) template: usize,
    /// When it was due.
    pub(super) due: Moment,
    /// When it was sent.
    pub(super) start: Option<Moment>,
    /// Set for an order.
    pub(super) order: Option<LedgerEntry>,
    /// Set for a request that asks how an earlier order stands.
    pub(super) asks: Option<String>,
}

impl Tally {
    pub(super) fn new(recorder: Recorder, workload: Workload, ledger: Ledger) -> Self {
        let mut names: Vec<(String, u64)> = Vec::new();
        let mut classes = Vec::with_capacity(workload.requests.len());
        for request in &workload.requests {
            let known = names.iter().position(|(class, _)| *class == request.class);
            classes.push(known.unwrap_or(names.len()));
            if known.is_none() {
                names.push((request.class.clone(), request.bound.micros()));
            }
        }
        let book = Book {
            windows: Windows::new(names),
            entered_until: Moment(0),
            second: Second::default(),
            rounding: Rounding::new(),
        };
        Self {
            recorder,
            workload,
            classes,
            ledger,
            panics: AtomicU64::new(0),
            orders_in_flight: AtomicU64::new(0),
            book: Mutex::new(book),
        }
    }

    pub(super) fn workload(&self) -> &Workload {
        &self.workload
    }

    pub(super) fn now(&self) -> Moment {
        self.recorder.now()
    }

    /// Nothing that is due before `moment` will be entered any more.
    pub(super) fn entered_until(&self, moment: Moment) {
        self.book().entered_until = moment;
    }

    /// An arrival is due.
    pub(super) fn enter(&self, template: usize, due: Moment) {
        let mut book = self.book();
        book.second.due += 1;
        book.windows.open(self.classes[template], due);
    }

    /// An arrival is being sent.
    pub(super) fn sent(&self, due: Moment, start: Moment, is_order: bool) {
        self.orders_in_flight.fetch_add(u64::from(is_order), Ordering::Relaxed);
        let mut book = self.book();
        book.second.sent += 1;
        let lag = book.rounding.round(start.0.saturating_sub(due.0));
        book.second.lag.push(lag);
    }

    /// An arrival ended, one way or the other.
    pub(super) fn settle(&self, entry: Entry, end: Moment, seen: Seen) {
        let elapsed = end.0.saturating_sub(entry.due.0);
        let latency = if seen.timed_out { self.workload.timeout.micros() } else { elapsed };
        let settled = Settled {
            outcome: seen.outcome,
            acknowledged: seen.acknowledged,
            end,
            latency: entry.start.map(|_| latency),
            censored: seen.timed_out,
        };
        let class = self.classes[entry.template];
        let mut book = self.book();
        book.second.not_sent += u64::from(entry.start.is_none());
        book.windows.settle(class, entry.due, &settled);
        drop(book);
        let Entry { n, due, start, order, asks, .. } = entry;
        if let Some(order) = order {
            self.orders_in_flight.fetch_sub(u64::from(start.is_some()), Ordering::Relaxed);
            let sent = start.map(|start| (start, end));
            self.ledger.write(order_record(n, due, sent, order, seen));
        } else if let (Some(order), Some(start), Some(told)) = (asks, start, seen.told) {
            let Told { state, version } = told;
            let poll = Poll { start, end, state, version };
            self.ledger.write_poll(PolledOrder { order, poll });
        }
    }

    /// A request made its worker panic.
    pub(super) fn count_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Ledgered orders that are sent and not yet settled.
    pub(super) fn orders_in_flight(&self) -> u64 {
        self.orders_in_flight.load(Ordering::Relaxed)
    }

    /// Takes out every window that is complete now.
    pub(super) fn take_windows(&self) -> Vec<Window> {
        let now = self.now();
        let mut book = self.book();
        let until = book.entered_until.min(now);
        let complete = book.windows.take_complete(until);
        drop(book);
        finished(complete)
    }

    /// Takes out the windows that are left once nothing is due any more.
    pub(super) fn take_last_windows(&self) -> Vec<Window> {
        let complete = self.book().windows.take_complete(Moment(u64::MAX));
        finished(complete)
    }

    /// Takes out what was counted since this was last called.
    pub(super) fn take_counts(&self) -> Counts {
        let Second { due, sent, not_sent, lag } = std::mem::take(&mut self.book().second);
        Counts { due, sent, not_sent, lag: sparse(lag) }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sorts latencies, which takes too long to be done while the book is held.
fn finished(complete: Vec<Complete>) -> Vec<Window> {
    complete.into_iter().map(Complete::finish).collect()
}

fn order_record(
    n: u64,
    due: Moment,
    sent: Option<(Moment, Moment)>,
    order: LedgerEntry,
    seen: Seen,
) -> OrderRecord {
    OrderRecord {
        n,
        id: order.id,
        kind: order.kind,
        expect: order.expect,
        due,
        start: sent.map(|(start, _)| start),
        end: sent.map(|(_, end)| end),
        outcome: seen.outcome,
        acknowledged: seen.acknowledged,
        status: seen.status,
        error: seen.error,
        polls: Vec::new(),
    }
}
