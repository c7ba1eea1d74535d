//! Where the replicas of a service are at the moment: a container that is started again may have
//! another address, and one more replica shall get its share.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Pause between two lookups.
const PERIOD: Duration = Duration::from_secs(1);
/// Longest duration of a lookup.
const LIMIT: Duration = Duration::from_millis(500);

/// The addresses of one service, used in turn.
pub(super) struct Replicas {
    addresses: Arc<RwLock<Vec<SocketAddr>>>,
    turn: AtomicUsize,
}

impl Replicas {
    /// Looks a host with its port up again and again until `stop`.
    pub(super) fn of(address: String, stop: CancellationToken) -> Self {
        let addresses = Arc::new(RwLock::new(Vec::new()));
        let known = addresses.clone();
        tokio::spawn(async move {
            while !stop.is_cancelled() {
                // Without any answer nothing is known to have changed.
                if let Ok(found) = timeout(LIMIT, look_up(&address)).await {
                    *known.write().unwrap_or_else(PoisonError::into_inner) = found;
                }
                tokio::select! {
                    () = sleep(PERIOD) => {}
                    () = stop.cancelled() => {}
                }
            }
        });
        Self { addresses, turn: AtomicUsize::new(0) }
    }

    /// One replica that stays where it is.
    #[cfg(test)]
    pub(super) fn fixed(address: SocketAddr) -> Self {
        Self { addresses: Arc::new(RwLock::new(vec![address])), turn: AtomicUsize::new(0) }
    }

    /// The replica whose turn it is; nothing while the name is not known.
    pub(super) fn next(&self) -> Option<SocketAddr> {
        let addresses = self.addresses.read().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        addresses.get(turn % addresses.len().max(1)).copied()
    }
}

/// The addresses of a host with its port; none where its name has vanished.
async fn look_up(address: &str) -> Vec<SocketAddr> {
    let found = lookup_host(address).await;
    let mut addresses: Vec<SocketAddr> =
        found.into_iter().flatten().filter(SocketAddr::is_ipv4).collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, RwLock};

    use super::Replicas;

    #[test]
    fn requests_go_to_all_replicas_in_turn() {
        let addresses = ["10.0.0.1:80", "10.0.0.2:80"].map(|text| text.parse().unwrap());
        let addresses = Arc::new(RwLock::new(addresses.to_vec()));
        let replicas = Replicas { addresses: addresses.clone(), turn: AtomicUsize::new(0) };
        let taken: Vec<_> = (0..4).filter_map(|_| replicas.next()).collect();
        assert_eq!(taken[0], taken[2]);
        assert_ne!(taken[0], taken[1]);
        addresses.write().unwrap().clear();
        assert_eq!(replicas.next(), None);
    }
}
