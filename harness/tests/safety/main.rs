//! The promises about safety, on the program itself and a real daemon: whatever happens to the
//! harness, its victims or Docker, the host is as before, and nobody else's things were touched.
//! These tests fail where there is no daemon.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "a test")]

mod daemon;
mod dirty;
mod fingerprint;
mod hardening;
mod kinds;
mod leftovers;
mod meddling;
mod program;
mod proxy;
mod second_daemon;
mod tiny;
mod trials;
mod writes;
