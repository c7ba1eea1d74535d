//! Which packets of whom a fault of the network means: those of some replicas, or those on the
//! edges between some replicas and others.

use serde::{Deserialize, Serialize};

use super::Victims;
use crate::action::network::{Direction, Effect, Impairment};
use crate::action::{Action, Check, Injection, Replica};
use crate::selector::{By, Selector};
use crate::target::{Component, Target};
use crate::text::{Fields, Item};

/// Which packets of whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Whose.
    pub selector: Selector,
    /// Which way, as they see it.
    pub direction: Direction,
    /// Who is at the other end; none for everybody.
    pub to: Option<Selector>,
}

/// Why traffic cannot be meant in a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The setting that does not fit, such as `to[1]`.
    pub key: String,
    /// In words.
    pub reason: String,
    /// Whether somebody is missing there, who may be elsewhere; else no target has such an edge.
    pub is_missing: bool,
}

impl Traffic {
    /// Reads `from`, or `role` or `name` and `mode`; `direction`; and `to`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let selector = from(fields);
        let direction = direction(fields);
        let to = to(fields, selector.as_ref());
        Some(Self { selector: selector?, direction: direction?, to: to? })
    }

    /// What is meant, in words.
    pub(super) fn of(&self, whom: &str) -> String {
        let way = match self.direction {
            Direction::In => "what reaches",
            Direction::Out => "what leaves",
            Direction::Both => "the traffic of",
        };
        match (&self.to, self.direction) {
            (None, _) => format!("{way} {whom}"),
            (Some(to), Direction::In) => format!("{way} {whom} from {}", to.plain()),
            (Some(to), Direction::Out) => format!("{way} {whom} for {}", to.plain()),
            (Some(to), Direction::Both) => format!("{way} {whom} with {}", to.plain()),
        }
    }

    /// Why it cannot be meant in a target, if it cannot: somebody is missing there, cut off from
    /// itself, or on no network of the other end.
    pub fn misfit(&self, victims: &Victims<'_>) -> Option<Misfit> {
        let missing = |key: &str, end: &Selector| {
            let names = end.names();
            let mut unknown = names.iter().filter(|(_, name)| !is_known(victims.target, name));
            let (at, name) = unknown.next()?;
            let reason = format!("{} has no component called `{name}`", victims.target.name);
            Some(Misfit { key: format!("{key}{at}"), reason, is_missing: true })
        };
        let to = self.to.as_ref()?;
        missing("from", &self.selector).or_else(|| missing("to", to)).or_else(|| {
            let peers = peers(to, victims);
            let reason = unmet(victims, &peers, &to.to_string())?;
            Some(Misfit { key: "to".to_owned(), reason, is_missing: peers.is_empty() })
        })
    }

    /// Every replica meets the effect; a new one that takes its place does, too.
    pub(super) fn meets(&self, effect: Effect, victims: &Victims<'_>) -> Result<Injection, String> {
        if let Some(misfit) = self.misfit(victims) {
            return Err(misfit.reason);
        }
        let peers = self.to.as_ref().map(|to| named(victims.target, &peers(to, victims)));
        let impairment = Impairment {
            effect,
            direction: self.direction,
            peers: peers.unwrap_or_default(),
            seed: victims.seed,
        };
        let met = || impairment.clone();
        let mut heal = victims.act(|replica| Action::EndImpair { replica, impairment: met() });
        heal.extend(victims.start());
        let mut healed = victims.look(|replica| [Check::Unimpaired { replica, impairment: met() }]);
        healed.extend(victims.work());
        Ok(Injection {
            inject: victims.act(|replica| Action::Impair { replica, impairment: met() }),
            felt: victims.look(|replica| [Check::Impaired { replica, impairment: met() }]),
            heal,
            healed,
        })
    }
}

