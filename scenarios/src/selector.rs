//! Which replicas a fault acts on, said by role or by name, so that one scenario fits many targets.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Replica;
use crate::random::Random;
use crate::target::{Component, Role, Target};
use crate::text::{Fields, Item};

/// What the components are chosen by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Every component of a role.
    Role(Role),
    /// The component of a name, or one replica of it, such as `app-2`.
    Name(String),
}

/// How many of the chosen replicas are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// All of them.
    #[default]
    All,
    /// The first in the order of the target file.
    One,
    /// One of them, drawn from the seed.
    Random,
}

/// Which replicas a fault acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// What they are chosen by.
    pub by: By,
    /// How many of them are meant.
    pub mode: Mode,
}

const MODES: [(&str, Mode); 3] = [("all", Mode::All), ("one", Mode::One), ("random", Mode::Random)];

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self.mode {
            Mode::All => "",
            Mode::One => "one of ",
            Mode::Random => "a random one of ",
        };
        match &self.by {
            By::Role(role) => write!(formatter, "{count}role `{role}`"),
            By::Name(name) => write!(formatter, "{count}`{name}`"),
        }
    }
}

impl Selector {
    /// Reads `role` or `name`, and `mode`, from the fields of a fault.
    pub fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let role = fields.optional("role");
        let name = fields.optional("name");
        let mode = fields.optional("mode").map_or(Some(Mode::All), |item| read_mode(&item));
        let by = match (role, name) {
            (Some(role), None) => role.one_of("role", &Role::ALL).map(By::Role),
            (None, Some(name)) => name.text().map(By::Name),
            (None, None) => fields.item().wrong(
                "it is not said which components are meant",
                Some("add `role:` or `name:`".to_owned()),
            ),
            (Some(_), Some(name)) => {
                name.wrong("`role` and `name` exclude each other", Some("keep one".to_owned()))
            }
        };
        Some(Self { by: by?, mode: mode? })
    }

    /// Reads a selector that stands alone, such as `{role: app, mode: one}`.
    pub fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Self::from_fields(&mut fields);
        fields.finish();
        selector
    }

    /// The replicas of a target that are meant, in the order of the target file; empty if it has
    /// none. `stream` names the choice, so that each has chance of its own.
    pub fn resolve(&self, target: &Target, seed: u64, stream: &str) -> Vec<Replica> {
        let mut replicas = self.candidates(target);
        match self.mode {
            Mode::All => {}
            Mode::One => replicas.truncate(1),
            Mode::Random if replicas.is_empty() => {}
            Mode::Random => {
                let drawn = Random::stream(seed, stream).below(replicas.len() as u64);
                let drawn = usize::try_from(drawn).expect("below the number of replicas");
                replicas = vec![replicas.swap_remove(drawn)];
            }
        }
        replicas
    }

    fn candidates(&self, target: &Target) -> Vec<Replica> {
        let of = |chosen: &dyn Fn(&Component) -> bool| {
            let components = target.components.iter().filter(|component| chosen(component));
            components.flat_map(replicas_of).collect::<Vec<_>>()
        };
        match &self.by {
            By::Role(role) => of(&|component| component.role == *role),
            By::Name(name) if target.component(name).is_some() => {
                of(&|component| component.name == *name)
            }
            By::Name(name) => {
                let mut all = of(&|_| true);
                all.retain(|replica| replica.to_string() == *name);
                all
            }
        }
    }
}

fn replicas_of(component: &Component) -> impl Iterator<Item = Replica> + '_ {
    (1..=component.replicas).map(|number| Replica { component: component.name.clone(), number })
}

fn read_mode(item: &Item<'_>) -> Option<Mode> {
    if item.text()? == "fixed-percent" {
        let help = "use `all`, `one` or `random`".to_owned();
        return item.wrong("`fixed-percent` is not supported by this version", Some(help));
    }
    item.one_of("mode", &MODES)
}
