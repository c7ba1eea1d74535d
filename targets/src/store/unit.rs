//! One unit of work on one connection, with one deadline.
//!
//! A unit that is dropped before its commit throws its connection away, and the server rolls back
//! when the connection closes. So whatever happens on the way (an error, a deadline, a cancelled
//! request), nothing of an unfinished unit can stay, and no connection of unknown state is reused.

use std::future::Future;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, RowStream};

use super::StoreError;

/// A transaction in progress.
pub(crate) struct Unit {
    /// Taken out when the work has ended well; otherwise dropped with its connection.
    connection: Option<Object>,
    deadline: Instant,
}

impl Unit {
    /// Sends `begin`, the statement that opens the transaction.
    pub(super) async fn begin(
        connection: Object,
        begin: &str,
        longest: Duration,
    ) -> Result<Self, StoreError> {
        let unit = Self::plain(connection, longest);
        unit.within(unit.client().batch_execute(begin)).await?;
        Ok(unit)
    }

    /// No transaction: for a single statement.
    pub(super) fn plain(connection: Object, longest: Duration) -> Self {
        Self { connection: Some(connection), deadline: Instant::now() + longest }
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        self.within(async {
            let statement = self.client().prepare_cached(sql).await?;
            self.client().query(&statement, parameters).await
        })
        .await
    }

    /// Runs a statement and returns the number of rows that it changed.
    pub(crate) async fn execute(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, StoreError> {
        self.within(async {
            let statement = self.client().prepare_cached(sql).await?;
            self.client().execute(&statement, parameters).await
        })
        .await
    }

    /// Runs several statements without parameters, as they are used to lay out tables.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), StoreError> {
        self.within(self.client().batch_execute(sql)).await
    }

    /// Starts a statement whose rows are read one by one.
    pub(crate) async fn stream(&self, sql: &str) -> Result<RowStream, StoreError> {
        let none: [&(dyn ToSql + Sync); 0] = [];
        self.within(self.client().query_raw(sql, none)).await
    }

    /// Commits. An error means that nobody knows whether the transaction took place.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self.within(self.client().batch_execute("COMMIT")).await {
            Ok(()) => {
                self.give_back();
                Ok(())
            }
            Err(error) => Err(StoreError::CommitUnknown(error.to_string())),
        }
    }

    /// Returns the connection to the pool for the next one.
    pub(super) fn give_back(mut self) {
        self.connection = None;
    }

    fn client(&self) -> &Object {
        self.connection.as_ref().expect("only the last use takes the connection out")
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        match timeout_at(self.deadline, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(StoreError::Undone(super::describe(&error))),
            Err(_) => Err(StoreError::Silent),
        }
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Object::take(connection));
        }
    }
}
