//! Setting goods aside: reserve, and later either release or consume.
//!
//! Stock rows are always locked in the order of their sku, so that two transactions never wait for
//! each other.

use std::collections::HashMap;

use super::Outcome;
use crate::domain::order::Order;
use crate::domain::product::{self, Product};
use crate::domain::state::Reason;
use crate::mutant::{self, Mutant};
use crate::store::{Database, StoreError, Unit};

/// Locks the stock rows of several orders at once, before any of them is worked on.
pub(crate) async fn lock(
    unit: &Unit,
    orders: impl Iterator<Item = &Order>,
) -> Result<(), StoreError> {
    let mut skus: Vec<&str> = orders.flat_map(Order::skus).collect();
    skus.sort_unstable();
    skus.dedup();
    available(unit, &skus).await.map(drop)
}

/// Sets all pieces of an order aside, or none.
pub(crate) async fn reserve(unit: &Unit, order: &Order) -> Result<Outcome, StoreError> {
    let free = available(unit, &order.skus()).await?;
    let enough = |sku: &str, quantity: i64| free.get(sku).is_some_and(|free| *free >= quantity);
    let fits = order.items.iter().all(|item| enough(&item.sku, item.quantity));
    if !fits && !mutant::is_planted(Mutant::Oversell) {
        return Ok(Outcome::Refused(Reason::OutOfStock));
    }
    let quantities: Vec<i64> = order.items.iter().map(|item| item.quantity).collect();
    unit.execute(RESERVE, &[&order.id, &order.skus(), &quantities]).await?;
    Ok(Outcome::Done)
}

/// Gives back what is still set aside for an order.
pub(crate) async fn release(unit: &Unit, order: &Order) -> Result<(), StoreError> {
    if mutant::is_planted(Mutant::KeepReserved) {
        return Ok(());
    }
    let rows = unit.execute(RELEASE, &[&order.id]).await?;
    if rows > 0 && mutant::is_planted(Mutant::ReleaseTwice) {
        let again = "UPDATE stock SET available = available + quantity FROM reservations
                     WHERE reservations.sku = stock.sku AND order_id = $1";
        unit.execute(again, &[&order.id]).await?;
    }
    Ok(())
}

/// Takes what is set aside for an order out of the stock for good.
pub(crate) async fn consume(unit: &Unit, order: &Order) -> Result<(), StoreError> {
    if mutant::strikes(Mutant::NeverConsume) {
        return Ok(());
    }
    unit.execute(CONSUME, &[&order.id]).await.map(drop)
}

/// A product with the number of pieces that are free.
pub(crate) async fn offer(
    database: &Database,
    sku: &str,
) -> Result<Option<(Product, i64)>, StoreError> {
    let Some(product) = product::find(sku) else { return Ok(None) };
    let rows = database.rows("SELECT available FROM stock WHERE sku = $1", &[&sku]).await?;
    Ok(Some((product, rows.first().map_or(0, |row| row.get(0)))))
}

async fn available(unit: &Unit, skus: &[&str]) -> Result<HashMap<String, i64>, StoreError> {
    let sql = "SELECT sku, available FROM stock WHERE sku = ANY ($1) ORDER BY sku FOR UPDATE";
    let rows = unit.rows(sql, &[&skus]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

const RESERVE: &str = "
WITH wanted AS (SELECT * FROM unnest($2::text[], $3::bigint[]) AS wanted (sku, quantity)),
     taken AS (UPDATE stock SET available = available - quantity, reserved = reserved + quantity
               FROM wanted WHERE stock.sku = wanted.sku)
INSERT INTO reservations SELECT $1, sku, quantity, 'RESERVED' FROM wanted";

const RELEASE: &str = "
WITH freed AS (UPDATE reservations SET state = 'RELEASED'
               WHERE order_id = $1 AND state = 'RESERVED' RETURNING sku, quantity),
     pieces AS (SELECT sku, sum(quantity)::bigint AS quantity FROM freed GROUP BY sku)
UPDATE stock SET available = available + quantity, reserved = reserved - quantity
FROM pieces WHERE stock.sku = pieces.sku";

const CONSUME: &str = "
WITH used AS (UPDATE reservations SET state = 'CONSUMED'
              WHERE order_id = $1 AND state = 'RESERVED' RETURNING sku, quantity),
     pieces AS (SELECT sku, sum(quantity)::bigint AS quantity FROM used GROUP BY sku)
UPDATE stock SET reserved = reserved - quantity, consumed = consumed + quantity
FROM pieces WHERE stock.sku = pieces.sku";
