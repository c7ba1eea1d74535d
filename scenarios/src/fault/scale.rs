//! `scale`: more or fewer replicas than the target file has, under load.

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Injection, Replica};
use crate::selector::Selector;
use crate::target::Component;
use crate::text::Item;

/// As many as a target file may have.
const MOST: u32 = 16;

/// Changes the number of replicas of components.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scale {
    /// Whose: every component that it finds a replica of.
    pub selector: Selector,
    /// How many there are while it lasts.
    pub replicas: u32,
}

impl Kind for Scale {
    /// Reads `{role | name, replicas}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let replicas = fields.required("replicas").and_then(|item| replicas(&item));
        fields.finish();
        Some(Self { selector: selector?, replicas: replicas? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("scale {whom} to {}", self.replicas)
    }

    /// New replicas are started and removed again, old ones stopped and started again.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let mut injection = Injection::default();
        let chosen = victims.target.components.iter().filter(|component| {
            victims.replicas.iter().any(|replica| replica.component == component.name)
        });
        for component in chosen {
            match self.replicas.cmp(&component.replicas) {
                Ordering::Greater => self.grow(component, &mut injection)?,
                Ordering::Less => self.shrink(victims, component, &mut injection),
                Ordering::Equal => {
                    let (name, count) = (&component.name, self.replicas);
                    return Err(format!("`{name}` has {count} replicas without any fault"));
                }
            }
        }
        Ok(injection)
    }
}

impl Scale {
    fn grow(&self, component: &Component, injection: &mut Injection) -> Result<(), String> {
        let name = &component.name;
        if component.hostname.is_some() {
            return Err(format!(
                "`{name}` has a fixed host name, which one replica alone can have"
            ));
        }
        if component.mounts.iter().any(|mount| !mount.read_only) {
            return Err(format!("`{name}` keeps data in a volume, which replicas would share"));
        }
        for replica in replicas_of(component, component.replicas + 1..=self.replicas) {
            injection.inject.push(Action::Start { replica: replica.clone() });
            injection.felt.push(Check::Running { replica: replica.clone() });
            injection.heal.push(Action::Remove { replica: replica.clone() });
            injection.healed.push(Check::Gone { replica });
        }
        Ok(())
    }

    fn shrink(&self, victims: &Victims<'_>, component: &Component, injection: &mut Injection) {
        for replica in replicas_of(component, self.replicas + 1..=component.replicas) {
            let grace = victims.grace(&replica, None);
            injection.inject.push(Action::Stop { replica: replica.clone(), grace });
            injection.felt.push(Check::Ended { replica: replica.clone() });
            injection.heal.push(Action::Start { replica: replica.clone() });
            injection.healed.push(Check::Running { replica: replica.clone() });
            injection.healed.push(Check::Ready { replica });
        }
    }
}

fn replicas_of(
    component: &Component,
    numbers: RangeInclusive<u32>,
) -> impl Iterator<Item = Replica> + '_ {
    numbers.map(|number| Replica { component: component.name.clone(), number })
}

fn replicas(item: &Item<'_>) -> Option<u32> {
    let replicas: u32 = item.parse("a whole number")?;
    if (1..=MOST).contains(&replicas) {
        return Some(replicas);
    }
    item.wrong(format!("{replicas} is not a number of replicas from 1 to {MOST}"), None)
}
