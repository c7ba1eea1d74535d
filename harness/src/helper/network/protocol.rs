//! What the harness and the program in a network namespace tell each other, one JSON text a line.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use chaos_scenarios::action::network::Impairment;
use serde::{Deserialize, Serialize};

/// One thing that is done to the packets there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number, by which it is told of. What keeps its number goes on as it was.
    pub number: u32,
    /// What is done.
    pub impairment: Impairment,
    /// Addresses of its peers; none where all packets are meant.
    pub peers: Option<Vec<Ipv4Addr>>,
    /// Names its chance, so that each replica has its own.
    pub stream: String,
}

/// Every line to the program. Each is a sign of life; with no more of them, it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// All that is done from now on; the first line is one of these.
    Do(Vec<Part>),
    /// Go on.
    GoOn,
}

/// Every line from the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// The rules of the last order are set.
    Acting,
    /// What was done so far.
    Did(Account),
    /// It cannot go on.
    Failed(String),
    /// No rule of ours is left: the last line.
    Undone,
}

/// What was done so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// By the numbers of the parts.
    pub parts: BTreeMap<u32, Counters>,
    /// By all of them together.
    pub all: Together,
}

/// What was done to packets by one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// Packets that were looked at.
    pub matched: u64,
    /// Packets that are held, or were.
    pub held: u64,
    /// For how long they are to be held, all together, microseconds.
    pub held_micros: u64,
    /// Packets that were dropped, on purpose or because they waited too long for a narrow link.
    pub dropped: u64,
    /// Those of them that waited too long.
    pub overflown: u64,
    /// Packets that were rejected.
    pub rejected: u64,
    /// Packets that were sent twice.
    pub doubled: u64,
    /// Packets that were damaged.
    pub damaged: u64,
}

/// What concerns all parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Together {
    /// Packets that were held and then let go.
    pub let_go: u64,
    /// By how much later than they were due, all together, microseconds.
    pub late_micros: u64,
    /// Packets that went by untouched, since the kernel or we had too many in hand.
    pub overruns: u64,
}

impl Counters {
    /// Packets on which there was an effect.
    pub fn acted(&self) -> u64 {
        self.held + self.dropped + self.rejected + self.doubled + self.damaged
    }
}

impl Account {
    /// What a part did, in words.
    pub fn evidence(&self, number: u32) -> String {
        let of = self.parts.get(&number).copied().unwrap_or_default();
        let mean = |micros: u64, count: u64| micros as f64 / 1e3 / count.max(1) as f64;
        let mut said = vec![format!("{} packets seen", of.matched)];
        if of.held > 0 {
            let asked = mean(of.held_micros, of.held);
            let late = mean(self.all.late_micros, self.all.let_go);
            said.push(format!("{} held for {asked:.1} ms on average", of.held));
            if self.all.let_go > 0 {
                said.push(format!("let go {late:.2} ms late"));
            }
        }
        let counted = [
            (of.dropped, "dropped"),
            (of.overflown, "of them for want of room"),
            (of.rejected, "rejected"),
            (of.doubled, "sent twice"),
            (of.damaged, "damaged"),
            (self.all.overruns, "went by untouched (overrun)"),
        ];
        let counted = counted.iter().filter(|(count, _)| *count > 0);
        said.extend(counted.map(|(count, what)| format!("{count} {what}")));
        said.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_says_what_was_measured_and_nothing_else() {
        let held = Counters { matched: 9, held: 4, held_micros: 400_000, ..Counters::default() };
        let lost = Counters { matched: 100, dropped: 7, ..Counters::default() };
        let mut account = Account { parts: [(1, held), (2, lost)].into(), ..Account::default() };
        assert_eq!(account.evidence(1), "9 packets seen, 4 held for 100.0 ms on average");
        account.all = Together { let_go: 2, late_micros: 500, overruns: 3 };
        assert_eq!(
            account.evidence(1),
            "9 packets seen, 4 held for 100.0 ms on average, let go 0.25 ms late, \
             3 went by untouched (overrun)"
        );
        assert_eq!(
            account.evidence(2),
            "100 packets seen, 7 dropped, 3 went by untouched (overrun)"
        );
        assert_eq!(Account::default().evidence(3), "0 packets seen");
    }
}
