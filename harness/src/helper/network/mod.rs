//! The network helper: holds, drops, doubles or damages packets of the network namespace that it
//! runs in. It ends with its standard input, when it hears nothing more, or by its own timer, and
//! removes its rules; killed, it leaves rules that let everything pass.

mod fate;
pub mod protocol;
mod queue;
mod rules;

use std::io::BufRead;
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use self::protocol::{Counters, Order, Sign, Told};
use self::queue::Packets;
use super::Failure;
use crate::terminal;

/// No fault lasts longer.
const LIMIT: Duration = Duration::from_secs(600);
/// Without a sign of life for so long, nobody is there any more.
const SILENCE: Duration = Duration::from_secs(5);
/// The first line comes within this time.
const FIRST_LINE: Duration = Duration::from_secs(5);
/// How long packets may be in the queue unseen: the crate cannot wait for them with a timeout.
const TICK: Duration = Duration::from_micros(250);
/// How often counters are told.
const TELL: Duration = Duration::from_millis(100);
/// Where the kernel tells what did not fit into its queues.
const KERNEL: &str = "/proc/self/net/netfilter/nfnetlink_queue";

/// Does what the first line of the standard input orders, until it is to end.
pub(super) fn main() -> Result<String, Failure> {
    let lines = lines();
    let done = act(&lines);
    let undone = rules::remove();
    let failed = |said| Failure { exit_code: 1, said: line(&Told::Failed(said)) };
    done.map_err(failed)?;
    undone.map_err(failed)?;
    Ok(line(&Told::Undone))
}

/// Removes what a helper that was killed left.
pub(super) fn sweep() -> Result<String, Failure> {
    let failed = |said| Failure { exit_code: 1, said: line(&Told::Failed(said)) };
    rules::remove().map_err(failed)?;
    Ok(line(&Told::Undone))
}

fn act(lines: &Receiver<String>) -> Result<(), String> {
    let first = lines.recv_timeout(FIRST_LINE).map_err(|_| "nobody says what to do".to_owned())?;
    let order: Order = serde_json::from_str(&first).map_err(|error| format!("order: {error}"))?;
    rules::remove()?;
    // The queue stands before rules lead there.
    let mut packets = Packets::open(&order.impairment)?;
    rules::set(order.impairment.direction, order.peers.as_deref())?;
    terminal::result(&line(&Told::Acting));
    let done = serve(&mut packets, &order, lines);
    packets.release();
    done
}

fn serve(packets: &mut Packets, order: &Order, lines: &Receiver<String>) -> Result<(), String> {
    let began = Instant::now();
    let (mut heard, mut told) = (began, began);
    let mut last = Counters::default();
    while began.elapsed() < LIMIT && heard.elapsed() < SILENCE {
        match lines.try_recv() {
            Ok(text) => {
                heard = Instant::now();
                let sign: Sign =
                    serde_json::from_str(&text).map_err(|error| format!("sign: {error}"))?;
                if let Some(peers) = sign.peers {
                    rules::set(order.impairment.direction, Some(&peers))?;
                }
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => break,
        }
        let next = packets.turn()?;
        if told.elapsed() >= TELL {
            told = Instant::now();
            let now = with_overruns(packets.counters);
            if now != last {
                terminal::result(&line(&Told::Did(now)));
                last = now;
            }
        }
        let pause = next.map_or(TICK, |due| due.saturating_duration_since(Instant::now()));
        thread::sleep(pause.min(TICK));
    }
    terminal::result(&line(&Told::Did(with_overruns(packets.counters))));
    Ok(())
}

/// Adds what the kernel could not give us.
fn with_overruns(counters: Counters) -> Counters {
    let text = std::fs::read_to_string(KERNEL).unwrap_or_default();
    Counters { overruns: counters.overruns + kernel_overruns(&text), ..counters }
}

/// The sixth and seventh column: packets that did not fit into the queue, or into our socket.
fn kernel_overruns(text: &str) -> u64 {
    let of_line = |line: &str| -> u64 {
        line.split_whitespace().skip(5).take(2).filter_map(|it| it.parse::<u64>().ok()).sum()
    };
    text.lines().map(of_line).sum()
}

/// The lines of the standard input; its end closes the channel.
fn lines() -> Receiver<String> {
    let (tell, told) = mpsc::sync_channel(16);
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    told
}

fn line(told: &Told) -> String {
    serde_json::to_string(told).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overruns_are_read_from_the_kernels_table() {
        let text = " 4601  1234     0 2    64     3     4       17  1\n 4602 1234 0 2 64 0 1 5 1\n";
        assert_eq!(kernel_overruns(text), 8);
        assert_eq!(kernel_overruns(""), 0);
    }
}
