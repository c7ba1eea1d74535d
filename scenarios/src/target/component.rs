//! Reads one service of a Compose file.

use super::section::{
    Names, absolute, environment, exposed_port, mount, networks, one_or_more, published_port, text,
    words,
};
use super::subset::{REFUSED, REFUSED_OF_DEPLOY, refusal};
use super::{Component, Role, limit};
use crate::text::{Fields, Item};

/// The network of components that name none, as in Compose.
pub(super) const DEFAULT_NETWORK: &str = "default";
const MOST_REPLICAS: u32 = 16;
const RESTART: [(&str, &str); 4] = [
    ("no", "no"),
    ("always", "always"),
    ("on-failure", "on-failure"),
    ("unless-stopped", "unless-stopped"),
];
/// Read so that they are known, and passed over.
const PASSED_OVER: [&str; 4] = ["labels", "healthcheck", "stdin_open", "tty"];

/// A service as far as its own section tells.
#[derive(Debug)]
pub(super) struct Service<'a> {
    /// Its role is a guess and it is not known when it is ready, until `x-chaos` is read.
    pub(super) component: Component,
    /// The services that it depends on, with the places where it says so.
    pub(super) depends_on: Vec<(String, Item<'a>)>,
}

/// Reads the service `name`. A value that may be left out counts as left out when it is wrong: the
/// mistake is noted, so nothing is made of the file anyway.
pub(super) fn read<'a>(name: &str, item: &Item<'a>, names: &Names) -> Option<Service<'a>> {
    let mut fields = item.fields()?;
    fields.allow_extensions();
    let image = fields.required("image").and_then(|item| text(&item));
    let depends_on = fields.optional("depends_on").and_then(|item| read_depends_on(&item, names));
    let depends_on = depends_on.unwrap_or_default();
    let mut component = Component {
        name: name.to_owned(),
        role: image.as_deref().map_or(Role::Service, super::role::guess),
        replicas: 1,
        image: image.unwrap_or_default(),
        entrypoint: given(&mut fields, "entrypoint").and_then(|item| words(&item)),
        command: given(&mut fields, "command").and_then(|item| words(&item)),
        environment: given(&mut fields, "environment")
            .and_then(|item| environment(&item))
            .unwrap_or_default(),
        ports: fields.list("ports", published_port),
        exposed: fields.list("expose", exposed_port),
        networks: given(&mut fields, "networks")
            .and_then(|item| networks(&item, names))
            .filter(|joined| !joined.is_empty())
            .unwrap_or_else(|| [(DEFAULT_NETWORK.to_owned(), Vec::new())].into()),
        depends_on: depends_on.iter().map(|(name, _)| name.clone()).collect(),
        mounts: fields.list("volumes", |item| mount(item, names)),
        tmpfs: fields
            .optional("tmpfs")
            .and_then(|item| one_or_more(&item, absolute))
            .unwrap_or_default(),
        restart: String::new(),
        stop_grace_period: None,
        stop_signal: None,
        init: false,
        hostname: None,
        user: None,
        working_dir: None,
        read_only: false,
        cap_add: Vec::new(),
        cap_drop: Vec::new(),
        security_opt: Vec::new(),
        ulimits: Vec::new(),
        memory: None,
        cpus: None,
        pids_limit: None,
        ready: None,
    };
    read_process(&mut fields, &mut component);
    read_rights(&mut fields, &mut component);
    read_limits(&mut fields, &mut component);
    for key in PASSED_OVER {
        let _ = fields.optional(key);
    }
    fields.finish_with(|key| refusal(REFUSED, key));
    Some(Service { component, depends_on })
}

/// The value of a key, unless it is left out or empty, which mean the same for some keys.
fn given<'a>(fields: &mut Fields<'a>, key: &'static str) -> Option<Item<'a>> {
    fields.optional(key).filter(|item| !item.is_null())
}

fn flag(fields: &mut Fields<'_>, key: &'static str) -> bool {
    fields.optional(key).and_then(|item| item.boolean()).unwrap_or(false)
}

/// How its process is started, named and stopped.
fn read_process(fields: &mut Fields<'_>, component: &mut Component) {
    let restart = fields.optional("restart");
    let restart = restart.and_then(|item| item.one_of("restart policy", &RESTART));
    component.restart = restart.unwrap_or("no").to_owned();
    component.stop_grace_period = fields
        .optional("stop_grace_period")
        .and_then(|item| item.parse("a span of time, such as `10s`"));
    component.stop_signal = fields.optional("stop_signal").and_then(|item| read_signal(&item));
    component.init = flag(fields, "init");
    component.working_dir = fields.optional("working_dir").and_then(|item| absolute(&item));
    component.user = fields.optional("user").and_then(|item| text(&item));
    let hostname = fields.optional("hostname");
    component.hostname = hostname.as_ref().and_then(text);
    read_deploy(fields, component);
    if let Some(hostname) = hostname.filter(|_| component.replicas > 1) {
        let message = format!("{} replicas cannot share one host name", component.replicas);
        let help = Some("leave `hostname` out, or run one replica".to_owned());
        hostname.wrong::<()>(message, help);
    }
}

