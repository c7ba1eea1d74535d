//! The table of orders: stored once, moved forward only.

use tokio_postgres::Row;

use super::{Database, StoreError, Unit};
use crate::domain::order::Order;
use crate::domain::state::{Reason, State};
use crate::log::now_micros;
use crate::mutant::{self, Mutant};
use crate::safeguard::{Safeguard, Safeguards};

/// An order as customers see it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct View {
    /// Its id.
    pub(crate) order_id: String,
    /// Name of its state.
    pub(crate) state: String,
    /// Why it was refused.
    pub(crate) reason: Option<String>,
    /// Grows with every change.
    pub(crate) version: i64,
    /// Time of the last change in unix microseconds.
    pub(crate) updated_at: i64,
}

impl View {
    /// Whether nothing follows.
    pub(crate) fn is_final(&self) -> bool {
        State::parse(&self.state).is_some_and(State::is_final)
    }

    fn of(row: &Row) -> Self {
        Self {
            order_id: row.get("id"),
            state: row.get("state"),
            reason: row.get("reason"),
            version: row.get("version"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// What storing an order came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// It is new and has to be processed.
    New(View),
    /// It was stored earlier: this is where it stands.
    Known(View),
    /// The id belongs to a different order.
    Conflict,
}

/// Stores an order. A repeated id is recognised here and nowhere else.
pub(crate) async fn open(
    unit: &Unit,
    order: &Order,
    safeguards: Safeguards,
) -> Result<Opening, StoreError> {
    let insert = if safeguards.has(Safeguard::Idempotency) { INSERT_ONCE } else { INSERT_AGAIN };
    let (kind, digest, now) = (order.kind.name(), order.digest(), now_micros());
    let inserted = unit
        .rows(insert, &[&order.id, &kind, &order.amount, &order.customer, &digest, &now])
        .await?;
    if let Some(row) = inserted.first() {
        return Ok(Opening::New(View::of(row)));
    }
    let sql = "SELECT id, state, reason, version, updated_at, digest FROM orders WHERE id = $1";
    let rows = unit.rows(sql, &[&order.id]).await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Undone(format!("order {} was there and is gone", order.id)))?;
    let same = row.get::<_, String>("digest") == digest;
    Ok(if same { Opening::Known(View::of(row)) } else { Opening::Conflict })
}

const INSERT_ONCE: &str = "
INSERT INTO orders (id, kind, state, version, amount, customer, digest, accepted_at, updated_at)
VALUES ($1, $2, 'ACCEPTED', 1, $3, $4, $5, $6, $6) ON CONFLICT (id) DO NOTHING
RETURNING id, state, reason, version, updated_at";

/// Without idempotency a repeated order is simply processed once more.
const INSERT_AGAIN: &str = "
INSERT INTO orders (id, kind, state, version, amount, customer, digest, accepted_at, updated_at)
VALUES ($1, $2, 'ACCEPTED', 1, $3, $4, $5, $6, $6)
ON CONFLICT (id) DO UPDATE SET version = orders.version + 1, updated_at = $6
RETURNING id, state, reason, version, updated_at";

/// Moves an order forward; returns nothing where it is already as far or further.
pub(crate) async fn advance(
    unit: &Unit,
    id: &str,
    to: State,
    reason: Option<Reason>,
) -> Result<Option<View>, StoreError> {
    let reason = reason.map(Reason::name);
    let from = match mutant::is_planted(Mutant::MoveBack) {
        true => State::ALL.map(State::name).to_vec(),
        false => to.may_start_from(),
    };
    let rows = unit
        .rows(
            "UPDATE orders SET state = $2, reason = coalesce($3::text, reason), version = version + 1,
                 updated_at = $4::bigint, terminal_at = CASE WHEN $5::boolean THEN $4::bigint END
             WHERE id = $1 AND state = ANY ($6)
             RETURNING id, state, reason, version, updated_at",
            &[&id, &to.name(), &reason, &now_micros(), &to.is_final(), &from],
        )
        .await?;
    Ok(rows.first().map(View::of))
}

/// Whether an order with this id is stored.
pub(crate) async fn exists(unit: &Unit, id: &str) -> Result<bool, StoreError> {
    Ok(!unit.rows("SELECT 1 FROM orders WHERE id = $1", &[&id]).await?.is_empty())
}

/// Where an order stands.
pub(crate) async fn find(database: &Database, id: &str) -> Result<Option<View>, StoreError> {
    let sql = "SELECT id, state, reason, version, updated_at FROM orders WHERE id = $1";
    Ok(database.rows(sql, &[&id]).await?.first().map(View::of))
}

/// The number of orders that are not final yet.
pub(crate) async fn count_open(database: &Database) -> Result<i64, StoreError> {
    let sql = "SELECT count(*) FROM orders WHERE terminal_at IS NULL";
    Ok(database.rows(sql, &[]).await?.first().map_or(0, |row| row.get(0)))
}
