//! The one writer of a run's journal: numbers every event, stamps it, writes it, folds it into the
//! [`RunRecord`] and publishes that. Whoever waits for something waits on this fold.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use chaos_reports::record::Moment;
use chaos_reports::record::event::{Entry, Event};
use chaos_reports::record::run_record::RunRecord;
use tokio::sync::watch;
use tokio::time::Instant;

/// A journal could not be written: nothing that happens from here on could be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be written ({0}); free space or choose another folder with --out")]
pub struct JournalError(String);

/// Where a journal's lines go.
pub trait Sink: Write + Send {
    /// Makes everything written so far survive the death of this process and of the machine.
    fn sync(&mut self) -> std::io::Result<()>;
}

impl Sink for std::fs::File {
    fn sync(&mut self) -> std::io::Result<()> {
        self.sync_data()
    }
}

/// For a journal that nobody keeps.
impl Sink for std::io::Sink {
    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Sink for Vec<u8> {
    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Told of every event once it is written and folded. It is called with the recorder's lock held:
/// it must be quick, and must not ask the recorder for anything.
pub trait Observer: Send {
    /// An event, and what is known with it.
    fn observe(&mut self, entry: &Entry, record: &RunRecord);
}

/// A handle to the recorder of one run; clones share it.
#[derive(Clone)]
pub struct Recorder {
    epoch: Instant,
    wall_clock: i64,
    state: Arc<Mutex<State>>,
    lines: watch::Sender<u64>,
}

struct State {
    sink: Box<dyn Sink>,
    next: u64,
    record: RunRecord,
    failure: Option<JournalError>,
    observer: Option<Box<dyn Observer>>,
}

impl Recorder {
    /// A recorder whose moment 0 is now.
    pub fn new(sink: Box<dyn Sink>) -> Self {
        let record = RunRecord::default();
        let state = State { sink, next: 0, record, failure: None, observer: None };
        Self {
            epoch: Instant::now(),
            wall_clock: wall_clock(),
            state: Arc::new(Mutex::new(state)),
            lines: watch::Sender::new(0),
        }
    }

    /// The same, and `observer` is told of every event from here on.
    #[must_use]
    pub fn observed_by(self, observer: Box<dyn Observer>) -> Self {
        self.lock().observer = Some(observer);
        self
    }

    /// Moment 0 on the monotonic clock.
    pub fn epoch(&self) -> Instant {
        self.epoch
    }

    /// Wall clock at moment 0, microseconds since 1970.
    pub fn wall_clock(&self) -> i64 {
        self.wall_clock
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.moment(Instant::now())
    }

    /// The moment of a point on the monotonic clock; nothing is before moment 0.
    pub fn moment(&self, instant: Instant) -> Moment {
        let elapsed = instant.saturating_duration_since(self.epoch);
        Moment(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
    }

    /// The moment of a wall-clock time of this host, microseconds since 1970.
    pub fn moment_of_wall_clock(&self, wall_clock: i64) -> Moment {
        Moment(u64::try_from(wall_clock.saturating_sub(self.wall_clock)).unwrap_or(0))
    }

    /// Records an event. If it cannot be written, [`Recorder::failure`] tells, and the engine ends
    /// the run: whoever observes need not.
    pub fn emit(&self, event: Event) {
        let mut state = self.lock();
        let at = self.now();
        let seq = state.append(at, event);
        drop(state);
        self.lines.send_replace(seq);
    }

    /// Records an event and waits until it would survive our death: what is needed to undo a fault
    /// is on disk before the fault acts.
    pub fn emit_durably(&self, event: Event) -> Result<(), JournalError> {
        self.emit(event);
        let mut state = self.lock();
        if let Err(error) = state.sink.sync() {
            state.failure.get_or_insert(JournalError(error.to_string()));
        }
        state.failure.clone().map_or(Ok(()), Err)
    }

    /// Why the journal could not be written, if it could not.
    pub fn failure(&self) -> Option<JournalError> {
        self.lock().failure.clone()
    }

    /// Looks at what is known now.
    pub fn read<T>(&self, look: impl FnOnce(&RunRecord) -> T) -> T {
        look(&self.lock().record)
    }

    /// Waits until something is known: `look` is asked after every event. Bound it by a timeout.
    pub async fn until<T>(&self, mut look: impl FnMut(&RunRecord) -> Option<T>) -> T {
        let mut lines = self.lines.subscribe();
        loop {
            lines.mark_unchanged();
            if let Some(found) = self.read(&mut look) {
                return found;
            }
            // The sender lives as long as `self`, so this cannot fail.
            let _ = lines.changed().await;
        }
    }

    /// Told the number of lines after each of them.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.lines.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, at: Moment, event: Event) -> u64 {
        let entry = Entry { seq: self.next, at, event };
        if let Err(error) = write_line(&mut self.sink, &entry) {
            self.failure.get_or_insert(JournalError(error.to_string()));
        }
        self.record.apply(&entry);
        if let Some(observer) = &mut self.observer {
            observer.observe(&entry, &self.record);
        }
        self.next += 1;
        self.next
    }
}

fn write_line(sink: &mut Box<dyn Sink>, entry: &Entry) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    sink.write_all(&line)
}

/// The wall clock, microseconds since 1970.
pub fn wall_clock() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_waiter_sees_what_is_emitted_later() {
        let recorder = Recorder::new(Box::new(Vec::new()));
        let other = recorder.clone();
        tokio::spawn(async move {
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            other.emit(Event::Note { text: "seen".to_owned() });
        });
        let at = recorder.until(|record| record.notes.first().map(|note| note.0)).await;
        assert_eq!(at, Moment(2_000_000));
    }

    #[test]
    fn a_journal_that_cannot_be_written_is_told() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::Error::from(std::io::ErrorKind::StorageFull))
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        impl Sink for Full {
            fn sync(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let recorder = Recorder::new(Box::new(Full));
        recorder.emit(Event::Dismantled);
        let error = recorder.failure().expect("the failure is kept");
        assert!(error.to_string().contains("--out"), "{error}");
    }
}
