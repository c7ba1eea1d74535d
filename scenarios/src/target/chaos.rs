//! Reads `x-chaos`, the section of a Compose file that Compose itself passes over: what the
//! components are for, where requests go, and where the final state is read.

use std::collections::BTreeMap;

use super::component::Service;
use super::section::Names;
use super::{Component, DatabaseAudit, Endpoint, Queue, Role, SCHEMES, Target};
use super::{audit, volume};
use crate::quantity::{Bytes, Span};
use crate::text::decode::Key;
use crate::text::diagnostic::{did_you_mean, help_for_name};
use crate::text::{Fields, Item};
use crate::workload;

/// The only version of the section so far.
const VERSION: u32 = 1;
const DEFAULT_WORKLOAD: &str = "checkout";
pub(super) const HTTP: [&str; 1] = ["http"];

/// What the section says.
#[derive(Debug)]
pub(super) struct Chaos {
    title: String,
    entry: Endpoint,
    workload: String,
    roles: BTreeMap<String, Role>,
    ready: BTreeMap<String, Endpoint>,
    canary: Option<String>,
    audit: Vec<Endpoint>,
    audit_sql: Vec<DatabaseAudit>,
    pending: Vec<Endpoint>,
    redrive: Vec<Endpoint>,
    queues: BTreeMap<String, Queue>,
    sized_volumes: BTreeMap<String, Bytes>,
    retry_schedule: Span,
    modes: Vec<String>,
    safeguards: Vec<String>,
    constants: BTreeMap<String, String>,
}

/// Reads the section.
pub(super) fn read(item: &Item<'_>, names: &Names) -> Option<Chaos> {
    let mut fields = item.fields()?;
    let version = fields.required("version").and_then(|item| read_version(&item));
    let title = fields.required("title").and_then(|item| item.text());
    let entry = fields.required("entry").and_then(|item| endpoint(&item, names, &HTTP));
    let workload = fields.optional("workload").and_then(|item| read_workload(&item));
    let workload = workload.unwrap_or_else(|| DEFAULT_WORKLOAD.to_owned());
    let canary = fields.optional("canary").and_then(|item| read_canary(&item, &workload));
    let roles =
        per_component(&mut fields, "roles", names, |_, item| item.one_of("role", &Role::ALL));
    let ready = per_component(&mut fields, "ready", names, |name, item| {
        let endpoint = endpoint(item, names, &SCHEMES)?;
        if endpoint.component == name {
            return Some(endpoint);
        }
        let message = format!("`{}` cannot tell whether `{name}` is ready", endpoint.component);
        item.wrong(message, Some(format!("name an address of `{name}` itself")))
    });
    let mut audits = Vec::new();
    let audit = fields.list("audit", |item| {
        audits.extend(item.text());
        endpoint(item, names, &HTTP)
    });
    let audit_sql = fields.list("audit-sql", |item| audit::read(item, names, &audits));
    let mut places = |key| fields.list(key, |item| endpoint(item, names, &HTTP));
    let (pending, redrive) = (places("pending"), places("redrive"));
    let queues = fields.optional("queues").and_then(|item| item.map(queue));
    let sized_volumes = fields.optional("sized-volumes");
    let sized_volumes = sized_volumes.and_then(|item| volume::sizes(&item, names));
    let retry_schedule = fields
        .optional("retry-schedule")
        .and_then(|item| item.parse("a span of time, such as `21s`"));
    let modes = distinct(&mut fields, "modes", |c| c.is_ascii_lowercase() || c == '-');
    let safeguards = distinct(&mut fields, "safeguards", |c| c.is_ascii_uppercase() || c == '_');
    let constants = fields.optional("constants");
    let constants = constants.and_then(|item| item.map(|_, value| value.text()));
    fields.finish();
    version?;
    Some(Chaos {
        title: title?,
        entry: entry?,
        workload,
        roles,
        ready,
        canary,
        audit,
        audit_sql,
        pending,
        redrive,
        queues: queues.unwrap_or_default(),
        sized_volumes: sized_volumes.unwrap_or_default(),
        retry_schedule: retry_schedule.unwrap_or_default(),
        modes,
        safeguards,
        constants: constants.unwrap_or_default(),
    })
}

fn read_version(item: &Item<'_>) -> Option<u32> {
    let version = item.parse("a version, which is `1`")?;
    if version == VERSION {
        return Some(version);
    }
    item.wrong(format!("version {version} of `x-chaos` is not known"), Some("write `1`".to_owned()))
}

