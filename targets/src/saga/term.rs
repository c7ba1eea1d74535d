//! The time during which a manager leads.

use tokio_util::sync::CancellationToken;

use super::log::Epoch;

/// The time during which a manager leads: what it may do ends when a newer manager takes over.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    /// What it shows to the log and to services.
    pub(super) epoch: Epoch,
    outdated: CancellationToken,
    stopping: CancellationToken,
}

impl Term {
    pub(super) fn new(epoch: Epoch, stopping: CancellationToken) -> Self {
        Self { epoch, outdated: CancellationToken::new(), stopping }
    }

    /// A newer manager has taken over: nothing is called or written any more.
    pub(super) fn outdate(&self) {
        self.outdated.cancel();
    }

    pub(super) fn is_outdated(&self) -> bool {
        self.outdated.is_cancelled()
    }

    /// Whether nothing may be begun or waited for any more; what goes well is still finished.
    pub(super) fn is_over(&self) -> bool {
        self.outdated.is_cancelled() || self.stopping.is_cancelled()
    }

    /// Waits until then.
    pub(super) async fn over(&self) {
        tokio::select! {
            () = self.outdated.cancelled() => {}
            () = self.stopping.cancelled() => {}
        }
    }
}
