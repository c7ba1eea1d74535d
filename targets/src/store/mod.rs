//! PostgreSQL: connections, transactions with deadlines, and errors that say whether anything can
//! have happened.

mod database;
pub(crate) mod orders;
pub(crate) mod schema;
pub(crate) mod steps;
pub(crate) mod todos;
mod unit;

pub(crate) use database::Database;
pub(crate) use unit::Unit;

/// What can go wrong, told apart by what it means for the data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// `DATABASE_URL` cannot be used.
    #[error("DATABASE_URL is not usable: {0}")]
    Url(String),
    /// No connection could be had: nothing was sent.
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    /// A statement got no answer in time, before the commit was sent: nothing is left.
    #[error("the database did not answer in time, and the transaction was undone")]
    Silent,
    /// A statement failed before the commit was sent: nothing is left of the transaction.
    #[error("the transaction failed and was undone: {0}")]
    Undone(String),
    /// The commit was sent and its answer never came: nobody knows.
    #[error("the commit got no clear answer: {0}")]
    CommitUnknown(String),
}

impl StoreError {
    /// Whether the next attempt has no better chance at the moment.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Silent | Self::CommitUnknown(_))
    }
}

/// The text of a PostgreSQL error with its cause: its own `Display` says only `db error`.
fn describe(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(cause) => format!("{} ({})", cause.message(), cause.code().code()),
        None => match std::error::Error::source(error) {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    }
}
