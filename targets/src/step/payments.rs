//! Taking money and giving it back. The ledger is only ever added to.

use uuid::Uuid;

use super::Outcome;
use crate::domain::order::Order;
use crate::domain::state::Reason;
use crate::log::now_micros;
use crate::mutant::{self, Mutant};
use crate::store::{StoreError, Unit};

/// The card that is always declined.
const DECLINED_CARD: &str = "tok_decline";

/// Takes the amount of an order.
pub(crate) async fn charge(unit: &Unit, order: &Order) -> Result<Outcome, StoreError> {
    if order.card == DECLINED_CARD {
        return Ok(Outcome::Refused(Reason::Declined));
    }
    let amount = order.amount + i64::from(mutant::strikes(Mutant::WrongAmount));
    book(unit, order, amount).await?;
    if mutant::strikes(Mutant::ChargeTwice) {
        book(unit, order, amount).await?;
    }
    Ok(Outcome::Done)
}

async fn book(unit: &Unit, order: &Order, amount: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO ledger (entry, order_id, amount, at) VALUES ($1, $2, $3, $4)";
    let row = (Uuid::now_v7(), now_micros());
    unit.execute(sql, &[&row.0, &order.id, &amount, &row.1]).await.map(drop)
}

/// Gives back whatever has been taken for an order and not been given back yet.
pub(crate) async fn refund(unit: &Unit, order: &Order) -> Result<(), StoreError> {
    if mutant::is_planted(Mutant::KeepMoney) {
        return Ok(());
    }
    let rows = unit
        .execute(
            "INSERT INTO ledger (entry, order_id, amount, at)
         SELECT $1, $2, -sum(amount)::bigint, $3 FROM ledger WHERE order_id = $2
         HAVING sum(amount) > 0",
            &[&Uuid::now_v7(), &order.id, &now_micros()],
        )
        .await?;
    if rows > 0 && mutant::is_planted(Mutant::RefundTwice) {
        book(unit, order, -order.amount).await?;
    }
    Ok(())
}
