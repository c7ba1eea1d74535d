//! Trouble before an application that has no chaos switch: a proxy of ours stands before one of its
//! HTTP ports. Which port that is, and why it cannot be, is found out here.

use std::collections::BTreeSet;

use serde_json::{Map, json};

use super::Place;
use super::switch::Door;
use crate::target::{Component, Endpoint, Role, Target};

/// The port on which our proxy takes orders, or the first one above it that is not the component's.
const ADMIN_PORT: u16 = 15_000;
/// Every call, unless said.
const EVERY_PATH: &str = "*";

/// The proxy before a component; or why there can be none.
pub(super) fn door(target: &Target, component: &Component, place: &Place) -> Result<Door, String> {
    if let Some(at) = place.at.as_deref().filter(|_| place.path().is_none()) {
        return Err(format!(
            "a proxy of ours before it knows paths such as `/orders/*`, not the place `{at}`"
        ));
    }
    let port = proxied_port(target, component, place.port)?;
    let mut order = Map::new();
    order.insert("port".to_owned(), json!(port));
    order.insert("at".to_owned(), json!(place.path().unwrap_or(EVERY_PATH)));
    if place.path().is_none() {
        order.insert("except".to_owned(), json!(own_paths(target, component, port)));
    }
    let known = component.known_ports();
    let admin = (ADMIN_PORT..=u16::MAX).find(|port| !known.contains(port)).unwrap_or(ADMIN_PORT);
    Ok(Door { proxied: Some(port), port: admin, place: order })
}

/// The port that is meant; or why none can be.
fn proxied_port(target: &Target, component: &Component, asked: Option<u16>) -> Result<u16, String> {
    let (known, other) = (component.known_ports(), other_protocols(target, component));
    if let Some(port) = asked {
        return match other.get(port) {
            Some(scheme) => Err(format!("its port {port} speaks {scheme}, not HTTP")),
            None if known.contains(&port) => Ok(port),
            None => Err(format!(
                "it is not known to listen on {port}{}: name it under `expose`",
                listed(&known)
            )),
        };
    }
    if target.entry.component == component.name {
        return Ok(target.entry.port);
    }
    if matches!(component.role, Role::Database | Role::Broker) {
        let role = component.role;
        return Err(format!("a {role} is not known to speak HTTP: say `port:` if it does"));
    }
    let candidates: BTreeSet<u16> =
        known.iter().copied().filter(|port| other.get(*port).is_none()).collect();
    let own = own_ports(target, component);
    let users: BTreeSet<u16> = candidates.difference(&own).copied().collect();
    let left = if users.is_empty() { candidates } else { users };
    match left.first() {
        None => {
            Err("no HTTP port of it is known for a proxy of ours: name one under `expose`"
                .to_owned())
        }
        Some(port) if left.len() == 1 => Ok(*port),
        Some(_) => Err(format!(
            "several ports of it may be meant for a proxy of ours{}: say which by `port:`",
            listed(&left)
        )),
    }
}

fn listed(ports: &BTreeSet<u16>) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    if ports.is_empty() { String::new() } else { format!(" (known are {})", ports.join(", ")) }
}

/// Ports of a component that speak something else, with what they speak.
struct OtherProtocols<'a>(Vec<(u16, &'a str)>);

impl<'a> OtherProtocols<'a> {
    fn get(&self, port: u16) -> Option<&'a str> {
        self.0.iter().find(|(other, _)| *other == port).map(|(_, scheme)| *scheme)
    }
}

/// That a port can be connected to says nothing of what it speaks.
fn other_protocols<'a>(target: &'a Target, component: &'a Component) -> OtherProtocols<'a> {
    let endpoints = named(target, component);
    let other = endpoints.filter(|it| it.scheme != "http" && it.scheme != "tcp");
    OtherProtocols(other.map(|it| (it.port, it.scheme.as_str())).collect())
}

/// Every place of a component that the file names.
fn named<'a>(
    target: &'a Target,
    component: &'a Component,
) -> impl Iterator<Item = &'a Endpoint> + use<'a> {
    let of = move |endpoint: &&Endpoint| endpoint.component == component.name;
    target.endpoints().chain(&component.ready).filter(of)
}

/// What we ask a component ourselves, not its users.
fn own<'a>(
    target: &'a Target,
    component: &'a Component,
) -> impl Iterator<Item = &'a Endpoint> + use<'a> {
    named(target, component).filter(move |endpoint| **endpoint != target.entry)
}

/// Ports that are named for audits alone.
fn own_ports(target: &Target, component: &Component) -> BTreeSet<u16> {
    let lists = target.audit.iter().chain(&target.pending).chain(&target.redrive);
    lists.filter(|it| it.component == component.name).map(|it| it.port).collect()
}

/// Paths behind a port that we ask ourselves: neither a fault nor the proof that it is felt.
fn own_paths(target: &Target, component: &Component, port: u16) -> BTreeSet<String> {
    let own = own(target, component).filter(|it| it.port == port && it.scheme == "http");
    own.map(|it| match it.path.split('?').next().unwrap_or_default() {
        "" => "/".to_owned(),
        path => path.to_owned(),
    })
    .collect()
}
