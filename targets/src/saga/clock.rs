//! Wall clock time that follows the runtime's own clock, so that deadlines in the database and
//! pauses in the process agree, and tests may pause both.

use std::time::Duration;

use tokio::time::Instant;

/// Tells the time in unix microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    wall: i64,
    start: Instant,
}

impl Clock {
    /// A clock that shows `wall` at this moment.
    pub(crate) fn showing(wall: i64) -> Self {
        Self { wall, start: Instant::now() }
    }

    /// The time now.
    pub(crate) fn now(self) -> i64 {
        self.wall.saturating_add(micros(self.start.elapsed()))
    }

    /// How long it is until `then`; nothing where that has passed.
    pub(crate) fn until(self, then: i64) -> Duration {
        let micros = then.saturating_sub(self.now());
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// A duration in whole microseconds.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
