//! An HTTP proxy before one replica: it makes the trouble that an application without a chaos switch
//! cannot make for itself, takes the same orders as such a switch, and passes everything else on.
//!
//! It speaks HTTP/1.1 and passes no upgrades on. Bodies stream through it, up to a bound.

mod answer;
mod door;
mod forward;
mod switch;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;
use std::sync::Arc;

use tokio::net::TcpListener;

use self::door::Door;
use self::forward::Forward;
use self::switch::Switch;
use super::Failure;
use crate::cli::ProxyArguments;

/// Threads that pass traffic on: it must not be what a replica waits for.
const THREADS: usize = 2;

/// Serves until it is killed.
pub(super) fn main(arguments: &ProxyArguments) -> Result<String, Failure> {
    let told = |said: String| Failure { exit_code: 1, said };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|error| told(format!("no threads can be started: {error}")))?;
    runtime.block_on(serve(arguments)).map_err(told)
}

/// Opens every port, or says which cannot be had; then serves them without an end.
async fn serve(arguments: &ProxyArguments) -> Result<String, String> {
    let switch = Arc::<Switch>::default();
    let mut doors = vec![(arguments.admin, Door::Admin(Arc::clone(&switch)))];
    for port in &arguments.http {
        let forward = Forward::new(*port, &arguments.upstream, Arc::clone(&switch));
        doors.push((*port, Door::Http(Arc::new(forward))));
    }
    for port in &arguments.pass {
        doors.push((*port, Door::Bytes(format!("{}:{port}", arguments.upstream))));
    }
    let mut serving = tokio::task::JoinSet::new();
    for (port, door) in doors {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await;
        let listener = listener.map_err(|error| format!("port {port} cannot be had: {error}"))?;
        serving.spawn(door::serve(listener, door));
    }
    crate::terminal::result(&format!("stands before {}", arguments.upstream));
    while serving.join_next().await.is_some() {}
    Err("it serves no port any more".to_owned())
}
