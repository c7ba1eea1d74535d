//! The pool of connections. Every wait for one is bounded, so that a dead database is noticed
//! within a second and a paused one within the deadline of a statement.

use std::str::FromStr as _;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

use super::{StoreError, Unit};

/// Longest wait for a free connection of the pool.
const POOL_WAIT: Duration = Duration::from_secs(1);
/// Longest time to open a connection, name lookup and login included.
const OPEN_DEADLINE: Duration = Duration::from_secs(1);
/// Longest wait for the TCP handshake alone: an address that has vanished never answers.
const CONNECT_DEADLINE: Duration = Duration::from_millis(500);
/// Longest duration of an ordinary transaction or read: well within a client's patience.
const WORK_DEADLINE: Duration = Duration::from_secs(3);
/// Longest duration of reading a whole snapshot for an audit.
const SNAPSHOT_DEADLINE: Duration = Duration::from_mins(1);

/// A handle on the service's own database.
#[derive(Clone)]
pub(crate) struct Database {
    pool: Pool,
}

impl Database {
    /// Prepares a pool of at most `size` connections; none is opened yet.
    pub(crate) fn new(url: &str, size: usize) -> Result<Self, StoreError> {
        let mut config = tokio_postgres::Config::from_str(url)
            .map_err(|error| StoreError::Url(super::describe(&error)))?;
        config.connect_timeout(CONNECT_DEADLINE);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, NoTls, recycling))
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(POOL_WAIT),
                create: Some(OPEN_DEADLINE),
                recycle: Some(POOL_WAIT),
            })
            .build()
            .map_err(|error| StoreError::Url(error.to_string()))?;
        Ok(Self { pool })
    }

    /// Begins an ordinary transaction.
    pub(crate) async fn begin(&self) -> Result<Unit, StoreError> {
        Unit::begin(self.connection().await?, "BEGIN", WORK_DEADLINE).await
    }

    /// Begins a transaction that may stay open for up to `longest`.
    pub(crate) async fn begin_for(&self, longest: Duration) -> Result<Unit, StoreError> {
        Unit::begin(self.connection().await?, "BEGIN", longest).await
    }

    /// Begins a read of one consistent picture of all tables.
    pub(crate) async fn snapshot(&self) -> Result<Unit, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Unit::begin(self.connection().await?, begin, SNAPSHOT_DEADLINE).await
    }

    /// Reads rows with one statement.
    pub(crate) async fn rows(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, StoreError> {
        let unit = Unit::plain(self.connection().await?, WORK_DEADLINE);
        let rows = unit.rows(sql, parameters).await?;
        unit.give_back();
        Ok(rows)
    }

    async fn connection(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(|error| {
            StoreError::Unreachable(match error {
                deadpool_postgres::PoolError::Backend(cause) => super::describe(&cause),
                other => other.to_string(),
            })
        })
    }
}
