//! The truth: a server, in a process of its own, that does to requests what it is told for exactly
//! known times, and remembers what it did to each.

mod conversation;
mod log;
mod process;
mod script;
mod server;

pub use self::log::{Fate, Handled, Log};
pub use self::process::StubProcess;
pub use self::script::{Behaviour, Command, Latency, Outage, Script, Setup, Trouble};
pub use self::server::main;
