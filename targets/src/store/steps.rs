//! Which steps of an order were asked for here, and what became of them: one row per order and
//! step, locked for as long as either direction works on it.
//!
//! The row makes a repeated request harmless, gives a lost answer again, and is a tombstone: a step
//! that arrives after it was undone is refused, however late the network delivers it.

use super::{StoreError, Unit};
use crate::domain::state::Reason;
use crate::domain::step::Step;
use crate::log::now_micros;
use crate::mutant::{self, Mutant};
use crate::step::Outcome;

/// What a request to do a step finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Forward {
    /// It was never asked for: it has to be done.
    New,
    /// It was asked for before: what it came to.
    Known(Outcome),
    /// It has been undone already: it must not be done any more.
    Undone,
}

/// What a request to undo a step finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Backward {
    /// Whatever it has left has to be undone.
    New,
    /// That has happened before.
    Known,
}

/// Locks the row of a step, and says what a request to do it finds.
pub(crate) async fn begin(unit: &Unit, order: &str, step: Step) -> Result<Forward, StoreError> {
    let row = lock(unit, order, step).await?;
    Ok(match (row.compensated, row.outcome.as_deref()) {
        (true, _) if mutant::is_planted(Mutant::ForgetTombstone) => Forward::New,
        (true, _) => Forward::Undone,
        (false, None) => Forward::New,
        (false, Some("done")) if mutant::is_planted(Mutant::RenewKey) => Forward::New,
        (false, Some("done")) => Forward::Known(Outcome::Done),
        (false, Some(_)) => Forward::Known(Outcome::Refused(row.reason()?)),
    })
}

/// Notes down what a step came to.
pub(crate) async fn finish(
    unit: &Unit,
    order: &str,
    step: Step,
    outcome: Outcome,
) -> Result<(), StoreError> {
    let (outcome, reason) = match outcome {
        Outcome::Done => ("done", None),
        Outcome::Refused(reason) => ("refused", Some(reason.name())),
    };
    let sql = "UPDATE steps SET outcome = $3, reason = $4 WHERE order_id = $1 AND step = $2";
    unit.execute(sql, &[&order, &step.name(), &outcome, &reason]).await.map(drop)
}

/// Locks the row of a step, makes it a tombstone, and says what a request to undo it finds.
pub(crate) async fn undo(unit: &Unit, order: &str, step: Step) -> Result<Backward, StoreError> {
    if lock(unit, order, step).await?.compensated {
        return Ok(Backward::Known);
    }
    let sql = "UPDATE steps SET compensated = true WHERE order_id = $1 AND step = $2";
    unit.execute(sql, &[&order, &step.name()]).await?;
    Ok(Backward::New)
}

/// Notes down the epoch of whoever asks, and says whether it is the newest so far. The row stays
/// locked, so that no older request slips in behind a newer one.
pub(crate) async fn is_current(unit: &Unit, epoch: i64) -> Result<bool, StoreError> {
    unit.execute("UPDATE epoch SET epoch = $1 WHERE epoch < $1", &[&epoch]).await?;
    let rows = unit.rows("SELECT epoch FROM epoch FOR SHARE", &[]).await?;
    Ok(rows.first().is_some_and(|row| row.get::<_, i64>(0) == epoch))
}

struct Row {
    outcome: Option<String>,
    reason: Option<String>,
    compensated: bool,
}

impl Row {
    fn reason(&self) -> Result<Reason, StoreError> {
        let name = self.reason.as_deref().unwrap_or_default();
        Reason::parse(name)
            .ok_or_else(|| StoreError::Undone(format!("a step was refused for `{name}`")))
    }
}

async fn lock(unit: &Unit, order: &str, step: Step) -> Result<Row, StoreError> {
    // The update that changes nothing takes the lock and returns the row, whoever wrote it.
    let sql = "INSERT INTO steps (order_id, step, at) VALUES ($1, $2, $3)
               ON CONFLICT (order_id, step) DO UPDATE SET at = steps.at
               RETURNING outcome, reason, compensated";
    let rows = unit.rows(sql, &[&order, &step.name(), &now_micros()]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Undone("a step has no row".into()))?;
    Ok(Row {
        outcome: row.get("outcome"),
        reason: row.get("reason"),
        compensated: row.get("compensated"),
    })
}
