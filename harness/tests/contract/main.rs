//! One contract, two implementations: the inventory service in Rust and in Python are asked the same
//! over HTTP, AMQP and SQL, as black boxes, and have to answer the same. Whoever passes can take the
//! other's place under load, which is tested, too.
//!
//! Two tests, because containers are what takes the time: without and with a message broker.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test")]

mod broker;
mod case;
mod direct;
mod doors;
mod flows;
mod load;
mod order;
mod outage;
mod queues;
mod service;
mod shop;
mod stage;
mod steps;
mod wrong;
