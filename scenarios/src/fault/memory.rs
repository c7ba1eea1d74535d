//! `memory`: too little memory, as after a wrong limit. Some kernels refuse a limit below what is in
//! use at the moment, which ends the run with their words.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection};
use crate::quantity::Bytes;
use crate::selector::Selector;
use crate::text::Item;

/// The least that Docker takes.
const LEAST: Bytes = Bytes(6 << 20);

/// Limits the use of memory of replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Whom.
    pub selector: Selector,
    /// How much each may use, without any swap.
    pub limit: Bytes,
}

impl Kind for Memory {
    /// Reads `{role | name, mode, limit}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let limit = fields.required("limit").and_then(|item| limit(&item));
        fields.finish();
        Some(Self { selector: selector?, limit: limit? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("limit the memory of {whom} to {}", self.limit)
    }

    /// Every replica is short of memory; undone, it has the limit of its file again. One that its
    /// kernel killed for want of memory is started.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let own = |replica: &_| victims.component(replica).memory;
        let enough = |replica: &&_| own(replica).is_some_and(|own| own <= self.limit);
        if let Some(replica) = victims.replicas.iter().find(enough) {
            let (name, limit) = (&replica.component, self.limit);
            return Err(format!("`{name}` may use no more than {limit} without any fault"));
        }
        let limit = Some(self.limit);
        let mut heal = victims.act(|replica| Action::LimitMemory { limit: own(&replica), replica });
        heal.extend(victims.start());
        let mut healed =
            victims.look(|replica| [Check::MemoryLimit { limit: own(&replica), replica }]);
        healed.extend(victims.work());
        Ok(Injection {
            inject: victims.act(|replica| Action::LimitMemory { replica, limit }),
            felt: victims.look(|replica| {
                [
                    Check::MemoryLimit { replica: replica.clone(), limit },
                    Check::ShortOfMemory { replica },
                ]
            }),
            heal,
            healed,
        })
    }
}

fn limit(item: &Item<'_>) -> Option<Bytes> {
    let limit: Bytes = item.parse("an amount of memory, such as `64MiB`")?;
    if limit >= LEAST {
        return Some(limit);
    }
    item.wrong(format!("{limit} cannot be a limit: at least {LEAST} can"), None)
}
