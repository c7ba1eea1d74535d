//! The kernel's queues of packets, spoken to directly: a few messages with a few attributes each. The
//! kernel keeps the packets; we hear their numbers and beginnings, and say what becomes of them.
//!
//! The crates for it keep a buffer of 64 KiB for every packet in hand, tell nothing of packets that
//! went by unseen, and give no descriptor to wait for without `unsafe`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, sendto,
    setsockopt, socket, sockopt,
};

/// Bytes that the kernel keeps for us of packets that we have not heard of: a burst of some ten
/// thousand.
const UNHEARD: usize = 8 << 20;
/// The longest message: a packet of 64 KiB and its attributes.
pub(super) const LONGEST: usize = (64 << 10) + 4096;
/// Bytes of a packet that we want to see: its longest IP header, or all.
const GLANCE: u32 = 60;
const ALL: u32 = 0xffff;
/// Kinds of messages: those of the subsystem of queues, and the answer of any.
const PACKET: u16 = 0x300;
const DECISION: u16 = 0x301;
const CONFIGURATION: u16 = 0x302;
const ANSWER: u16 = 2;
/// What a message to the kernel is: a request, and one that is answered.
const REQUEST: u16 = 1;
const ANSWERED: u16 = 4;
/// Attributes of packets and decisions.
const PACKET_HEADER: u16 = 1;
const DECISION_HEADER: u16 = 2;
const MARK: u16 = 3;
const PAYLOAD: u16 = 10;
const WHOLE_LENGTH: u16 = 13;
/// Attributes of a configuration, and what is said in them.
const COMMAND: u16 = 1;
const BIND: [u8; 4] = [1, 0, 0, 0];
const COPYING: u16 = 2;
const COPY_PACKETS: u8 = 2;
const MOST_KEPT: u16 = 3;
const FLAGS_MEANT: u16 = 4;
const FLAGS: u16 = 5;
const FAIL_OPEN: u32 = 1;
/// Sizes of a message's header, with that of the subsystem behind it, and of an attribute's.
const NETLINK: usize = 16;
const HEADER: usize = NETLINK + 4;
const ATTRIBUTE: usize = 4;
/// Attributes may carry flags in the upper two bits of their type.
const TYPE: u16 = 0x3fff;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    Drop,
    /// Once more through the rules.
    Repeat,
}

/// A packet that the kernel keeps for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    /// Number of its queue.
    pub(super) queue: u16,
    /// Its number there: they follow each other, so that a gap is one that went by.
    pub(super) id: u32,
    /// All of its bytes.
    pub(super) length: usize,
    /// The first of them, beginning with its IP header.
    pub(super) bytes: &'a [u8],
}

/// Our end of the queues.
pub(super) struct Queues {
    socket: OwnedFd,
}

impl AsFd for Queues {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Queues {
    /// Takes hold of queues, in which the kernel keeps up to `kept` packets each.
    pub(super) fn open(numbers: &[u16], kept: u32) -> Result<Self, String> {
        let wrong = |errno: Errno| format!("the kernel's queue of packets: {errno}");
        let (flags, protocol) = (SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter);
        let made = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol).map_err(wrong)?;
        bind(made.as_raw_fd(), &NetlinkAddr::new(0, 0)).map_err(wrong)?;
        setsockopt(&made, sockopt::RcvBufForce, &UNHEARD).map_err(wrong)?;
        let queues = Self { socket: made };
        for &number in numbers {
            queues.configure(number, &[(COMMAND, BIND.to_vec())]).map_err(wrong)?;
            // What does not fit goes on its way: a full queue must not look like a loss.
            let open = FAIL_OPEN.to_be_bytes().to_vec();
            let attributes = [
                copying(GLANCE),
                (MOST_KEPT, kept.to_be_bytes().to_vec()),
                (FLAGS, open.clone()),
                (FLAGS_MEANT, open),
            ];
            queues.configure(number, &attributes).map_err(wrong)?;
        }
        Ok(queues)
    }

