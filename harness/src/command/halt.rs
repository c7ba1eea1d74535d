//! `chaos halt`: asks the experiment that runs on this daemon to stop, and waits until it has
//! undone and removed what it did.

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::block_on;
use crate::exit::Failure;
use crate::{docker, lock, terminal};

/// A run that was told to stop is waited for at most this long: undo and removal are bounded.
const HALT_LIMIT: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(100);

/// Sends SIGINT to the holder of the lock; 0 once it is gone, or if there was none.
pub fn execute() -> Result<u8, Failure> {
    block_on(async {
        let daemon = docker::connect(false).await.map_err(Failure::environment)?;
        let name = &daemon.facts.name();
        let Some(holder) = lock::holder(name).map_err(Failure::environment)? else {
            terminal::result("no experiment runs");
            return Ok(0);
        };
        let pid = holder.pid.and_then(|pid| i32::try_from(pid).ok()).ok_or_else(|| {
            Failure::Environment("the experiment is just starting: try again".to_owned())
        })?;
        kill(Pid::from_raw(pid), Signal::SIGINT)
            .map_err(|error| Failure::Environment(format!("{holder} cannot be told: {error}")))?;
        let deadline = Instant::now() + HALT_LIMIT;
        while lock::holder(name).map_err(Failure::environment)?.is_some() {
            if Instant::now() >= deadline {
                let seconds = HALT_LIMIT.as_secs();
                return Err(Failure::Environment(format!("{holder} goes on after {seconds} s")));
            }
            sleep(POLL).await;
        }
        terminal::result(&format!("stopped {holder}"));
        Ok(0)
    })
}
