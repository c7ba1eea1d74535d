//! The clock that all processes of a machine share: what the stub says happened at a moment is
//! compared with what the harness says, without a message between them.

use chaos_reports::record::Moment;
use nix::time::{ClockId, clock_gettime};

use crate::recorder::Recorder;

/// The monotonic clock, microseconds since an unknown moment that is the same for all processes.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has a monotonic clock");
    let (seconds, nanos) = (time.tv_sec().cast_unsigned(), time.tv_nsec().cast_unsigned());
    seconds * 1_000_000 + nanos / 1_000
}

/// Where moment 0 of a run lies on the shared clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin(u64);

impl Origin {
    /// Of the run of a recorder, which counts on the same clock.
    pub fn of(recorder: &Recorder) -> Self {
        let elapsed = recorder.now().0;
        Self(now().saturating_sub(elapsed))
    }

    /// The moment of a run at a time of the shared clock; nothing is before moment 0.
    pub fn moment(self, time: u64) -> Moment {
        Moment(time.saturating_sub(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_a_run_is_found_on_the_shared_clock() {
        let recorder = Recorder::new(Box::new(Vec::new()));
        let origin = Origin::of(&recorder);
        std::thread::sleep(std::time::Duration::from_millis(5));
        let (told, shared) = (recorder.now(), origin.moment(now()));
        assert!(told.0 >= 5_000 && shared.0.abs_diff(told.0) < 2_000, "{told:?} {shared:?}");
    }
}
