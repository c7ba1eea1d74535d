//! The pipeline manager: it leads each order through the steps of its kind, one after the other, and
//! back through those that were done where a step is refused or cannot be had in time.
//!
//! Everything it knows about an order is a log of what it was about to do (`intent`) and what came of
//! it (`outcome`). Where an order stands is a fold of that log, and what follows is a pure function
//! of it. So a manager that comes after a crash needs no special path: it reads the log and goes on.

mod answer;
mod clock;
mod definition;
mod lease;
mod log;
mod manager;
mod memory;
mod postgres;
mod retry;
mod runner;
#[cfg(test)]
mod simulation;
mod steps;
mod term;

pub(crate) use clock::Clock;
pub(crate) use log::SagaLog;
pub(crate) use manager::Manager;
pub(crate) use memory::MemoryLog;
pub(crate) use postgres::PostgresLog;
pub(crate) use runner::DEADLINE;
