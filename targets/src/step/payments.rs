//! Taking money and giving it back. The ledger is only ever added to.

use uuid::Uuid;

use super::Outcome;
use crate::domain::order::Order;
use crate::domain::state::Reason;
use crate::log::now_micros;
use crate::store::{StoreError, Unit};

/// The card that is always declined.
const DECLINED_CARD: &str = "tok_decline";

/// Takes the amount of an order.
pub(crate) async fn charge(unit: &Unit, order: &Order) -> Result<Outcome, StoreError> {
    if order.card == DECLINED_CARD {
        return Ok(Outcome::Refused(Reason::Declined));
    }
    unit.execute(
        "INSERT INTO ledger (entry, order_id, amount, at) VALUES ($1, $2, $3, $4)",
        &[&Uuid::now_v7(), &order.id, &order.amount, &now_micros()],
    )
    .await?;
    Ok(Outcome::Done)
}

/// Gives back whatever has been taken for an order and not been given back yet.
pub(crate) async fn refund(unit: &Unit, order: &Order) -> Result<(), StoreError> {
    unit.execute(
        "INSERT INTO ledger (entry, order_id, amount, at)
         SELECT $1, $2, -sum(amount)::bigint, $3 FROM ledger WHERE order_id = $2
         HAVING sum(amount) > 0",
        &[&Uuid::now_v7(), &order.id, &now_micros()],
    )
    .await
    .map(drop)
}