/// A built-in workload, or a file of one.
fn read_workload(item: &Item<'_>) -> Option<String> {
    let name = item.text()?;
    let builtin = workload::BUILTIN.map(|(name, _)| name);
    let is_file = [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
    if is_file || builtin.contains(&name.as_str()) {
        return Some(name);
    }
    let help = did_you_mean(&name, builtin).map_or_else(
        || format!("built in: {}; or name a file that ends with `.yaml`", builtin.join(", ")),
        |name| format!("did you mean `{name}`?"),
    );
    item.wrong(format!("no workload is called `{name}`"), Some(help))
}

/// A class of the workload, as far as that is known here.
fn read_canary(item: &Item<'_>, workload: &str) -> Option<String> {
    let class = item.text()?;
    let Some(workload) = workload::builtin(workload) else { return Some(class) };
    let mut classes: Vec<&str> = workload.requests.iter().map(|r| r.class.as_str()).collect();
    classes.dedup();
    if classes.contains(&class.as_str()) {
        return Some(class);
    }
    let help = help_for_name(&class, classes);
    item.wrong(format!("no class of workload `{}` is called `{class}`", workload.name), help)
}

/// What is known of a queue: `{dead: dlq.orders}`, or nothing.
fn queue(_: &Key<'_>, item: &Item<'_>) -> Option<Queue> {
    if item.is_null() {
        return Some(Queue::default());
    }
    let mut fields = item.fields()?;
    let dead = fields.optional("dead").and_then(|item| item.text());
    fields.finish();
    Some(Queue { dead })
}

/// A mapping from components to something.
fn per_component<'a, T>(
    fields: &mut Fields<'a>,
    key: &'static str,
    names: &Names,
    mut read: impl FnMut(&str, &Item<'a>) -> Option<T>,
) -> BTreeMap<String, T> {
    let section = fields.optional(key);
    let values = section.and_then(|section| {
        section.map(|key, value| {
            let value = read(key.text, value);
            names.component_key(key).and(value)
        })
    });
    values.unwrap_or_default()
}

fn distinct(
    fields: &mut Fields<'_>,
    key: &'static str,
    plain: impl Fn(char) -> bool,
) -> Vec<String> {
    let mut seen = Vec::new();
    fields.list(key, |item| {
        let name = item.text()?;
        if name.is_empty() || !name.chars().all(&plain) {
            return item.wrong(format!("`{name}` is not a name of {key}"), None);
        }
        if seen.contains(&name) {
            return item.wrong(format!("`{name}` stands twice in {key}"), None);
        }
        seen.push(name.clone());
        Some(name)
    })
}

/// An address inside the target, with one of some schemes.
pub(super) fn endpoint(item: &Item<'_>, names: &Names, schemes: &[&str]) -> Option<Endpoint> {
    let text = item.text()?;
    let endpoint: Endpoint = match text.parse() {
        Ok(endpoint) => endpoint,
        Err(error) => return item.wrong(super::EndpointError::to_string(&error), None),
    };
    if !schemes.contains(&endpoint.scheme.as_str()) {
        let help = Some(format!("write `{}://…`", schemes.join("://…` or `")));
        return item.wrong(format!("`{}` is not spoken here", endpoint.scheme), help);
    }
    let credentials = endpoint.credentials.as_ref().map_or(0, |credentials| credentials.len() + 1);
    let start = endpoint.scheme.len() + "://".len() + credentials;
    let part = start..start + endpoint.component.len();
    names.component_within(item, part, &endpoint.component)?;
    Some(endpoint)
}

impl Chaos {
    /// Adds to a service what the section says about it.
    pub(super) fn complete(&self, service: Service<'_>) -> Component {
        let Service { mut component, .. } = service;
        if let Some(role) = self.roles.get(&component.name) {
            component.role = *role;
        }
        component.ready = self.ready.get(&component.name).cloned().or_else(|| {
            let port = *component.exposed.first().or(component.ports.first())?;
            Some(connection(&component.name, port))
        });
        let named = self.endpoints().chain(&component.ready);
        let named = named.filter(|endpoint| endpoint.component == component.name);
        let named: Vec<u16> = named.map(|endpoint| endpoint.port).collect();
        component.ports.extend(named);
        component.ports.sort_unstable();
        component.ports.dedup();
        component
    }

    fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        let lists = self.audit.iter().chain(&self.pending).chain(&self.redrive);
        let databases = self.audit_sql.iter().map(|audit| &audit.database);
        lists.chain(databases).chain([&self.entry])
    }

    pub(super) fn into_target(
        self,
        name: &str,
        components: Vec<Component>,
        networks: Vec<String>,
        volumes: Vec<(String, Option<Bytes>)>,
    ) -> Target {
        let sizes = volumes.iter().filter_map(|(name, size)| Some((name.clone(), (*size)?)));
        let volume_sizes = sizes.collect();
        Target {
            name: name.to_owned(),
            title: self.title,
            components,
            networks,
            volumes: volumes.into_iter().map(|(name, _)| name).collect(),
            volume_sizes,
            sizes_to_fill: self.sized_volumes,
            entry: self.entry,
            workload: self.workload,
            canary: self.canary,
            audit: self.audit,
            audit_sql: self.audit_sql,
            pending: self.pending,
            redrive: self.redrive,
            queues: self.queues,
            retry_schedule: self.retry_schedule,
            modes: self.modes,
            safeguards: self.safeguards,
            constants: self.constants,
        }
    }
}

/// Readiness of a component of which only a port is known.
fn connection(component: &str, port: u16) -> Endpoint {
    Endpoint {
        scheme: "tcp".to_owned(),
        credentials: None,
        component: component.to_owned(),
        port,
        path: String::new(),
    }
}
