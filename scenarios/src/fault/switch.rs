//! Trouble that an application makes for itself, over its admin port. The reference application has
//! such a switch; it is on only in runs whose plan uses it, and a restart disarms it.

use serde_json::{Map, Value, json};

use super::Victims;
use crate::action::{Action, Check, HttpRequest, Injection, Replica};
use crate::quantity::Percent;
use crate::text::{Fields, Item};

/// Where the switch is, on the admin port.
const PATH: &str = "/chaos";
/// The variable that offers it.
const VARIABLE: &str = "CHAOS_SWITCH";
/// Before anything of a step is done, whatever the step.
const USUAL_PLACE: &str = "*.before_tx";

/// Reads `at`, a place such as `charge.before_tx`.
pub(super) fn place(fields: &mut Fields<'_>) -> Option<String> {
    let Some(item) = fields.optional("at") else { return Some(USUAL_PLACE.to_owned()) };
    let place = item.text()?;
    let plain = |c: char| c.is_ascii_lowercase() || c == '_' || c == '-';
    let parts = place.split_once('.');
    if parts.is_some_and(|(step, point)| {
        (step == "*" || step.chars().all(plain)) && point.chars().all(plain)
    }) {
        return Some(place);
    }
    let help = "such as `charge.before_tx` or `*.before_tx`".to_owned();
    item.wrong(format!("`{place}` is no place of the form `STEP.POINT`"), Some(help))
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

/// Every replica is armed and meets trouble; undone, it is disarmed. One that somebody else killed
/// or removed meanwhile is started, since nobody else could answer.
pub(super) fn armed(
    victims: &Victims<'_>,
    place: &str,
    order: &Map<String, Value>,
) -> Result<Injection, String> {
    let mut order = order.clone();
    order.insert("at".to_owned(), json!(place));
    order.insert("seed".to_owned(), json!(victims.seed));
    let mut injection = Injection::default();
    for replica in victims.replicas {
        let port = admin_port(victims, replica)?;
        let act = |method: &str, body: Option<String>| {
            let (method, path) = (method.to_owned(), PATH.to_owned());
            Action::Http {
                replica: replica.clone(),
                port,
                request: HttpRequest { method, path, body },
            }
        };
        let counter = |counts| {
            let (path, field) = (PATH.to_owned(), "acted".to_owned());
            Check::Counter { replica: replica.clone(), port, path, field, counts }
        };
        injection.inject.push(act("POST", Some(Value::from(order.clone()).to_string())));
        injection.felt.push(counter(true));
        injection.heal.push(Action::Start { replica: replica.clone() });
        injection.heal.push(act("DELETE", None));
        injection.healed.push(counter(false));
        injection.healed.push(Check::Running { replica: replica.clone() });
        injection.healed.push(Check::Ready { replica: replica.clone() });
    }
    Ok(injection)
}

/// The port of a replica's own controls: where it is audited.
fn admin_port(victims: &Victims<'_>, replica: &Replica) -> Result<u16, String> {
    let component = victims.component(replica);
    let name = &component.name;
    if !component.environment.contains_key(VARIABLE) {
        return Err(format!("`{name}` has no chaos switch: its environment has no {VARIABLE}"));
    }
    let endpoints = victims.target.audit.iter().chain(&victims.target.pending);
    let mut own = endpoints.filter(|it| it.component == *name && it.scheme == "http");
    let port = own.next().map(|endpoint| endpoint.port);
    port.ok_or_else(|| format!("`{name}` has no admin port: no `audit` or `pending` names it"))
}
