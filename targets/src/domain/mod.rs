//! What an order is and what may become of it: pure rules, no clock, no database, no network.

pub(crate) mod event;
pub(crate) mod order;
pub(crate) mod product;
pub(crate) mod state;
pub(crate) mod step;
