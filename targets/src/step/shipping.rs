//! Fulfilment: a parcel for goods, access for digital goods. It is the last step of every kind, so
//! its way back is needed only where nobody knows whether it was done.

use super::Outcome;
use crate::domain::order::Order;
use crate::domain::state::Reason;
use crate::mutant::{self, Mutant};
use crate::store::{StoreError, Unit};

/// The address that nobody can deliver to.
const UNDELIVERABLE_ADDRESS: &str = "nowhere";

/// Sends a parcel.
pub(crate) async fn ship(unit: &Unit, order: &Order) -> Result<Outcome, StoreError> {
    let anywhere = mutant::is_planted(Mutant::ShipAnywhere);
    if order.address == UNDELIVERABLE_ADDRESS && !anywhere {
        return Ok(Outcome::Refused(Reason::Undeliverable));
    }
    let sql = "INSERT INTO shipments (order_id, state) VALUES ($1, 'ACTIVE')";
    unit.execute(sql, &[&order.id]).await?;
    if mutant::strikes(Mutant::ShipTwice) {
        unit.execute(sql, &[&order.id]).await?;
    }
    Ok(Outcome::Done)
}

/// Grants access to digital goods.
pub(crate) async fn grant(unit: &Unit, order: &Order) -> Result<(), StoreError> {
    let sql = "INSERT INTO grants (order_id, state) VALUES ($1, 'ACTIVE')";
    unit.execute(sql, &[&order.id]).await.map(drop)
}

/// Calls parcels of an order back.
pub(crate) async fn cancel(unit: &Unit, order: &Order) -> Result<(), StoreError> {
    let sql = "UPDATE shipments SET state = 'CANCELLED' WHERE order_id = $1 AND state = 'ACTIVE'";
    unit.execute(sql, &[&order.id]).await.map(drop)
}

/// Takes access to digital goods away again.
pub(crate) async fn revoke(unit: &Unit, order: &Order) -> Result<(), StoreError> {
    let sql = "UPDATE grants SET state = 'REVOKED' WHERE order_id = $1 AND state = 'ACTIVE'";
    unit.execute(sql, &[&order.id]).await.map(drop)
}
