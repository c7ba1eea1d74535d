//! What is asked of a system under test: scenarios, targets, workloads, faults, and the [`Plan`]
//! they compile to.
//!
//! This crate is pure: text in, values out. It has no clock, no IO, no async and no chance but the
//! seed that it is handed, so that everything wrong in a file is found before anything is started,
//! and the same seed gives the same plan.
//!
//! [`Plan`]: plan::Plan

pub mod action;
pub mod claim;
pub mod expectation;
pub mod experiment;
pub mod fault;
pub mod library;
pub mod measure;
pub mod plan;
pub mod quantity;
pub mod random;
pub mod scenario;
pub mod schema;
pub mod selector;
pub mod target;
pub mod text;
pub mod workload;
