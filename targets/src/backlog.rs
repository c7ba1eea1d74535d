//! What a process may leave unfinished, whatever it is: messages, pipelines, things to do. Operators
//! look at it, auditors count it, and what was set aside can be tried again.

use futures::future::BoxFuture;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::store::StoreError;

/// A row of the audit: something that was tried too often and set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetter {
    /// Always `dead`.
    pub(crate) table: &'static str,
    /// The id of what was set aside.
    pub(crate) id: String,
    /// The order that it is about; empty where it cannot be read.
    pub(crate) order: String,
    /// Where it lies.
    pub(crate) queue: String,
    /// The latest failure.
    pub(crate) reason: String,
    /// Attempts before it was given up.
    pub(crate) attempts: usize,
}

/// The result of trying dead letters again.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Redriven {
    /// Those that are tried again.
    pub(crate) redriven: usize,
    /// Those that stay, because they were tried again too often.
    pub(crate) refused: usize,
}

/// What a process has taken on and not finished, besides its open orders.
pub(crate) trait Backlog: Send + Sync + 'static {
    /// How much waits, by kind. `dead` is among the kinds.
    fn pending(&self) -> BoxFuture<'_, Result<Map<String, Value>, StoreError>>;
    /// What was set aside, left where it is. An error says why it cannot be read.
    fn dead(&self) -> BoxFuture<'_, Result<Vec<DeadLetter>, String>>;
    /// Tries what was set aside once more. An error says why it cannot be tried.
    fn redrive(&self) -> BoxFuture<'_, Result<Redriven, String>>;
}