    /// Whether we want to see all of each packet, or its beginning only.
    pub(super) fn see(&self, number: u16, whole: bool) -> Result<(), Errno> {
        let copied = if whole { ALL } else { GLANCE };
        self.send(&message(CONFIGURATION, REQUEST, number, &[copying(copied)]))
    }

    /// The next message into a buffer, and its length; none when there is none at present.
    pub(super) fn hear(&self, buffer: &mut [u8]) -> Result<Option<usize>, Errno> {
        match recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::EAGAIN) => Ok(None),
            // Told once when packets did not fit; which ones, the gaps in their numbers tell.
            Err(Errno::ENOBUFS | Errno::EINTR) => Ok(Some(0)),
            Err(errno) => Err(errno),
        }
    }

    /// Says what becomes of a packet, with another mark or other bytes if there are any.
    pub(super) fn decide(
        &self,
        (queue, id): (u16, u32),
        verdict: Verdict,
        mark: Option<u32>,
        bytes: Option<&[u8]>,
    ) -> Result<(), Errno> {
        self.send(&decision((queue, id), verdict, mark, bytes))
    }

    /// Sets something of a queue, before any rule leads there: the answer is waited for, and a packet
    /// that came instead would be lost to us.
    fn configure(&self, number: u16, attributes: &[(u16, Vec<u8>)]) -> Result<(), Errno> {
        self.send(&message(CONFIGURATION, REQUEST | ANSWERED, number, attributes))?;
        let mut buffer = vec![0; LONGEST];
        let length = recv(self.socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        match answer(buffer.get(..length).unwrap_or_default()) {
            Some(0) => Ok(()),
            Some(error) => Err(Errno::from_raw(-error)),
            None => Err(Errno::EPROTO),
        }
    }

    fn send(&self, message: &[u8]) -> Result<(), Errno> {
        let to = NetlinkAddr::new(0, 0);
        sendto(self.socket.as_raw_fd(), message, &to, MsgFlags::empty()).map(drop)
    }
}

fn copying(copied: u32) -> (u16, Vec<u8>) {
    let mut bytes = copied.to_be_bytes().to_vec();
    bytes.push(COPY_PACKETS);
    (COPYING, bytes)
}

fn decision(
    (queue, id): (u16, u32),
    verdict: Verdict,
    mark: Option<u32>,
    bytes: Option<&[u8]>,
) -> Vec<u8> {
    let code: u32 = match verdict {
        Verdict::Drop => 0,
        Verdict::Accept => 1,
        Verdict::Repeat => 4,
    };
    let header = [code.to_be_bytes(), id.to_be_bytes()].concat();
    let mut attributes = vec![(DECISION_HEADER, header)];
    attributes.extend(mark.map(|mark| (MARK, mark.to_be_bytes().to_vec())));
    attributes.extend(bytes.map(|bytes| (PAYLOAD, bytes.to_vec())));
    message(DECISION, REQUEST, queue, &attributes)
}

/// A message to the kernel. Headers are in the machine's order of bytes, what is in them for the
/// subsystem in the network's.
fn message(kind: u16, flags: u16, queue: u16, attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0; 4];
    bytes.extend([kind, flags].map(u16::to_ne_bytes).concat());
    // Neither a sequence number nor a port is needed; then no family, version 0, and the queue.
    bytes.extend([0; 10]);
    bytes.extend(queue.to_be_bytes());
    for (kind, value) in attributes {
        let length = u16::try_from(ATTRIBUTE + value.len()).unwrap_or(u16::MAX);
        bytes.extend([length, *kind].map(u16::to_ne_bytes).concat());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    bytes
}

/// The packets in what was heard; anything else in it is left out.
pub(super) fn packets(heard: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    split(heard, NETLINK, |bytes| native_u32(bytes, 0)).filter_map(|message| {
        (native_u16(message, 4)? == PACKET).then(|| packet(message)).flatten()
    })
}

