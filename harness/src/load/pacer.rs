//! Keeps the arrivals on time, whatever the system under test does: a thread of its own sleeps to
//! each due time and hands the arrival over without ever waiting. The timer of an async runtime
//! would be a millisecond too coarse.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chaos_reports::record::Moment;
use chaos_scenarios::workload::{CompiledWorkload, Schedule};

use super::Work;
use super::arrival::Arrival;

/// Slack that the kernel may add to the pacer's sleeps; its default would be 50 µs.
const TIMER_SLACK_NANOS: u64 = 1_000;
/// The pacer looks at least this often whether it should stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

/// Everything the pacer needs.
pub(super) struct Pacer {
    pub(super) workload: CompiledWorkload,
    pub(super) schedule: Schedule,
    pub(super) seed: u64,
    /// Moment 0 of the run.
    pub(super) epoch: Instant,
    /// Start of the load.
    pub(super) origin: Moment,
    pub(super) work: Arc<Work>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Pacer {
    /// Hands over arrivals until it is stopped. What is sent is made before it is due, so that
    /// making it costs no lag.
    pub(super) fn run(&self) {
        // Without the finer slack sleeps are up to 50 µs longer, which the measured lag shows.
        let _ = nix::sys::prctl::set_timerslack(TIMER_SLACK_NANOS);
        for (n, offset) in (0_u64..).zip(self.schedule.iter()) {
            let request = self.workload.request(self.seed, n, &self.schedule);
            let due = self.origin.plus(offset.micros());
            self.work.tally.entered_until(due);
            if !self.sleep_until(due) {
                return;
            }
            let tally = Arc::clone(&self.work.tally);
            self.work.queue.push(Arrival::new(n, due, request, tally));
        }
    }

    /// False if the pacer was stopped meanwhile.
    fn sleep_until(&self, due: Moment) -> bool {
        let due = self.epoch + Duration::from_micros(due.0);
        while !self.stop.load(Ordering::Relaxed) {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(STOP_INTERVAL));
        }
        false
    }
}
