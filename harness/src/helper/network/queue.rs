//! The packets in hand: taken from the kernel's queues, judged, and given back when their time
//! has come. The kernel keeps the packets themselves; we keep their numbers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use chaos_scenarios::action::network::{Effect, Impairment};
use nfq::{Message, Queue, Verdict};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, setsockopt,
    socket, sockopt,
};

use super::fate::{Fate, Judge};
use super::protocol::Counters;
use super::rules::{COPY, IN, OUT, REJECTED};

/// Packets that the kernel keeps for us in each direction.
const KEPT: u32 = 16_384;
/// Bytes of a packet that are looked at where its content does not matter.
const GLANCE: u16 = 64;
/// Packets taken before others are let go, so that neither waits for ever.
const BATCH: usize = 256;
/// The shortest IP header, bytes.
const HEADER: usize = 20;

/// The queues of both directions.
pub(super) struct Packets {
    queue: Queue,
    inward: Judge,
    outward: Judge,
    held: BinaryHeap<Reverse<Held>>,
    copies: Option<OwnedFd>,
    next: u64,
    /// What was done so far.
    pub(super) counters: Counters,
}

struct Held {
    due: Instant,
    number: u64,
    came: Instant,
    message: Message,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.number) == (other.due, other.number)
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.number).cmp(&(other.due, other.number))
    }
}

impl Packets {
    /// Takes hold of the queues; rules lead nothing there yet.
    pub(super) fn open(impairment: &Impairment) -> Result<Self, String> {
        let wrong = |error: std::io::Error| format!("the kernel's queue of packets: {error}");
        let whole = matches!(impairment.effect, Effect::Corrupt(_) | Effect::Duplicate(_));
        let mut queue = Queue::open().map_err(wrong)?;
        for number in [IN, OUT] {
            queue.bind(number).map_err(wrong)?;
            queue.set_queue_max_len(number, KEPT).map_err(wrong)?;
            // What we cannot take goes on its way: a full queue must not look like a loss.
            queue.set_fail_open(number, true).map_err(wrong)?;
            if !whole {
                queue.set_copy_range(number, GLANCE).map_err(wrong)?;
            }
        }
        queue.set_nonblocking(true);
        let copies = match impairment.effect {
            Effect::Duplicate(_) => Some(raw_socket()?),
            _ => None,
        };
        let judge = |way| Judge::new(impairment.effect, impairment.seed, way);
        Ok(Self {
            queue,
            inward: judge("in"),
            outward: judge("out"),
            held: BinaryHeap::new(),
            copies,
            next: 0,
            counters: Counters::default(),
        })
    }

    /// Takes what came and lets go what is due; returns when the next is due.
    pub(super) fn turn(&mut self) -> Result<Option<Instant>, String> {
        let wrong = |error: std::io::Error| format!("the kernel's queue of packets: {error}");
        for _ in 0..BATCH {
            match self.queue.recv() {
                Ok(message) => self.judge(message).map_err(wrong)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(wrong(error)),
            }
        }
        self.let_go(Instant::now()).map_err(wrong)?;
        Ok(self.held.peek().map(|Reverse(held)| held.due))
    }

    /// Lets everything go, due or not.
    pub(super) fn release(&mut self) {
        while let Some(Reverse(held)) = self.held.pop() {
            let _ = self.queue.verdict(held.message);
        }
    }

    fn let_go(&mut self, now: Instant) -> std::io::Result<()> {
        while self.held.peek().is_some_and(|Reverse(held)| held.due <= now) {
            let Some(Reverse(held)) = self.held.pop() else { break };
            self.counters.delayed += 1;
            let micros = Instant::now().saturating_duration_since(held.came).as_micros();
            self.counters.held_micros += u64::try_from(micros).unwrap_or(u64::MAX);
            self.queue.verdict(held.message)?;
        }
        Ok(())
    }