/// Reads who is meant: `from`, one end of an edge, or `role` or `name` and `mode`.
pub(crate) fn from(fields: &mut Fields<'_>) -> Option<Selector> {
    let Some(item) = fields.optional("from") else { return Selector::from_fields(fields) };
    let others: Vec<_> = ["role", "name", "mode"].map(|key| fields.optional(key)).into();
    if others.iter().any(Option::is_some) {
        let help = "keep one, or write `from: {role: …}`".to_owned();
        return item.wrong("`from` and `role`, `name`, `mode` exclude each other", Some(help));
    }
    Selector::end(&item)
}

/// Reads who is at the other end; the outer none is a mistake.
#[expect(clippy::option_option, reason = "left out is not a mistake")]
pub(crate) fn to(fields: &mut Fields<'_>, from: Option<&Selector>) -> Option<Option<Selector>> {
    let Some(item) = fields.optional("to") else { return Some(None) };
    peer(&item, from).map(Some)
}

/// Reads who is at the other end of an edge from somebody.
pub(super) fn peer(item: &Item<'_>, from: Option<&Selector>) -> Option<Selector> {
    let to = Selector::end(item)?;
    if to.by == By::Each {
        return item
            .wrong("`role: each` says whom a fault acts on, not who is at the other end", None);
    }
    let from = from.map(Selector::names).unwrap_or_default();
    let names = to.names();
    let same = names.iter().find(|(_, name)| from.iter().any(|(_, other)| other == name));
    match same {
        Some((_, name)) => item.wrong(itself(name), None),
        None => Some(to),
    }
}

fn itself(name: &str) -> String {
    format!("`{name}` cannot be cut off from itself: name another component")
}

/// `both` unless said.
pub(super) fn direction(fields: &mut Fields<'_>) -> Option<Direction> {
    let Some(item) = fields.optional("direction") else { return Some(Direction::Both) };
    item.one_of("direction", &Direction::ALL)
}

fn is_known(target: &Target, name: &str) -> bool {
    let by = By::Name(name.to_owned());
    let end = Selector { by, mode: crate::selector::Mode::All };
    !end.resolve(target, None, 0, "").is_empty()
}

/// The replicas at the other end.
fn peers(to: &Selector, victims: &Victims<'_>) -> Vec<Replica> {
    to.resolve(victims.target, None, victims.seed, "peers")
}

/// Why some replicas and their peers have nothing to do with each other, if they have not.
fn unmet(victims: &Victims<'_>, peers: &[Replica], to: &str) -> Option<String> {
    if peers.is_empty() {
        return Some(format!("{} has no component with the {to}", victims.target.name));
    }
    if let Some(replica) = victims.replicas.iter().find(|replica| peers.contains(replica)) {
        return Some(itself(&replica.component));
    }
    let alone = |replica: &Replica, others: &[Replica]| {
        let one = victims.component(replica);
        let meet = |other: &Replica| share_a_network(one, victims.component(other));
        !others.iter().any(meet)
    };
    let one = victims.replicas.iter().find(|replica| alone(replica, peers));
    let one = one.or_else(|| peers.iter().find(|replica| alone(replica, victims.replicas)))?;
    Some(format!("`{}` shares no network with the other end", one.component))
}

/// Components that name no network are all on that of the target.
fn share_a_network(one: &Component, other: &Component) -> bool {
    let none = one.networks.is_empty() && other.networks.is_empty();
    none || one.networks.keys().any(|network| other.networks.contains_key(network))
}

/// Replicas by name; all of a component by its own, which also means those that come later.
fn named(target: &Target, replicas: &[Replica]) -> Vec<String> {
    let mut names = Vec::new();
    for component in &target.components {
        let of: Vec<_> = replicas.iter().filter(|it| it.component == component.name).collect();
        match of.len() {
            0 => {}
            count if count == component.replicas as usize => names.push(component.name.clone()),
            _ => names.extend(of.iter().map(ToString::to_string)),
        }
    }
    names
}
