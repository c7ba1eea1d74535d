//! What the harness tells of itself over HTTP while it works. Whoever asks gets small pages that are
//! made on the spot; a connection, its request and the number of connections all have a bound.

mod connection;
pub mod metrics;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::exit::Failure;

/// Makes the answers.
pub trait Pages: Send + Sync + 'static {
    /// The page at a path, if there is one.
    fn page(&self, path: &str) -> Option<Page>;
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its media type.
    pub media_type: &'static str,
    /// Its text.
    pub text: String,
}

/// Why nothing can be told at an address.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Others could ask, and nobody has allowed it.
    #[error(
        "{address} can be reached from other machines; choose a loopback address such as \
         127.0.0.1:9464, or add --allow-remote"
    )]
    Remote {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The operating system refuses the address.
    #[error("{address} cannot be listened on ({source}); free the port, or choose another")]
    Refused {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
}

impl From<DoorError> for Failure {
    fn from(error: DoorError) -> Self {
        match error {
            DoorError::Remote { .. } => Self::Usage(error.to_string()),
            DoorError::Refused { .. } => Self::environment(error),
        }
    }
}

/// An address that is ours, at which nothing is told yet.
#[derive(Debug)]
pub struct Door {
    listener: TcpListener,
    address: SocketAddr,
}

impl Door {
    /// Takes an address; with port 0, any port that is free.
    pub fn open(address: SocketAddr, allow_remote: bool) -> Result<Self, DoorError> {
        if !address.ip().is_loopback() && !allow_remote {
            return Err(DoorError::Remote { address });
        }
        let refused = |source| DoorError::Refused { address, source };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers on a task of its own, until what this returns is dropped. Call it within a runtime.
    pub fn serve(self, pages: Arc<dyn Pages>) -> std::io::Result<DropGuard> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let end = CancellationToken::new();
        let ended = end.clone();
        let serving = connection::accept(listener, pages);
        tokio::spawn(async move { ended.run_until_cancelled(serving).await });
        Ok(end.drop_guard())
    }
}

#[cfg(test)]
mod tests;
