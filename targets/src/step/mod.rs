//! The steps of an order, each with its way back, written once for all architectures.
//!
//! A step works inside a transaction that its caller began. Going back is safe to do twice and
//! safe to do when nothing was done.

pub(crate) mod inventory;
pub(crate) mod notify;
pub(crate) mod payments;
pub(crate) mod shipping;

use crate::domain::state::Reason;

/// What a step came to, where the database did its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its effect is in the transaction.
    Done,
    /// The business refused; the step left nothing.
    Refused(Reason),
}
