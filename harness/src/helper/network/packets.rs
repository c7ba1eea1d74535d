//! The packets in hand: heard of from the kernel's queues, judged, and let go when their time has
//! come. The kernel keeps the packets themselves; we keep their numbers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use chaos_scenarios::action::network::Effect;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, setsockopt,
    socket, sockopt,
};

use super::fate::{End, Fate, Meeting, Way};
use super::netlink::{self, LONGEST, Packet, Queues, Verdict};
use super::protocol::{Account, Part, Together};
use super::rules::{COPY, IN, OUT, REJECTED};

/// Packets that we hold at most; those beyond go by untouched.
const HELD: usize = 32_768;
/// Packets that the kernel keeps for us in each direction: more than we hold, so that its queue is
/// never full without our knowing.
const KEPT: u32 = 131_072;
/// Packets taken before others are let go, so that neither waits for ever.
const BATCH: usize = 256;
/// The shortest IP header, bytes.
const HEADER: usize = 20;

/// The queues of both directions.
pub(super) struct Packets {
    queues: Queues,
    /// In the order in which packets meet them.
    meetings: Vec<Meeting>,
    held: BinaryHeap<Reverse<Held>>,
    copies: Option<OwnedFd>,
    buffer: Vec<u8>,
    /// The last packet of each queue.
    last: [Option<u32>; 2],
    next: u64,
    all: Together,
}

/// Ordered by when it is due, then by when it came.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    order: u64,
    packet: (u16, u32),
    damaged: Option<Vec<u8>>,
}

impl AsFd for Packets {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queues.as_fd()
    }
}

impl Packets {
    /// Takes hold of the queues; rules lead nothing there yet.
    pub(super) fn open() -> Result<Self, String> {
        Ok(Self {
            queues: Queues::open(&[IN, OUT], KEPT)?,
            meetings: Vec::new(),
            held: BinaryHeap::new(),
            copies: None,
            buffer: vec![0; LONGEST],
            last: [None; 2],
            next: 0,
            all: Together::default(),
        })
    }

    /// Packets meet these from now on. What is done already goes on as it was; when something is
    /// done no more, everything that is held is let go.
    pub(super) fn meet(&mut self, parts: &[Part]) -> Result<(), String> {
        let mut before = std::mem::take(&mut self.meetings);
        self.meetings = parts
            .iter()
            .map(|part| match before.iter().position(|old| old.part.number == part.number) {
                Some(place) => before.swap_remove(place).with(part.clone()),
                None => Meeting::new(part.clone()),
            })
            .collect();
        self.meetings.sort_by_key(Meeting::rank);
        if !before.is_empty() {
            self.release().map_err(wrong)?;
        }
        let effects = || self.meetings.iter().map(|meeting| meeting.part.impairment.effect);
        let doubles = |effect| matches!(effect, Effect::Duplicate(_));
        let whole = effects().any(|effect| doubles(effect) || matches!(effect, Effect::Corrupt(_)));
        if effects().any(doubles) && self.copies.is_none() {
            self.copies = Some(raw_socket()?);
        }
        for queue in [IN, OUT] {
            self.queues.see(queue, whole).map_err(wrong)?;
        }
        Ok(())
    }

    /// Whether anything is done to packets.
    pub(super) fn is_meeting(&self) -> bool {
        !self.meetings.is_empty()
    }

    /// What was done so far.
    pub(super) fn account(&self) -> Account {
        let parts = self.meetings.iter().map(|it| (it.part.number, it.counters));
        Account { parts: parts.collect(), all: self.all }
    }

