//! Reads a Compose file as a target. What one part says about another is checked against the names
//! that the file declares, so that no mistake hides behind another.

use super::component::{self, DEFAULT_NETWORK, Service};
use super::section::Names;
use super::subset::{REFUSED_AT_TOP, REFUSED_OF_RESOURCES, refusal};
use super::{Component, Target, chaos, volume};
use crate::quantity::Bytes;
use crate::text::{Diagnostics, Fields, Item, decode as decode_text};

/// More services than one machine can run; it also bounds the search for circles.
const MOST_SERVICES: usize = 100;

/// Reads the Compose file of the target `name`; `file` is the name that mistakes are shown with.
/// All mistakes are returned at once. What is understood stands in [`SUBSET`](super::SUBSET).
pub fn decode(file: &str, name: &str, text: &str) -> Result<Target, Diagnostics> {
    decode_text(file, text, |root| read_target(root, name)).map(|(target, _)| target)
}

fn read_target(root: &Item<'_>, name: &str) -> Option<Target> {
    let mut fields = root.fields()?;
    let services = fields.required("services");
    let declared = read_resources(&mut fields, "networks", read_network);
    let declared = declared.into_iter().map(|(name, _)| name);
    let others = declared.filter(|name| name != DEFAULT_NETWORK);
    let volumes = read_resources(&mut fields, "volumes", volume::read);
    let names = Names {
        components: services.as_ref().map(read_names).unwrap_or_default(),
        networks: std::iter::once(DEFAULT_NETWORK.to_owned()).chain(others).collect(),
        volumes: volumes.iter().map(|(name, _)| name.clone()).collect(),
    };
    let services = services.and_then(|item| read_services(&item, &names));
    let chaos = read_chaos(&mut fields, &names);
    let _ = (fields.optional("version"), fields.optional("name"));
    fields.allow_extensions();
    fields.finish_with(|key| refusal(REFUSED_AT_TOP, key));

    let services = services?;
    let chaos = chaos?;
    let components: Vec<Component> =
        services.into_iter().map(|service| chaos.complete(service)).collect();
    let used = |network: &String| components.iter().any(|c| c.networks.contains_key(network));
    let networks = names.networks.into_iter().filter(used).collect();
    Some(chaos.into_target(name, components, networks, volumes))
}

fn read_chaos(fields: &mut Fields<'_>, names: &Names) -> Option<chaos::Chaos> {
    let Some(item) = fields.optional("x-chaos") else {
        let message = "`x-chaos` is missing: it says where requests go and what is for what";
        let help = "add at least `x-chaos: {version: 1, title: …, entry: http://component:port}`";
        return fields.item().wrong(message, Some(help.to_owned()));
    };
    chaos::read(&item, names)
}

/// Names of services, also of those whose content is wrong.
fn read_names(services: &Item<'_>) -> Vec<String> {
    let Some(entries) = services.entries() else { return Vec::new() };
    for (key, _) in &entries {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let begins_well = key.text.starts_with(|c: char| c.is_ascii_lowercase());
        if !begins_well || !key.text.chars().all(plain) {
            let help = "begin with `a-z`, then `a-z`, `0-9`, `-`, `_` or `.`: it is a host name";
            let message = format!("`{}` cannot be the name of a service", key.text);
            key.wrong::<()>(message, Some(help.to_owned()));
        }
    }
    entries.iter().map(|(key, _)| key.text.to_owned()).collect()
}

fn read_services<'a>(services: &Item<'a>, names: &Names) -> Option<Vec<Service<'a>>> {
    // That it is no mapping has been said when the names were read.
    if !super::section::is_mapping(services) {
        return None;
    }
    let entries = services.entries()?;
    if entries.is_empty() {
        return services.wrong("a target needs at least one service", None);
    }
    if entries.len() > MOST_SERVICES {
        let message = format!("{} services are more than {MOST_SERVICES}", entries.len());
        return services.wrong(message, Some("split the target".to_owned()));
    }
    let read: Vec<Option<Service<'_>>> =
        entries.iter().map(|(key, value)| component::read(key.text, value, names)).collect();
    let readable: Vec<&Service<'_>> = read.iter().flatten().collect();
    note_cycles(&readable);
    read.into_iter().collect()
}

/// Notes every dependency that closes a cycle.
fn note_cycles(services: &[&Service<'_>]) {
    let mut finished = Vec::new();
    for service in services {
        let mut path = Vec::new();
        visit(service, services, &mut path, &mut finished);
    }
}

fn visit<'s>(
    service: &'s Service<'_>,
    services: &[&'s Service<'_>],
    path: &mut Vec<&'s str>,
    finished: &mut Vec<&'s str>,
) {
    let name = service.component.name.as_str();
    if finished.contains(&name) {
        return;
    }
    path.push(name);
    for (dependency, item) in &service.depends_on {
        if let Some(start) = path.iter().position(|name| name == dependency) {
            let cycle = [&path[start..], &[dependency.as_str()]].concat().join(" → ");
            let help = Some("leave one of these dependencies out".to_owned());
            item.wrong::<()>(format!("dependencies in a circle: {cycle}"), help);
        } else if let Some(next) = services.iter().find(|s| s.component.name == *dependency) {
            visit(next, services, path, finished);
        }
    }
    path.pop();
    finished.push(name);
}

/// The networks or volumes that the file declares, and the size of each that has one.
fn read_resources(
    fields: &mut Fields<'_>,
    key: &'static str,
    read: impl Fn(&Item<'_>) -> Option<Bytes>,
) -> Vec<(String, Option<Bytes>)> {
    let declared = fields.optional(key).filter(|item| !item.is_null());
    let entries = declared.and_then(|item| item.entries()).unwrap_or_default();
    entries.iter().map(|(key, value)| (key.text.to_owned(), read(value))).collect()
}

/// A network has no size.
fn read_network(item: &Item<'_>) -> Option<Bytes> {
    if !item.is_null() {
        let mut fields = item.fields()?;
        volume::driver(&mut fields);
        fields.finish_with(|key| refusal(REFUSED_OF_RESOURCES, key));
    }
    None
}
