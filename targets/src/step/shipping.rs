//! Fulfilment: a parcel for goods, access for digital goods. It is the last step of every kind, so
//! nothing that follows it can be refused.

use super::Outcome;
use crate::domain::order::Order;
use crate::domain::state::Reason;
use crate::store::{StoreError, Unit};

/// The address that nobody can deliver to.
const UNDELIVERABLE_ADDRESS: &str = "nowhere";

/// Sends a parcel.
pub(crate) async fn ship(unit: &Unit, order: &Order) -> Result<Outcome, StoreError> {
    if order.address == UNDELIVERABLE_ADDRESS {
        return Ok(Outcome::Refused(Reason::Undeliverable));
    }
    let sql = "INSERT INTO shipments (order_id, state) VALUES ($1, 'ACTIVE')";
    unit.execute(sql, &[&order.id]).await?;
    Ok(Outcome::Done)
}

/// Grants access to digital goods.
pub(crate) async fn grant(unit: &Unit, order: &Order) -> Result<(), StoreError> {
    let sql = "INSERT INTO grants (order_id, state) VALUES ($1, 'ACTIVE')";
    unit.execute(sql, &[&order.id]).await.map(drop)
}
