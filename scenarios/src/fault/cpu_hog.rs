//! `cpu-hog`: a neighbour in the same container, or a loop that never ends, takes the processor.

use serde::{Deserialize, Serialize};

use super::victims::hogging;
use super::{Kind, Victims};
use crate::action::{Hog, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// Threads, unless said; and the most.
const USUAL: u32 = 2;
const MOST: u32 = 64;

/// Keeps threads busy inside replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuHog {
    /// Whom.
    pub selector: Selector,
    /// Busy threads in each.
    pub threads: u32,
}

impl Kind for CpuHog {
    /// Reads `{role | name, mode, threads}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let threads = fields.optional("threads").map_or(Some(USUAL), |item| threads(&item));
        fields.finish();
        Some(Self { selector: selector?, threads: threads? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("keep {} threads busy in {whom}", self.threads)
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        Ok(hogging(victims, |_| Hog::Cpu { threads: self.threads }))
    }
}

fn threads(item: &Item<'_>) -> Option<u32> {
    let threads: u32 = item.parse("a whole number")?;
    if (1..=MOST).contains(&threads) {
        return Some(threads);
    }
    item.wrong(format!("{threads} is not a number of threads from 1 to {MOST}"), None)
}
