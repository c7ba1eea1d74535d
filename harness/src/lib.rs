//! The harness: starts targets as containers, drives load, injects faults, watches, audits, judges
//! and reports. Async, Docker, goose, clap, files and signals live in this crate alone; what is
//! asked and what it means live in `chaos-scenarios` and `chaos-reports`, which are pure.

pub mod audit;
pub mod calibration;
pub mod clean;
pub mod cli;
pub mod command;
pub mod docker;
pub mod doctor;
pub mod exit;
pub mod experiment;
pub mod folder;
pub mod helper;
mod http;
pub mod load;
pub mod lock;
pub mod owner;
pub mod packet_queue;
pub mod port;
pub mod recorder;
mod redrive;
pub mod run;
pub mod sample;
pub mod serve;
pub mod stop;
pub mod terminal;
