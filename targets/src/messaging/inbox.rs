//! The ids of messages that were handled, stored with their effects: the one place that keeps a
//! message that comes twice from having its effect twice.

use std::collections::HashSet;

use uuid::Uuid;

use crate::log::now_micros;
use crate::mutant::{self, Mutant};
use crate::safeguard::{Safeguard, Safeguards};
use crate::store::{StoreError, Unit};

/// Notes down message ids and says which of them are new. Ids are taken in sorted order, so that
/// two replicas that got the same messages never wait for each other.
pub(super) async fn admit(
    unit: &Unit,
    ids: &[Uuid],
    safeguards: Safeguards,
) -> Result<Vec<bool>, StoreError> {
    if !safeguards.has(Safeguard::Inbox) || mutant::is_planted(Mutant::SkipInbox) {
        return Ok(vec![true; ids.len()]);
    }
    let rows = unit
        .rows(
            "INSERT INTO inbox (message_id, handled_at)
             SELECT id, $2 FROM unnest($1::uuid[]) AS id ORDER BY id
             ON CONFLICT DO NOTHING RETURNING message_id",
            &[&ids, &now_micros()],
        )
        .await?;
    let mut new: HashSet<Uuid> = rows.iter().map(|row| row.get(0)).collect();
    // The same id twice in one batch: the first is new, the second is not.
    Ok(ids.iter().map(|id| new.remove(id)).collect())
}
