//! The container runtime on a real daemon. These tests fail where there is none: they are the proof
//! that containers are made, killed, watched and removed as said.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unchecked_time_subtraction,
    reason = "a test"
)]

mod bare;
mod broker;
mod broker_client;
mod cleaning;
mod databases;
mod faults;
mod figures;
mod fixture;
mod images;
mod lifecycle;
mod meddling;
mod metrics;
mod packets;
mod proxies;
mod resources;
mod topology;
mod trouble;
mod volumes;
