//! What a load does to the process around it: standard output stays ours, the interrupt signal
//! stays ours, no certificates are needed, and it costs little CPU time. The load runs in a process
//! of its own, the server in another, and a third keeps the server's core busy.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unchecked_time_subtraction,
    reason = "a test"
)]

#[path = "../truth_load/run.rs"]
#[expect(dead_code, reason = "shared with the other tests of the load")]
mod run;
#[path = "../truth_load/server.rs"]
#[expect(dead_code, reason = "shared with the other tests of the load")]
mod server;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chaos_harness::load::claim_signals;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, raise};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use run::{Left, Run, plan};
use server::{Mode, Server};

const NAME: &str = "a_load_leaves_its_process_alone";
const TIMEOUT: Duration = Duration::from_secs(3);
const LENGTH: Duration = Duration::from_secs(8);
/// Of one core, at 100 requests a second.
const MOST_CPU: f64 = 0.10;

/// Speaks the part of the test protocol that runners need; libtest itself would write to the
/// standard output that is tested.
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve"] => serve(),
        ["burn"] => burn(),
        ["load", engine, url] => load(engine, url),
        _ if words.contains(&"--list") => {
            if !words.contains(&"--ignored") {
                println!("{NAME}: test");
            }
        }
        _ if words.contains(&"--ignored") => {}
        _ => {
            compare();
            println!("test {NAME} ... ok");
        }
    }
}

/// Kills a helper process when the test ends, however it ends.
struct Helper(Child);

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn this(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this executable"));
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}

fn compare() {
    let mut server = Helper(this(&["serve"]).spawn().expect("a server"));
    let _busy = Helper(this(&["burn"]).spawn().expect("a burner"));
    let mut url = String::new();
    let told = server.0.stdout.take().expect("its output");
    BufReader::new(told).read_line(&mut url).expect("its address");
    for engine in ["goose", "direct"] {
        let output = this(&["load", engine, url.trim()])
            .env("SSL_CERT_FILE", "/nonexistent")
            .env("SSL_CERT_DIR", "/nonexistent")
            .env("http_proxy", "http://127.0.0.1:9")
            .stderr(Stdio::piped())
            .output()
            .expect("a load");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        eprint!("{err}");
        assert!(output.status.success(), "{engine}: {}", output.status);
        assert_eq!(out, "two signals seen\n", "standard output is the caller's alone");
        for word in ["WARN", "launched", "ERROR"] {
            assert!(!err.contains(word), "{engine} writes: {err}");
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn serve() {
    use_last_core();
    let server = Server::start(Mode::COMPLETED);
    println!("{}", server.url());
    loop {
        std::thread::park();
    }
}

fn burn() {
    use_last_core();
    loop {
        std::hint::spin_loop();
    }
}

/// Targets are given the last core.
fn use_last_core() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    set.set(cores - 1).expect("a core");
    // A machine that forbids it is still a machine to test on.
    let _ = sched_setaffinity(Pid::from_raw(0), &set);
}

fn load(engine: &str, url: &str) {
    claim_signals().expect("nobody took the signals before");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut interrupts = signal(SignalKind::interrupt()).expect("a handler");
        let running = Run::start_at(&plan(engine, 100.0, TIMEOUT), url).await;
        let started = Instant::now();
        for number in 1..=2 {
            sleep(LENGTH / 2).await;
            raise(Signal::SIGINT).expect("a signal");
            let seen = timeout(Duration::from_secs(1), interrupts.recv()).await;
            assert!(matches!(seen, Ok(Some(()))), "interrupt {number} was not seen");
        }
        let elapsed = started.elapsed();
        let left = running.stop().await;
        check_figures(engine, &left, elapsed);
        let refused = Run::start_at(&plan(engine, 100.0, TIMEOUT), "http://127.0.0.1:1").await;
        sleep(Duration::from_secs(1)).await;
        let left = refused.stop().await;
        left.check_books();
        assert_eq!(left.sum(|w| w.fail), left.sum(|w| w.due), "nothing listens there");
    });
    println!("two signals seen");
}

fn check_figures(engine: &str, left: &Left, elapsed: Duration) {
    left.check_books();
    left.print_lag(&format!("{engine} at 100/s beside a busy core"));
    let sent = left.record.generator.sent as f64;
    assert_eq!(left.sum(|w| w.good), left.record.generator.sent, "the signals disturbed nothing");
    let cpu = left.record.generator.cpu as f64 / 1e6 / (elapsed + left.stop).as_secs_f64();
    let rate = sent / elapsed.as_secs_f64();
    eprintln!("{engine}: {rate:.1} sent a second, {:.2} % of a core", cpu * 100.0);
    assert!(cpu <= MOST_CPU, "{cpu} of a core");
}