    fn judge(&mut self, mut message: Message) -> std::io::Result<()> {
        let now = Instant::now();
        let judge = match message.get_queue_num() {
            IN => &mut self.inward,
            _ => &mut self.outward,
        };
        self.counters.matched += 1;
        match judge.decide(message.get_original_len(), now) {
            Fate::Pass => {}
            Fate::Hold(time) => {
                self.hold(message, now, time);
                return Ok(());
            }
            Fate::Drop => {
                self.counters.dropped += 1;
                message.set_verdict(Verdict::Drop);
            }
            Fate::Overflow => {
                self.counters.dropped += 1;
                self.counters.overruns += 1;
                message.set_verdict(Verdict::Drop);
            }
            Fate::Reject => {
                self.counters.rejected += 1;
                message.set_nfmark(REJECTED);
                // Once more through the rules, one of which rejects what carries the mark.
                message.set_verdict(Verdict::Repeat);
            }
            Fate::Twice => self.send_copy(message.get_payload()),
            Fate::Damage(drawn) => {
                if flip(message.get_payload_mut(), drawn) {
                    self.counters.damaged += 1;
                }
            }
        }
        self.queue.verdict(message)
    }

    fn hold(&mut self, message: Message, came: Instant, time: Duration) {
        self.next += 1;
        let (due, number) = (came + time, self.next);
        self.held.push(Reverse(Held { due, number, came, message }));
    }

    fn send_copy(&mut self, packet: &[u8]) {
        let (Some(copies), Some(to)) = (&self.copies, destination(packet)) else { return };
        let [a, b, c, d] = to.octets();
        let to = SockaddrIn::new(a, b, c, d, 0);
        match sendto(copies.as_raw_fd(), packet, &to, MsgFlags::MSG_DONTWAIT) {
            Ok(_) => self.counters.doubled += 1,
            Err(_) => self.counters.overruns += 1,
        }
    }
}

/// A socket for packets with their headers, whose packets carry a mark that our rules let pass.
fn raw_socket() -> Result<OwnedFd, String> {
    let wrong = |error: nix::Error| format!("a socket for copies: {error}");
    let kind = (AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC);
    let made = socket(kind.0, kind.1, kind.2, SockProtocol::Raw).map_err(wrong)?;
    setsockopt(&made, sockopt::Mark, &COPY).map_err(wrong)?;
    Ok(made)
}

fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = packet.get(16..HEADER)?.try_into().ok()?;
    (packet[0] >> 4 == 4).then(|| Ipv4Addr::from(octets))
}

/// Flips one bit behind the IP header; false where there is nothing.
fn flip(packet: &mut [u8], drawn: u64) -> bool {
    let header = packet.first().map_or(0, |first| usize::from(first & 15) * 4).max(HEADER);
    let Some(body) = packet.get_mut(header..).filter(|body| !body.is_empty()) else {
        return false;
    };
    let bits = body.len() as u64 * 8;
    let bit = usize::try_from(drawn % bits).unwrap_or_default();
    body[bit / 8] ^= 1 << (bit % 8);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_is_flipped_and_never_in_the_ip_header() {
        for drawn in 0..400 {
            let mut packet = [0_u8; 60];
            packet[0] = 0x46;
            let before = packet;
            assert!(flip(&mut packet, drawn));
            let flipped: u32 =
                before.iter().zip(packet).map(|(one, other)| (one ^ other).count_ones()).sum();
            assert_eq!(flipped, 1);
            assert_eq!(packet[..24], before[..24]);
        }
        assert!(!flip(&mut [0x45; 20], 3), "nothing behind the header");
        assert!(!flip(&mut [], 3));
    }

    #[test]
    fn a_packet_says_where_it_goes() {
        let mut packet = [0_u8; 28];
        packet[0] = 0x45;
        packet[16..20].copy_from_slice(&[172, 18, 0, 3]);
        assert_eq!(destination(&packet), Some(Ipv4Addr::new(172, 18, 0, 3)));
        packet[0] = 0x65;
        assert_eq!(destination(&packet), None);
        assert_eq!(destination(&packet[..10]), None);
    }
}