fn packet(message: &[u8]) -> Option<Packet<'_>> {
    let queue = u16::from_be_bytes(message.get(HEADER - 2..HEADER)?.try_into().ok()?);
    let (mut id, mut length, mut bytes) = (None, None, &[][..]);
    let of_length = |bytes: &[u8]| native_u16(bytes, 0).map(u32::from);
    for attribute in split(message.get(HEADER..)?, ATTRIBUTE, of_length) {
        let value = attribute.get(ATTRIBUTE..)?;
        let number = || Some(u32::from_be_bytes(value.get(..4)?.try_into().ok()?));
        match native_u16(attribute, 2)? & TYPE {
            PACKET_HEADER => id = number(),
            WHOLE_LENGTH => length = number().and_then(|it| usize::try_from(it).ok()),
            PAYLOAD => bytes = value,
            _ => {}
        }
    }
    Some(Packet { queue, id: id?, length: length.unwrap_or(bytes.len()), bytes })
}

/// The error in an answer, which is 0 for none; nothing if it is no answer.
fn answer(message: &[u8]) -> Option<i32> {
    let is_answer = native_u16(message, 4)? == ANSWER;
    let error = i32::from_ne_bytes(message.get(NETLINK..NETLINK + 4)?.try_into().ok()?);
    is_answer.then_some(error)
}

/// Parts that each begin with their length, at multiples of four bytes; a broken one is the last.
fn split(
    bytes: &[u8],
    least: usize,
    length: impl Fn(&[u8]) -> Option<u32>,
) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::try_from(length(rest)?).ok().filter(|length| *length >= least)?;
        let part = rest.get(..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(part)
    })
}

fn native_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn native_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel sends for a packet.
    fn sent(id: u32, bytes: &[u8], length: Option<u32>) -> Vec<u8> {
        let header = [&id.to_be_bytes()[..], &[8, 0, 3, 0]].concat();
        let mut attributes = vec![(PACKET_HEADER, header), (99, vec![1, 2, 3])];
        attributes.extend(length.map(|it| (WHOLE_LENGTH, it.to_be_bytes().to_vec())));
        attributes.push((PAYLOAD, bytes.to_vec()));
        message(PACKET, 0, 4601, &attributes)
    }

    #[test]
    fn packets_are_read_whole_or_by_their_beginning() {
        let heard = [sent(7, &[1; 21], None), sent(9, &[2; 64], Some(1500))].concat();
        let expected = [
            Packet { queue: 4601, id: 7, length: 21, bytes: &[1; 21] },
            Packet { queue: 4601, id: 9, length: 1500, bytes: &[2; 64] },
        ];
        assert_eq!(packets(&heard).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn what_is_broken_is_no_packet() {
        let whole = sent(7, &[1; 21], None);
        for length in 0..whole.len() - 3 {
            assert_eq!(packets(&whole[..length]).count(), 0, "{length} bytes of it");
        }
        for place in 0..whole.len() {
            let mut broken = whole.clone();
            broken[place] ^= 0xff;
            // Read as something or as nothing, and to its end.
            let _ = packets(&broken).count();
        }
        let refused = [&36_u32.to_ne_bytes()[..], &2_u16.to_ne_bytes(), &[0; 10]].concat();
        let refused = [refused, (-1_i32).to_ne_bytes().to_vec(), vec![0; 16]].concat();
        assert_eq!((packets(&refused).count(), answer(&refused)), (0, Some(-1)));
        assert_eq!(answer(&whole), None);
    }

    #[test]
    fn a_decision_holds_its_packet_and_what_is_changed_of_it() {
        let told = decision((4602, 5), Verdict::Repeat, Some(0x4601), Some(&[9; 5]));
        assert_eq!(native_u32(&told, 0), u32::try_from(told.len()).ok());
        assert_eq!(&told[HEADER - 2..HEADER], &4602_u16.to_be_bytes());
        let of_length = |bytes: &[u8]| native_u16(bytes, 0).map(u32::from);
        let attributes: Vec<&[u8]> = split(&told[HEADER..], ATTRIBUTE, of_length).collect();
        assert_eq!(attributes[0][ATTRIBUTE..], [0, 0, 0, 4, 0, 0, 0, 5]);
        assert_eq!(attributes[1][ATTRIBUTE..], [0, 0, 0x46, 1]);
        assert_eq!(attributes[2][ATTRIBUTE..], [9; 5]);
    }
}