    /// Takes what came and lets go what is due; returns when to do so again at the latest.
    pub(super) fn turn(&mut self) -> Result<Option<Instant>, String> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let more = self.take(&mut buffer);
        self.buffer = buffer;
        let more = more.map_err(wrong)?;
        self.let_go(Instant::now()).map_err(wrong)?;
        let due = self.held.peek().map(|Reverse(held)| held.due);
        Ok(if more { Some(Instant::now()) } else { due })
    }

    /// Lets everything go, due or not.
    pub(super) fn release(&mut self) -> Result<(), Errno> {
        while let Some(Reverse(held)) = self.held.pop() {
            self.accept(held.packet, held.damaged.as_deref())?;
        }
        Ok(())
    }

    /// Returns whether there may be more.
    fn take(&mut self, buffer: &mut [u8]) -> Result<bool, Errno> {
        for _ in 0..BATCH {
            let Some(length) = self.queues.hear(buffer)? else { return Ok(false) };
            for packet in netlink::packets(&buffer[..length]) {
                self.note_gap(packet.queue, packet.id);
                self.judge(packet)?;
            }
        }
        Ok(true)
    }

    /// A gap in the numbers is packets that went by, since there was no room to tell us of them.
    fn note_gap(&mut self, queue: u16, id: u32) {
        let last = &mut self.last[usize::from(queue != IN)];
        let gap = last.map_or(0, |last| id.wrapping_sub(last).wrapping_sub(1));
        *last = Some(id);
        self.all.overruns += u64::from(gap);
    }

    fn let_go(&mut self, now: Instant) -> Result<(), Errno> {
        while self.held.peek().is_some_and(|Reverse(held)| held.due <= now) {
            let Some(Reverse(held)) = self.held.pop() else { break };
            self.all.let_go += 1;
            let late = Instant::now().saturating_duration_since(held.due).as_micros();
            self.all.late_micros += u64::try_from(late).unwrap_or(u64::MAX);
            self.accept(held.packet, held.damaged.as_deref())?;
        }
        Ok(())
    }

    fn judge(&mut self, packet: Packet<'_>) -> Result<(), Errno> {
        let now = Instant::now();
        let way = if packet.queue == IN { Way::In } else { Way::Out };
        let mut fate = Fate::default();
        if let Some(peer) = peer(packet.bytes, way) {
            let met = (way, peer);
            self.meetings.iter_mut().for_each(|it| it.meet(met, packet.length, now, &mut fate));
        }
        let name = (packet.queue, packet.id);
        match fate.end {
            End::Drop => return self.decide(name, Verdict::Drop, None, None),
            // Once more through the rules, one of which rejects what carries the mark.
            End::Reject => return self.decide(name, Verdict::Repeat, Some(REJECTED), None),
            End::Pass => {}
        }
        let damaged = fate.damage.map(|drawn| {
            let mut bytes = packet.bytes.to_vec();
            flip(&mut bytes, drawn);
            bytes
        });
        if fate.twice {
            self.send_copy(damaged.as_deref().unwrap_or(packet.bytes));
        }
        if fate.hold == Duration::ZERO {
            return self.accept(name, damaged.as_deref());
        }
        if self.held.len() >= HELD {
            self.all.overruns += 1;
            return self.accept(name, damaged.as_deref());
        }
        self.next += 1;
        let (due, order) = (now + fate.hold, self.next);
        self.held.push(Reverse(Held { due, order, packet: name, damaged }));
        Ok(())
    }

    fn accept(&self, packet: (u16, u32), bytes: Option<&[u8]>) -> Result<(), Errno> {
        self.decide(packet, Verdict::Accept, None, bytes)
    }

    fn decide(
        &self,
        packet: (u16, u32),
        verdict: Verdict,
        mark: Option<u32>,
        bytes: Option<&[u8]>,
    ) -> Result<(), Errno> {
        self.queues.decide(packet, verdict, mark, bytes)
    }

    fn send_copy(&mut self, packet: &[u8]) {
        let to = peer(packet, Way::Out).map(|address| address.octets());
        let (Some(copies), Some([a, b, c, d])) = (&self.copies, to) else { return };
        let to = SockaddrIn::new(a, b, c, d, 0);
        if sendto(copies.as_raw_fd(), packet, &to, MsgFlags::MSG_DONTWAIT).is_err() {
            self.all.overruns += 1;
        }
    }
}

fn wrong(errno: Errno) -> String {
    format!("the kernel's queue of packets: {errno}")
}

/// A socket for packets with their headers, whose packets carry a mark that our rules let pass.
fn raw_socket() -> Result<OwnedFd, String> {
    let wrong = |error: nix::Error| format!("a socket for copies: {error}");
    let kind = (AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC);
    let made = socket(kind.0, kind.1, kind.2, SockProtocol::Raw).map_err(wrong)?;
    setsockopt(&made, sockopt::Mark, &COPY).map_err(wrong)?;
    Ok(made)
}

/// Who is at the other end of a packet.
fn peer(packet: &[u8], way: Way) -> Option<Ipv4Addr> {
    let place = match way {
        Way::In => 12..16,
        Way::Out => 16..HEADER,
    };
    let octets: [u8; 4] = packet.get(place)?.try_into().ok()?;
    (packet[0] >> 4 == 4).then(|| Ipv4Addr::from(octets))
}

/// Flips one bit behind the IP header, if there is anything.
fn flip(packet: &mut [u8], drawn: u64) {
    let header = packet.first().map_or(0, |first| usize::from(first & 15) * 4).max(HEADER);
    let Some(body) = packet.get_mut(header..).filter(|body| !body.is_empty()) else { return };
    let bits = body.len() as u64 * 8;
    let bit = usize::try_from(drawn % bits).unwrap_or_default();
    body[bit / 8] ^= 1 << (bit % 8);
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
            flip(&mut packet, drawn);
            let flipped: u32 =
                before.iter().zip(packet).map(|(one, other)| (one ^ other).count_ones()).sum();
            assert_eq!(flipped, 1);
            assert_eq!(packet[..24], before[..24]);
        }
        for mut short in [vec![0x45; 20], Vec::new()] {
            let before = short.clone();
            flip(&mut short, 3);
            assert_eq!(short, before, "nothing is behind the header");
        }
    }

    #[test]
    fn a_packet_says_where_it_goes_and_comes_from() {
        let mut packet = [0_u8; 28];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&[172, 18, 0, 2]);
        packet[16..20].copy_from_slice(&[172, 18, 0, 3]);
        assert_eq!(peer(&packet, Way::In), Some(Ipv4Addr::new(172, 18, 0, 2)));
        assert_eq!(peer(&packet, Way::Out), Some(Ipv4Addr::new(172, 18, 0, 3)));
        packet[0] = 0x65;
        assert_eq!(peer(&packet, Way::Out), None);
        assert_eq!(peer(&packet[..10], Way::Out), None);
    }
}
