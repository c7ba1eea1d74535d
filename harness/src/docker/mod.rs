//! The container runtime by Docker. Nothing outside this module names the client library, and
//! nothing in it touches an object that does not carry a run's labels.

mod action;
mod broker;
mod check;
mod connection;
mod container;
mod control;
mod error;
mod event;
mod find;
mod free_port;
pub mod image;
mod impair;
mod inside;
pub mod label;
mod logs;
mod network;
mod object;
mod provision;
mod proxy;
mod reach;
mod redrive;
mod resource;
mod runtime;
mod site;
mod start_order;
mod usage;
mod volume;

pub use connection::{Daemon, Facts, connect};
pub use error::DockerError;
pub use find::{FoundRun, find_runs};
pub use object::{Object, ObjectKind, list_objects, remove_objects};
pub use runtime::DockerRuntime;
