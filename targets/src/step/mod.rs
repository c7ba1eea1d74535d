//! The steps of an order, each with its way back, written once for all architectures.
//!
//! A step works inside a transaction that its caller began. Going back is safe to do twice and
//! safe to do when nothing was done.

pub(crate) mod inventory;
pub(crate) mod notify;
pub(crate) mod payments;
pub(crate) mod shipping;

use crate::domain::order::Order;
use crate::domain::state::{Reason, State};
use crate::domain::step::Step;
use crate::store::{StoreError, Unit};

/// What a step came to, where the database did its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its effect is in the transaction.
    Done,
    /// The business refused; the step left nothing.
    Refused(Reason),
}

/// Does a step of an order.
pub(crate) async fn forward(unit: &Unit, step: Step, order: &Order) -> Result<Outcome, StoreError> {
    match step {
        Step::Reserve => return inventory::reserve(unit, order).await,
        Step::Charge => return payments::charge(unit, order).await,
        Step::Ship => return shipping::ship(unit, order).await,
        Step::Grant => shipping::grant(unit, order).await?,
        Step::Consume => inventory::consume(unit, order).await?,
        Step::Notify => notify::tell(unit, order, State::Completed).await?,
    }
    Ok(Outcome::Done)
}

/// Undoes whatever a step of an order has left. The way back of telling the customer is to tell
/// that the order was refused.
pub(crate) async fn compensate(unit: &Unit, step: Step, order: &Order) -> Result<(), StoreError> {
    match step {
        Step::Reserve => inventory::release(unit, order).await,
        Step::Charge => payments::refund(unit, order).await,
        Step::Ship => shipping::cancel(unit, order).await,
        Step::Grant => shipping::revoke(unit, order).await,
        Step::Consume => Ok(()),
        Step::Notify => notify::tell(unit, order, State::Rejected).await,
    }
}
