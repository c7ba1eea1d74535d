//! The ids of messages that were handled, stored with their effects: the one place that keeps a
//! message that comes twice from having its effect twice.

use std::collections::HashSet;

use uuid::Uuid;

use super::handling::Effects;
use crate::log::now_micros;
use crate::mutant::{self, Mutant};
use crate::safeguard::{Safeguard, Safeguards};
use crate::store::{StoreError, Unit};

/// Says which messages have to be handled: those that nobody has noted down before.
pub(super) async fn admit<E: Effects>(
    effects: &E,
    unit: &E::Unit,
    ids: &[Uuid],
    safeguards: Safeguards,
) -> Result<Vec<bool>, StoreError> {
    if !safeguards.has(Safeguard::Inbox) || mutant::is_planted(Mutant::SkipInbox) {
        return Ok(vec![true; ids.len()]);
    }
    let mut new = effects.note(unit, ids).await?;
    // The same id twice in one batch: the first is new, the second is not.
    Ok(ids.iter().map(|id| new.remove(id)).collect())
}

/// Notes down message ids in a transaction, and returns those that were not there yet. They are
/// taken in sorted order, so that two replicas that got the same messages never wait for each other.
pub(super) async fn note(unit: &Unit, ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
    let rows = unit
        .rows(
            "INSERT INTO inbox (message_id, handled_at)
             SELECT id, $2 FROM unnest($1::uuid[]) AS id ORDER BY id
             ON CONFLICT DO NOTHING RETURNING message_id",
            &[&ids, &now_micros()],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
