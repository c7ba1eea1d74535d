//! `disk-full`: no space is left where a component keeps its data, as after logs that nobody rotates.
//! Only a volume of a fixed size can be filled: any other one would fill the host.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::{Action, Check, Fill, Injection, Replica};
use crate::selector::Selector;
use crate::text::Item;

/// Per cent of the volume, unless said: then a write fails.
const ALL: u8 = 100;

/// Fills a volume of replicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskFull {
    /// Whose volume.
    pub selector: Selector,
    /// Its name in the Compose file; none where there is one alone.
    pub volume: Option<String>,
    /// How much of it is in use then, per cent.
    pub fill: u8,
}

impl Kind for DiskFull {
    /// Reads `{role | name, mode, volume, fill}`, such as `fill: 95%`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let volume = fields.optional("volume").map(|item| item.text());
        let fill = fields.optional("fill").map_or(Some(ALL), |item| fill(&item));
        fields.finish();
        let volume = match volume {
            Some(read) => Some(read?),
            None => None,
        };
        Some(Self { selector: selector?, volume, fill: fill? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("fill the disk of {whom} to {}%", self.fill)
    }

    /// A write fails for want of space; undone, a write works. One that ended meanwhile, as databases
    /// do that cannot write, is started.
    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let mut injection = Injection::default();
        for victim in victims.replicas {
            let (replica, fill) = (|| victim.clone(), self.of(victims, victim)?);
            injection.inject.push(Action::FillVolume { replica: replica(), fill: fill.clone() });
            injection.felt.push(Check::VolumeFull { replica: replica(), fill: fill.clone() });
            injection.heal.push(Action::EmptyVolume { replica: replica(), fill: fill.clone() });
            injection.healed.push(Check::VolumeWritable { replica: replica(), fill });
        }
        injection.heal.extend(victims.start());
        injection.healed.extend(victims.work());
        Ok(injection)
    }
}

impl DiskFull {
    /// The volume of a replica that is filled; or why none can be.
    fn of(&self, victims: &Victims<'_>, replica: &Replica) -> Result<Fill, String> {
        let (component, target) = (victims.component(replica), victims.target);
        let name = &component.name;
        let written = component.mounts.iter().filter(|mount| !mount.read_only);
        let volumes: Vec<&String> = written.map(|mount| &mount.volume).collect();
        let listed = || volumes.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
        let volume = match (&self.volume, volumes.as_slice()) {
            (_, []) => {
                return Err(format!("`{name}` has no volume that it could write to and fill"));
            }
            (None, [only]) => *only,
            (None, _) => {
                return Err(format!("`{name}` has several volumes: choose one of {}", listed()));
            }
            (Some(wanted), volumes) => {
                volumes.iter().find(|known| **known == wanted).ok_or_else(|| {
                    format!("`{name}` writes to no volume `{wanted}`: it has {}", listed())
                })?
            }
        };
        let size = target.volume_sizes.get(volume).or(target.sizes_to_fill.get(volume));
        let size = *size.ok_or_else(|| {
            format!(
                "the volume `{volume}` of `{name}` has no size, so the disk of the host would be \
                 filled: give it one in `x-chaos`, such as `sized-volumes: {{{volume}: 512MiB}}`"
            )
        })?;
        Ok(Fill { volume: volume.clone(), size, percent: self.fill })
    }
}

fn fill(item: &Item<'_>) -> Option<u8> {
    let text = item.text()?;
    let percent = text.strip_suffix('%').and_then(|number| number.parse().ok());
    if let Some(percent) = percent.filter(|percent| (1..=ALL).contains(percent)) {
        return Some(percent);
    }
    item.wrong(format!("`{text}` is not a share from `1%` to `{ALL}%` of a volume"), None)
}
