//! The lines of the standard input, read when there are some: who waits for packets waits for these
//! in the same call.

use std::io::stdin;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::unistd::read;

use super::protocol::Order;

/// Bytes read at a time.
const PART: usize = 4096;
/// A line is no longer than this, so that a broken one fills nothing.
const LONGEST: usize = 1 << 20;

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Heard {
    pub(super) orders: Vec<Order>,
    /// Nothing more will come.
    pub(super) is_end: bool,
}

/// The standard input.
pub(super) struct Orders {
    input: std::io::Stdin,
    begun: Vec<u8>,
}

impl AsFd for Orders {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}

impl Orders {
    pub(super) fn new() -> Self {
        Self { input: stdin(), begun: Vec::new() }
    }

    /// What came; waits for it, unless it is known that something is there.
    pub(super) fn hear(&mut self) -> Result<Heard, String> {
        let mut part = [0; PART];
        // Not by its own reader, which would keep what nobody sees to be there any more.
        match read(&self.input, &mut part) {
            Ok(0) => Ok(Heard { orders: Vec::new(), is_end: true }),
            Ok(length) => {
                let orders = self.add(&part[..length])?;
                Ok(Heard { orders, is_end: false })
            }
            Err(Errno::EINTR) => Ok(Heard::default()),
            Err(errno) => Err(format!("standard input: {errno}")),
        }
    }

    fn add(&mut self, part: &[u8]) -> Result<Vec<Order>, String> {
        self.begun.extend(part);
        let mut orders = Vec::new();
        while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.begun.drain(..=end).collect();
            let order = serde_json::from_slice(&line);
            orders.push(order.map_err(|error| format!("an order that is none: {error}"))?);
        }
        match self.begun.len() > LONGEST {
            true => Err(format!("a line of more than {LONGEST} bytes")),
            false => Ok(orders),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_from_their_parts() {
        let mut orders = Orders::new();
        assert_eq!(orders.add(b"\"go-").expect("a part"), []);
        let expected = [Order::GoOn, Order::Do(Vec::new())];
        assert_eq!(orders.add(b"on\"\n{\"do\":[]}\n\"go").expect("two lines"), expected);
        assert!(orders.add(b" home\"\n").expect_err("no order").starts_with("an order that is"));
        assert!(
            orders.add(&vec![b'x'; LONGEST + 1]).expect_err("too long").starts_with("a line of")
        );
    }
}
