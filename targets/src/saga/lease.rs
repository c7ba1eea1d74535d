//! Which manager leads: one row that says which start of a manager is the newest, and when it last
//! told of itself.
//!
//! The epoch is the row's key, so that raising it waits for everybody who relies on it, and telling
//! that one still leads disturbs nobody.

use std::time::Duration;

use super::log::{Epoch, LogError};
use crate::store::{Database, StoreError, Unit};

/// How often the leading manager tells of itself.
pub(crate) const KEEP_PERIOD: Duration = Duration::from_millis(500);
/// After so long without a word another manager that stands by takes over.
pub(crate) const IDLE: Duration = Duration::from_secs(2);

/// Raises the epoch; with `if_idle` only after a while without a word from whoever leads.
pub(super) async fn take_over(database: &Database, if_idle: bool) -> Result<Option<i64>, LogError> {
    let sql = "UPDATE lease SET epoch = epoch + 1, kept_at = clock_timestamp()
               WHERE NOT $1 OR kept_at < clock_timestamp() - make_interval(secs => $2)
               RETURNING epoch";
    let rows = database.rows(sql, &[&if_idle, &IDLE.as_secs_f64()]).await?;
    if !if_idle && rows.is_empty() {
        return Err(StoreError::Undone("there is no lease yet".into()).into());
    }
    Ok(rows.first().map(|row| row.get(0)))
}

/// Tells that the manager of an epoch still leads.
pub(super) async fn keep(database: &Database, epoch: i64) -> Result<(), LogError> {
    let sql = "UPDATE lease SET kept_at = clock_timestamp() WHERE epoch = $1 RETURNING epoch";
    let kept = database.rows(sql, &[&epoch]).await?;
    if kept.is_empty() { Err(LogError::Outdated) } else { Ok(()) }
}

/// Lets a transaction go on only while its manager leads, and keeps others from taking over until it
/// has ended.
pub(super) async fn hold(unit: &Unit, epoch: Epoch) -> Result<(), LogError> {
    let Some(epoch) = epoch else { return Ok(()) };
    let sql = "SELECT epoch FROM lease WHERE epoch = $1 FOR KEY SHARE";
    let held = unit.rows(sql, &[&epoch]).await?;
    if held.is_empty() { Err(LogError::Outdated) } else { Ok(()) }
}
