//! The network helper: holds, drops, doubles or damages packets of the network namespace that it
//! runs in. It ends with its standard input, when it hears nothing more, or by its own timer, and
//! removes its rules; killed, it leaves rules that let everything pass.

mod fate;
mod netlink;
mod orders;
mod packets;
pub mod protocol;
mod rules;

use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use self::orders::Orders;
use self::packets::Packets;
use self::protocol::{Account, Order, Told};
use super::Failure;
use crate::terminal;

/// No fault lasts longer.
const LIMIT: Duration = Duration::from_secs(600);
/// Without a sign of life for so long, nobody is there any more.
const SILENCE: Duration = Duration::from_secs(5);
/// The first order comes within this time: starting a container may take long on a busy machine.
const FIRST_ORDER: Duration = Duration::from_secs(30);
/// How often counters are told. A first effect is told at once.
const TELL: Duration = Duration::from_millis(100);
/// How often it is looked whether rules are set, while packets go on being served.
const LOOK: Duration = Duration::from_millis(1);

/// Does what the standard input orders, until it is to end.
pub(super) fn main() -> Result<String, Failure> {
    act().map_err(failed)?;
    Ok(line(&Told::Undone))
}

fn failed(said: String) -> Failure {
    Failure { exit_code: 1, said: line(&Told::Failed(said)) }
}

fn act() -> Result<(), String> {
    rules::remove()?;
    // The queues stand before rules lead there.
    let mut packets = Packets::open()?;
    let (told, now) = (Account::default(), Instant::now());
    let mut service = Service { told, given_up: now + FIRST_ORDER, began: now };
    let done = service.serve(&mut packets);
    let undone = undo(&mut packets);
    tell(&Told::Did(service.told));
    done.and(undone)
}

/// Lets everything through, and goes on doing so until no rule leads here: what waits in a queue
/// whose reader ends is dropped by the kernel, which would be one more fault.
fn undo(packets: &mut Packets) -> Result<(), String> {
    let passing = packets.meet(&[]);
    let removed = serving(packets, rules::remove);
    packets.turn()?;
    passing.and(removed)
}

/// Does something that takes time while packets are served.
fn serving(
    packets: &mut Packets,
    work: impl FnOnce() -> Result<(), String> + Send,
) -> Result<(), String> {
    thread::scope(|scope| {
        let working = scope.spawn(work);
        while !working.is_finished() {
            let next = packets.turn()?;
            wait(&[packets.as_fd()], soonest(next, Instant::now() + LOOK))?;
        }
        working.join().map_err(|_| "setting rules panicked".to_owned())?
    })
}

/// Serves packets as it is ordered.
struct Service {
    /// What was told last.
    told: Account,
    /// When it ends, unless somebody is heard.
    given_up: Instant,
    /// When the last order came.
    began: Instant,
}

impl Service {
    fn serve(&mut self, packets: &mut Packets) -> Result<(), String> {
        let (mut orders, mut tell_again) = (Orders::new(), Instant::now());
        let mut there_is_order = false;
        while Instant::now() < self.given_up {
            if self.began.elapsed() >= LIMIT && packets.is_meeting() {
                break;
            }
            if there_is_order && self.obey(&mut orders, packets)? {
                break;
            }
            let next = packets.turn()?;
            let account = packets.account();
            let now = Instant::now();
            if self.is_news(&account) || (now >= tell_again && account != self.told) {
                tell(&Told::Did(account.clone()));
                (self.told, tell_again) = (account, now + TELL);
            }
            let mut until = soonest(next, self.given_up);
            if packets.account() != self.told {
                until = until.min(tell_again);
            }
            there_is_order = wait(&[packets.as_fd(), orders.as_fd()], until)?[1];
        }
        self.told = packets.account();
        Ok(())
    }

    /// Whether some part had its first effect.
    fn is_news(&self, account: &Account) -> bool {
        let before = |number| self.told.parts.get(number).map_or(0, protocol::Counters::acted);
        account.parts.iter().any(|(number, now)| before(number) == 0 && now.acted() > 0)
    }

    /// Does what there is to do; returns whether it was the last.
    fn obey(&mut self, orders: &mut Orders, packets: &mut Packets) -> Result<bool, String> {
        let heard = orders.hear()?;
        self.given_up = Instant::now() + SILENCE;
        for order in heard.orders {
            if let Order::Do(parts) = order {
                packets.meet(&parts)?;
                serving(packets, || match parts.is_empty() {
                    true => rules::remove(),
                    false => rules::set(&parts),
                })?;
                self.began = Instant::now();
                tell(&Told::Acting);
            }
        }
        Ok(heard.is_end)
    }
}

fn soonest(next: Option<Instant>, other: Instant) -> Instant {
    next.map_or(other, |next| next.min(other))
}

/// Waits until something can be read, at most until a moment; returns which can be.
fn wait<const COUNT: usize>(
    files: &[std::os::fd::BorrowedFd<'_>; COUNT],
    until: Instant,
) -> Result<[bool; COUNT], String> {
    let mut looked = files.map(|file| PollFd::new(file, PollFlags::POLLIN));
    let limit = TimeSpec::from_duration(until.saturating_duration_since(Instant::now()));
    match ppoll(&mut looked, Some(limit), None) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(format!("waiting for packets: {errno}")),
    }
    // The end of the input is something to be read, too.
    Ok(looked.map(|file| file.any().unwrap_or(true)))
}

fn tell(told: &Told) {
    terminal::result(&line(told));
}

fn line(told: &Told) -> String {
    serde_json::to_string(told).unwrap_or_default()
}
