//! Tells the recorder, while the load runs, of every window that is complete and once a second of
//! the generator itself.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chaos_reports::record::event::Event;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use super::tally::Tally;
use crate::recorder::Recorder;

/// Complete windows are told this often.
const WINDOW_INTERVAL: Duration = Duration::from_millis(100);
/// The generator is told of this often.
const GENERATOR_INTERVAL: Duration = Duration::from_secs(1);

/// The state of a thread that reports until told to end.
pub(super) struct Reporter {
    recorder: Recorder,
    tally: Arc<Tally>,
    /// CPU time of the process when it was last told, microseconds.
    cpu: u64,
}

impl Reporter {
    pub(super) fn new(recorder: Recorder, tally: Arc<Tally>) -> Self {
        Self { recorder, tally, cpu: cpu_micros() }
    }

    /// Reports until something is sent, or nobody can send any more; then everything that is left.
    pub(super) fn run(mut self, end: &Receiver<()>) {
        let mut next = Instant::now() + GENERATOR_INTERVAL;
        while end.recv_timeout(WINDOW_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            self.tell_windows(false);
            if Instant::now() >= next {
                self.tell_generator();
                next += GENERATOR_INTERVAL;
            }
        }
        self.tell_windows(true);
        self.tell_generator();
    }

    fn tell_windows(&self, last: bool) {
        let windows = if last { self.tally.take_last_windows() } else { self.tally.take_windows() };
        windows.into_iter().for_each(|window| self.recorder.emit(Event::Window(window)));
    }

    fn tell_generator(&mut self) {
        let counts = self.tally.take_counts();
        let before = std::mem::replace(&mut self.cpu, cpu_micros());
        self.recorder.emit(Event::Generator {
            due: counts.due,
            sent: counts.sent,
            not_sent: counts.not_sent,
            lag: counts.lag,
            cpu: self.cpu.saturating_sub(before),
            orders_in_flight: self.tally.orders_in_flight(),
        });
    }
}

/// CPU time that this process has used, in microseconds.
fn cpu_micros() -> u64 {
    let used = getrusage(UsageWho::RUSAGE_SELF)
        .map(|usage| usage.user_time().num_microseconds() + usage.system_time().num_microseconds());
    used.ok().and_then(|micros| u64::try_from(micros).ok()).unwrap_or(0)
}
