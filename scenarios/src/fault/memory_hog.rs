//! `memory-hog`: something in the same container takes memory until little or nothing is left. Above
//! the limit the kernel kills somebody, most likely the hog itself, which is felt all the same.

use serde::{Deserialize, Serialize};

use super::victims::hogging;
use super::{Kind, Victims};
use crate::action::{Hog, Injection};
use crate::quantity::Bytes;
use crate::selector::Selector;
use crate::text::Item;

/// Per cent of the limit, unless said; and the most.
const USUAL: u32 = 95;
const MOST: u32 = 150;

/// Takes memory inside replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryHog {
    /// Whom.
    pub selector: Selector,
    /// Until the container uses so much of its limit, per cent.
    pub fill: u32,
}

impl Kind for MemoryHog {
    /// Reads `{role | name, mode, fill}`, such as `fill: 95%`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let fill = fields.optional("fill").map_or(Some(USUAL), |item| fill(&item));
        fields.finish();
        Some(Self { selector: selector?, fill: fill? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("use up {}% of the memory of {whom}", self.fill)
    }

    /// Without a limit it would be the host's memory that is used up.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let limit = |replica: &_| victims.component(replica).memory;
        if let Some(replica) = victims.replicas.iter().find(|replica| limit(replica).is_none()) {
            let name = &replica.component;
            return Err(format!(
                "`{name}` has no limit of memory, so the host's would be used up: set `mem_limit`"
            ));
        }
        Ok(hogging(victims, |replica| {
            let until = limit(replica)
                .map_or(0, |limit| (limit.0 / 100).saturating_mul(u64::from(self.fill)));
            Hog::Memory { until: Bytes(until >> 20 << 20) }
        }))
    }
}

fn fill(item: &Item<'_>) -> Option<u32> {
    let text = item.text()?;
    let percent = text.strip_suffix('%').and_then(|number| number.parse().ok());
    if let Some(percent) = percent.filter(|percent| (1..=MOST).contains(percent)) {
        return Some(percent);
    }
    item.wrong(format!("`{text}` is not a share from `1%` to `{MOST}%` of the limit"), None)
}
