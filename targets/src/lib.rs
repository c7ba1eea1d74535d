//! The application under test: order checkout, in several architectures.
//!
//! One crate, one set of handlers and SQL statements: what differs between the architectures is
//! one file each under `wiring`, so that a difference in behaviour under faults is a difference of
//! the architecture. The crate knows nothing of the harness that runs it.
#![warn(missing_docs)]

mod addresses;
mod architecture;
mod backlog;
mod chaos_switch;
mod client;
mod domain;
mod http;
mod log;
mod messaging;
mod metrics;
mod mutant;
mod role;
mod safeguard;
mod saga;
mod settings;
mod step;
mod store;
#[cfg(test)]
mod trial;
mod wiring;

pub use architecture::{Architecture, CATALOGUE};
pub use role::main;
