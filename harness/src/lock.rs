//! One experiment at a time on a daemon.