fn read_signal(item: &Item<'_>) -> Option<String> {
    let signal = item.text()?;
    let named = signal.strip_prefix("SIG").is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    });
    if named || signal.parse::<u8>().is_ok_and(|number| (1..65).contains(&number)) {
        return Some(signal);
    }
    item.wrong(format!("`{signal}` is not a signal"), Some("such as `SIGINT`".to_owned()))
}

/// What it may do.
fn read_rights(fields: &mut Fields<'_>, component: &mut Component) {
    component.read_only = flag(fields, "read_only");
    component.cap_add = fields.list("cap_add", |item| {
        let capability = limit::capability(item)?;
        if capability == "ALL" {
            let help = "name the capabilities that it needs".to_owned();
            return item.wrong("all capabilities together reach the whole host", Some(help));
        }
        Some(capability)
    });
    component.cap_drop = fields.list("cap_drop", limit::capability);
    component.security_opt = fields.list("security_opt", Item::text);
}

/// What it may use. The limits of `deploy` are already read.
fn read_limits(fields: &mut Fields<'_>, component: &mut Component) {
    component.ulimits =
        given(fields, "ulimits").and_then(|item| limit::ulimits(&item)).unwrap_or_default();
    once(fields, "mem_limit", &mut component.memory, limit::memory);
    once(fields, "cpus", &mut component.cpus, limit::cpus);
    once(fields, "pids_limit", &mut component.pids_limit, limit::pids);
}

/// Reads a limit that can be written in `deploy` as well, but not in both places.
fn once<'a, T>(
    fields: &mut Fields<'a>,
    key: &'static str,
    slot: &mut Option<T>,
    read: impl Fn(&Item<'a>) -> Option<T>,
) {
    let Some(item) = fields.optional(key) else { return };
    if slot.is_some() {
        let message = format!("`{key}` is also set by `deploy.resources.limits`");
        item.wrong::<()>(message, Some("keep one of the two".to_owned()));
        return;
    }
    *slot = read(&item);
}

fn read_deploy(fields: &mut Fields<'_>, component: &mut Component) {
    let deploy = fields.optional("deploy").and_then(|item| item.fields());
    let Some(mut deploy) = deploy else { return };
    let replicas = deploy.optional("replicas").and_then(|item| read_replicas(&item));
    component.replicas = replicas.unwrap_or(1);
    if let Some(mut resources) = deploy.optional("resources").and_then(|item| item.fields()) {
        if let Some(mut limits) = resources.optional("limits").and_then(|item| item.fields()) {
            component.memory = limits.optional("memory").and_then(|item| limit::memory(&item));
            component.cpus = limits.optional("cpus").and_then(|item| limit::cpus(&item));
            component.pids_limit = limits.optional("pids").and_then(|item| limit::pids(&item));
            limits.finish();
        }
        resources.finish_with(|key| refusal(REFUSED_OF_DEPLOY, key));
    }
    deploy.finish_with(|key| refusal(REFUSED_OF_DEPLOY, key));
}

fn read_replicas(item: &Item<'_>) -> Option<u32> {
    let replicas: u32 = item.parse("a whole number")?;
    if (1..=MOST_REPLICAS).contains(&replicas) {
        return Some(replicas);
    }
    item.wrong(format!("{replicas} replicas are not from 1 to {MOST_REPLICAS}"), None)
}

/// `depends_on`: a list, or a mapping to conditions.
fn read_depends_on<'a>(item: &Item<'a>, names: &Names) -> Option<Vec<(String, Item<'a>)>> {
    if !super::section::is_mapping(item) {
        return item.list(|item| Some((names.component(item, &item.text()?)?, item.clone())));
    }
    let read = item.entries()?.into_iter().map(|(key, value)| {
        read_condition(&value);
        Some((names.component_key(&key)?, value))
    });
    let read: Vec<Option<_>> = read.collect();
    read.into_iter().collect()
}

fn read_condition(item: &Item<'_>) {
    const CONDITIONS: [(&str, bool); 3] = [
        ("service_started", true),
        ("service_healthy", true),
        ("service_completed_successfully", false),
    ];
    let Some(mut fields) = item.fields() else { return };
    let condition = fields.optional("condition");
    if let Some(condition) = condition {
        let supported = condition.one_of("condition", &CONDITIONS);
        if supported == Some(false) {
            let message = "every component of a target runs until the end";
            let help = "do the work in the image's entry point".to_owned();
            condition.wrong::<()>(message, Some(help));
        }
    }
    let _ = (fields.optional("required"), fields.optional("restart"));
    fields.finish();
}
