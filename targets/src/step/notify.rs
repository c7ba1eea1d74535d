//! Telling the customer how an order ended. No other step waits for it.

use crate::domain::order::Order;
use crate::domain::state::State;
use crate::log::now_micros;
use crate::store::{StoreError, Unit};

/// Notes down that the customer has been told.
pub(crate) async fn tell(unit: &Unit, order: &Order, state: State) -> Result<(), StoreError> {
    let sql = "INSERT INTO notifications (order_id, state, at) VALUES ($1, $2, $3)";
    unit.execute(sql, &[&order.id, &state.name(), &now_micros()]).await.map(drop)
}
