//! The process of the stub: it listens, follows what it is told on its standard input, and writes
//! its log when that ends.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Builder;
use tokio::sync::watch;

use super::conversation::converse;
use super::log::{Handled, Log};
use super::script::{Command, Outage, Script, Setup, Trouble};
use crate::calibration::clock;

/// Connections that may wait to be accepted: a whole second of the highest rate.
const BACKLOG: u32 = 8_192;
/// Slack that the kernel may add to the sleeps before a switch.
const TIMER_SLACK_NANOS: u64 = 1_000;
/// Pause before the listener is tried again.
const BIND_PAUSE: Duration = Duration::from_millis(1);

/// What connections share.
pub(super) struct Stub {
    /// What is done to requests.
    pub(super) script: watch::Sender<Script>,
    /// Whether nothing listens now.
    pub(super) refusing: watch::Sender<bool>,
    log: Mutex<Log>,
}

impl Stub {
    pub(super) fn record(&self, handled: Handled) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).orders.push(handled);
    }

    /// The states of all orders, one row of an audit a line.
    pub(super) fn audit(&self) -> String {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = log.orders.iter().filter_map(|it| {
            let state = it.fate.state()?;
            Some(format!(
                "{{\"table\":\"orders\",\"id\":\"{}\",\"state\":\"{state}\"}}\n",
                it.order
            ))
        });
        rows.collect()
    }

    fn switched(&self) {
        let now = clock::now();
        self.log.lock().unwrap_or_else(PoisonError::into_inner).switches.push(now);
    }
}

/// Runs the stub until its standard input ends.
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            crate::terminal::error(&format!("the stub of the calibration failed: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::io::Result<()> {
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line)?;
    let setup: Setup = serde_json::from_str(&line)?;
    // The kernel may refuse both: then fewer connections, or another core, must do.
    let _ = raise_file_limit();
    use_last_core();
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let stub = Arc::new(Stub {
        script: watch::Sender::new(Script { setup, outage: None }),
        refusing: watch::Sender::new(false),
        log: Mutex::new(Log::default()),
    });
    let listener = runtime.block_on(async { listen((Ipv4Addr::LOCALHOST, 0).into()) })?;
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", listener.local_addr()?.port())?;
    output.flush()?;
    runtime.spawn(serve(listener, Arc::clone(&stub)));
    for line in input.lines() {
        obey(&stub, serde_json::from_str(&line?)?);
    }
    let log = std::mem::take(&mut *stub.log.lock().unwrap_or_else(PoisonError::into_inner));
    runtime.shutdown_background();
    serde_json::to_writer(&mut output, &log)?;
    output.flush()
}

fn raise_file_limit() -> nix::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)
}

/// Where the containers of a target run, too.
fn use_last_core() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    if set.set(cores - 1).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

fn obey(stub: &Arc<Stub>, command: Command) {
    stub.script.send_modify(|script| match command {
        Command::Begin(outage) => script.outage = Some(outage),
        Command::End { at } => {
            if let Some(outage) = &mut script.outage {
                outage.until = Some(at);
            }
        }
    });
    let outage = stub.script.borrow().outage;
    if let Some(Outage { trouble: Trouble::Refuse, from, until, .. }) = outage {
        let (at, refusing) = until.map_or((from, true), |until| (until, false));
        let stub = Arc::clone(stub);
        // A thread, because the timers of the runtime are a millisecond coarse.
        std::thread::spawn(move || {
            let _ = nix::sys::prctl::set_timerslack(TIMER_SLACK_NANOS);
            std::thread::sleep(Duration::from_micros(at.saturating_sub(clock::now())));
            stub.refusing.send_replace(refusing);
        });
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn serve(listener: TcpListener, stub: Arc<Stub>) {
    let Ok(address) = listener.local_addr() else { return };
    let mut refusing = stub.refusing.subscribe();
    let mut listening = Some(listener);
    loop {
        if *refusing.borrow_and_update() {
            stub.switched();
            listening = None;
            if refusing.wait_for(|refusing| !refusing).await.is_err() {
                return;
            }
        }
        let Some(listener) = &listening else {
            match listen(address) {
                Ok(listener) => {
                    stub.switched();
                    listening = Some(listener);
                }
                Err(_) => tokio::time::sleep(BIND_PAUSE).await,
            }
            continue;
        };
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                tokio::spawn(converse(stream, Arc::clone(&stub)));
            },
            changed = refusing.changed() => if changed.is_err() { return },
        }
    }
}
