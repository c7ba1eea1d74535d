//! Trouble that an application makes for itself, over its admin port. The reference application has
//! such a switch; it is on only in runs whose plan uses it, and a restart disarms it. Before an
//! application without one a proxy of ours makes the trouble, and takes the same orders.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Victims, proxied};
use crate::action::{Action, Check, HttpRequest, Injection, Replica};
use crate::quantity::Percent;
use crate::text::{Fields, Item};

/// Where the switch is, on the admin port.
const PATH: &str = "/chaos";
/// The variable that offers it.
const VARIABLE: &str = "CHAOS_SWITCH";
/// Before anything of a step is done, whatever the step.
const USUAL_PLACE: &str = "*.before_tx";

/// Where trouble is made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Place {
    /// `STEP.POINT` of an application with a chaos switch; a path, in which `*` stands for any
    /// characters, of one without. None is the usual.
    pub at: Option<String>,
    /// The HTTP port, where an application without a chaos switch has several.
    pub port: Option<u16>,
}

impl Place {
    /// Reads `at` and `port`.
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let at = fields.optional("at").map(|item| at(&item));
        let port = fields.optional("port").map(|item| port(&item));
        match (at, port) {
            (Some(None), _) | (_, Some(None)) => None,
            (at, port) => Some(Self { at: at.flatten(), port: port.flatten() }),
        }
    }

    /// The path, if it is one.
    pub(super) fn path(&self) -> Option<&str> {
        self.at.as_deref().filter(|at| at.starts_with('/'))
    }
}

/// Reads a place such as `charge.before_tx` or `/orders/*`.
fn at(item: &Item<'_>) -> Option<String> {
    let place = item.text()?;
    let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
    let parts = place.split_once('.');
    let point = parts.is_some_and(|(step, point)| {
        (step == "*" || step.chars().all(plain)) && point.chars().all(plain)
    });
    if point || place.starts_with('/') {
        return Some(place);
    }
    let help = "such as `charge.before_tx` or `*.before_tx`, or a path such as `/orders/*`";
    item.wrong(format!("`{place}` is no place of the form `STEP.POINT`"), Some(help.to_owned()))
}

fn port(item: &Item<'_>) -> Option<u16> {
    let port: u16 = item.parse("a port from 1 to 65535")?;
    if port > 0 { Some(port) } else { item.wrong("0 is not a port from 1 to 65535", None) }
}

/// Reads `probability`, the share of calls that meet trouble; all unless said.
pub(super) fn probability(fields: &mut Fields<'_>) -> Option<Percent> {
    let all = || "100%".parse().ok();
    fields.optional("probability").map_or_else(all, |item| {
        let share: Percent = item.parse("a share in percent, such as `30%`")?;
        if share.ratio() > 0.0 && share.ratio() <= 1.0 {
            return Some(share);
        }
        item.wrong(format!("{share} is not a share above `0%` and up to `100%`"), None)
    })
}

/// Reads `status`, an HTTP status that says failure; 503 unless said.
pub(super) fn status(fields: &mut Fields<'_>) -> Option<u16> {
    fields.optional("status").map_or(Some(503), |item: Item<'_>| {
        let status: u16 = item.parse("an HTTP status")?;
        if (400..600).contains(&status) {
            return Some(status);
        }
        item.wrong(format!("{status} is no HTTP status of a failure (400 to 599)"), None)
    })
}

/// Who takes the orders for a replica.
pub(super) struct Door {
    /// For our proxy, the port of the replica that it stands before.
    pub(super) proxied: Option<u16>,
    /// The port that takes orders.
    pub(super) port: u16,
    /// What says in an order where trouble is made.
    pub(super) place: Map<String, Value>,
}

/// Every replica is armed and meets trouble; undone, it is disarmed. One that somebody else killed
/// or removed meanwhile is started, since nobody else could answer.
pub(super) fn armed(
    victims: &Victims<'_>,
    place: &Place,
    order: &Map<String, Value>,
) -> Result<Injection, String> {
    let mut injection = Injection::default();
    for replica in victims.replicas {
        let Door { proxied, port, place } = door(victims, replica, place)?;
        let mut order = order.clone();
        order.extend(place);
        order.insert("seed".to_owned(), json!(victims.seed));
        let act = |method: &str, body: Option<String>| {
            let (method, path) = (method.to_owned(), PATH.to_owned());
            let request = HttpRequest { method, path, body };
            Action::Http { replica: replica.clone(), proxied, port, request }
        };
        let counter = |counts| {
            let (path, field) = (PATH.to_owned(), "acted".to_owned());
            Check::Counter { replica: replica.clone(), proxied, port, path, field, counts }
        };
        injection.inject.push(act("POST", Some(Value::from(order).to_string())));
        injection.felt.push(counter(true));
        injection.heal.push(Action::Start { replica: replica.clone() });
        injection.heal.push(act("DELETE", None));
        injection.healed.push(counter(false));
        injection.healed.push(Check::Running { replica: replica.clone() });
        injection.healed.push(Check::Ready { replica: replica.clone() });
    }
    Ok(injection)
}

/// The application's own switch where it has one, our proxy where it has none.
fn door(victims: &Victims<'_>, replica: &Replica, place: &Place) -> Result<Door, String> {
    let component = victims.component(replica);
    if !component.environment.contains_key(VARIABLE) {
        return proxied::door(victims.target, component, place).map_err(|reason| {
            let name = &component.name;
            format!("`{name}` has no chaos switch (no {VARIABLE} in its environment), and {reason}")
        });
    }
    let name = &component.name;
    if place.path().is_some() || place.port.is_some() {
        return Err(format!(
            "`{name}` has a chaos switch, where trouble is made at a place of the form \
             `STEP.POINT`, not before a port or path"
        ));
    }
    let endpoints = victims.target.audit.iter().chain(&victims.target.pending);
    let mut own = endpoints.filter(|it| it.component == *name && it.scheme == "http");
    let port = own.next().map(|endpoint| endpoint.port);
    let port = port
        .ok_or_else(|| format!("`{name}` has no admin port: no `audit` or `pending` names it"))?;
    let at = place.at.as_deref().unwrap_or(USUAL_PLACE);
    Ok(Door { proxied: None, port, place: Map::from_iter([("at".to_owned(), json!(at))]) })
}
