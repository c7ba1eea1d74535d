//! Which replicas a fault acts on, said by role or by name, so that one scenario fits many targets.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::Replica;
use crate::random::Random;
use crate::target::{Component, Role, Target};
use crate::text::tree::Value;
use crate::text::{Fields, Item};

/// What the components are chosen by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Every component of a role.
    Role(Role),
    /// The component of a name, or one replica of it, such as `app-2`.
    Name(String),
    /// Several of those.
    Names(Vec<String>),
    /// Every component.
    Every,
    /// The component that a run of a scenario with `for-each` is about.
    Each,
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
    /// This share of them, rounded up, drawn from the seed.
    FixedPercent(u8),
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

/// What may stand after `role:`, roles and two words that mean components of any role.
fn by_role() -> Vec<(&'static str, By)> {
    let roles = Role::ALL.into_iter().map(|(name, role)| (name, By::Role(role)));
    roles.chain([("all", By::Every), ("each", By::Each)]).collect()
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mode {
            Mode::All => {}
            Mode::One => formatter.write_str("one of ")?,
            Mode::Random => formatter.write_str("a random one of ")?,
            Mode::FixedPercent(percent) => write!(formatter, "{percent} % of ")?,
        }
        match &self.by {
            By::Role(role) => write!(formatter, "role `{role}`"),
            By::Name(name) => write!(formatter, "`{name}`"),
            By::Names(names) => write!(formatter, "`{}`", names.join("`, `")),
            By::Every => formatter.write_str("every component"),
            By::Each => formatter.write_str("the component of the run"),
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
            (Some(role), None) => role.one_of("role", &by_role()),
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

    /// Reads one end of a connection: a name, a list of names, or a selector.
    pub fn end(item: &Item<'_>) -> Option<Self> {
        let by = match &item.node().value {
            Value::Mapping(_) => return Self::read(item),
            Value::Scalar { .. } => By::Name(item.text()?),
            Value::Sequence(_) => match item.list(Item::text)? {
                names if names.is_empty() => return item.wrong("a list of none", None),
                names => By::Names(names),
            },
        };
        Some(Self { by, mode: Mode::All })
    }

    /// In words for people, without quotes.
    pub fn plain(&self) -> String {
        self.to_string().replace('`', "")
    }

    /// The names that it is made of, each with its place in what was read by [`end`](Self::end).
    pub fn names(&self) -> Vec<(String, &str)> {
        match &self.by {
            By::Name(name) => vec![(String::new(), name)],
            By::Names(names) => {
                let names = names.iter().enumerate();
                names.map(|(index, name)| (format!("[{index}]"), name.as_str())).collect()
            }
            By::Role(_) | By::Every | By::Each => Vec::new(),
        }
    }

    /// The replicas of a target that are meant, in the order of the target file; empty if it has
    /// none. `each` is the component that the run is about, if it is about one. `stream` names the
    /// choice, so that each has chance of its own.
    pub fn resolve(
        &self,
        target: &Target,
        each: Option<&str>,
        seed: u64,
        stream: &str,
    ) -> Vec<Replica> {
        let mut replicas = self.candidates(target, each);
        match self.mode {
            Mode::All => {}
            Mode::One => replicas.truncate(1),
            Mode::Random => draw(&mut replicas, 1, Random::stream(seed, stream)),
            Mode::FixedPercent(percent) => {
                let count = (replicas.len() * usize::from(percent)).div_ceil(100);
                draw(&mut replicas, count, Random::stream(seed, stream));
            }
        }
        replicas
    }

    fn candidates(&self, target: &Target, each: Option<&str>) -> Vec<Replica> {
        let of = |chosen: &dyn Fn(&Component) -> bool| {
            let components = target.components.iter().filter(|component| chosen(component));
            components.flat_map(replicas_of).collect::<Vec<_>>()
        };
        match &self.by {
            By::Every => of(&|_| true),
            By::Each => of(&|component| Some(component.name.as_str()) == each),
            By::Role(role) => of(&|component| component.role == *role),
            By::Name(name) => named(target, std::slice::from_ref(name)),
            By::Names(names) => named(target, names),
        }
    }
}

/// A name means a component, and where there is none of it, a replica.
fn named(target: &Target, names: &[String]) -> Vec<Replica> {
    let mut all: Vec<Replica> = target.components.iter().flat_map(replicas_of).collect();
    all.retain(|replica| {
        names.iter().any(|name| match target.component(name) {
            Some(component) => component.name == replica.component,
            None => replica.to_string() == *name,
        })
    });
    all
}

fn replicas_of(component: &Component) -> impl Iterator<Item = Replica> + '_ {
    (1..=component.replicas).map(|number| Replica { component: component.name.clone(), number })
}

/// Keeps `count` of the replicas, in their order; every choice is equally likely.
fn draw(replicas: &mut Vec<Replica>, count: usize, mut random: Random) {
    let mut kept = Vec::with_capacity(count);
    let mut left: Vec<usize> = (0..replicas.len()).collect();
    while kept.len() < count && !left.is_empty() {
        let drawn = random.below(left.len() as u64);
        kept.push(left.swap_remove(usize::try_from(drawn).expect("below the number of replicas")));
    }
    let mut index = 0..;
    replicas.retain(|_| index.next().is_some_and(|index| kept.contains(&index)));
}

/// Reads `all`, `one`, `random` or `{fixed-percent: 50}`.
fn read_mode(item: &Item<'_>) -> Option<Mode> {
    if matches!(item.node().value, Value::Scalar { .. }) {
        if item.text()? == "fixed-percent" {
            let help = "write `mode: {fixed-percent: 50}`".to_owned();
            return item.wrong("`fixed-percent` needs a number", Some(help));
        }
        return item.one_of("mode", &MODES);
    }
    let mut fields = item.fields()?;
    let share = fields.required("fixed-percent");
    fields.finish();
    let share = share?;
    let percent: u8 = share.parse("a whole number from 1 to 100")?;
    if (1..=100).contains(&percent) {
        return Some(Mode::FixedPercent(percent));
    }
    share.wrong(format!("{percent} is not a whole number from 1 to 100"), None)
}
