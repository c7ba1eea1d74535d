//! `cpu`: too little processor, as after a wrong limit or beside a greedy neighbour on the host.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Cores, Injection};
use crate::selector::Selector;
use crate::text::Item;

/// The least and the most that Docker takes, in thousandths of a core.
const LEAST: f64 = 10.0;
const MOST: f64 = 1_000_000.0;

/// Limits the use of CPU of replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// Whom.
    pub selector: Selector,
    /// Thousandths of a core.
    pub millicores: u32,
}

impl Kind for Cpu {
    /// Reads `{role | name, mode, limit}`; the limit is in cores, such as `0.1`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let millicores = fields.required("limit").and_then(|item| millicores(&item));
        fields.finish();
        Some(Self { selector: selector?, millicores: millicores? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("limit the CPU of {whom} to {} cores", Cores(self.millicores))
    }

    /// Every replica is throttled; undone, it has the limit of its file again. One that somebody else
    /// killed or removed meanwhile is started.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let limit = Some(self.millicores);
        let inject = |replica| Action::LimitCpu { replica, millicores: limit };
        let own = |replica: &_| victims.component(replica).cpus.map(from_cores);
        let heal = |replica| Action::LimitCpu { millicores: own(&replica), replica };
        let mut heal = victims.act(heal);
        heal.extend(victims.start());
        let mut healed =
            victims.look(|replica| [Check::CpuLimit { millicores: own(&replica), replica }]);
        healed.extend(victims.work());
        Ok(Injection {
            inject: victims.act(inject),
            felt: victims.look(|replica| {
                [
                    Check::CpuLimit { replica: replica.clone(), millicores: limit },
                    Check::Throttled { replica },
                ]
            }),
            heal,
            healed,
        })
    }
}

fn millicores(item: &Item<'_>) -> Option<u32> {
    let cores: f64 = item.parse("a number of cores, such as `0.1`")?;
    if (LEAST..=MOST).contains(&(cores * 1000.0).round()) {
        return Some(from_cores(cores));
    }
    item.wrong(format!("{cores} cores cannot be a limit: at least 0.01 can"), None)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "limits are positive, and such a cast saturates"
)]
fn from_cores(cores: f64) -> u32 {
    (cores * 1000.0).round() as u32
}
