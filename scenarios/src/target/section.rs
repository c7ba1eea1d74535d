//! Readers of the keys of a service that may be written in more than one way.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Mount;
use super::interpolate::check;
use super::subset::{REFUSED_OF_MEMBERSHIP, refusal};
use crate::text::Item;
use crate::text::decode::Key;
use crate::text::diagnostic::help_for_name;
use crate::text::tree::Value;

/// The names that a service may refer to.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) components: Vec<String>,
    pub(super) networks: Vec<String>,
    pub(super) volumes: Vec<String>,
}

impl Names {
    /// The name of a component that exists.
    pub(super) fn component(&self, item: &Item<'_>, name: &str) -> Option<String> {
        known(item, "service", name, &self.components)
    }

    /// The same for a part of a text, in bytes.
    pub(super) fn component_within(
        &self,
        item: &Item<'_>,
        part: Range<usize>,
        name: &str,
    ) -> Option<String> {
        if self.components.iter().any(|known| known == name) {
            return Some(name.to_owned());
        }
        let help = help_for_name(name, self.components.iter().map(String::as_str));
        item.wrong_within(part, format!("no service is called `{name}`"), help)
    }

    /// The same for a key.
    pub(super) fn component_key(&self, key: &Key<'_>) -> Option<String> {
        if self.components.iter().any(|known| known == key.text) {
            return Some(key.text.to_owned());
        }
        key.unknown("service", self.components.iter().map(String::as_str))
    }
}

/// `name`, if it is among the known names of its noun.
pub(super) fn known(item: &Item<'_>, noun: &str, name: &str, known: &[String]) -> Option<String> {
    if known.iter().any(|known| known == name) {
        return Some(name.to_owned());
    }
    let help = help_for_name(name, known.iter().map(String::as_str))
        .unwrap_or_else(|| format!("declare it under `{noun}s` at the top"));
    item.wrong(format!("no {noun} is called `{name}`"), Some(help))
}

fn is_list(item: &Item<'_>) -> bool {
    matches!(item.node().value, Value::Sequence(_))
}

pub(super) fn is_mapping(item: &Item<'_>) -> bool {
    matches!(item.node().value, Value::Mapping(_))
}

/// A text in which variables may stand; they stay as written.
pub(super) fn text(item: &Item<'_>) -> Option<String> {
    let text = item.text()?;
    match check(&text) {
        Ok(()) => Some(text),
        Err(error) => item.wrong(error.to_string(), None),
    }
}

/// An absolute path inside the container.
pub(super) fn absolute(item: &Item<'_>) -> Option<String> {
    let path = text(item)?;
    if path.starts_with('/') || path.starts_with('$') {
        return Some(path);
    }
    item.wrong(format!("`{path}` is not an absolute path"), Some("begin it with `/`".to_owned()))
}

/// A list, or one item that stands for a list of it.
pub(super) fn one_or_more<'a, T>(
    item: &Item<'a>,
    mut read: impl FnMut(&Item<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    if matches!(item.node().value, Value::Scalar { .. }) {
        return read(item).map(|one| vec![one]);
    }
    item.list(read)
}

/// `command` and `entrypoint`: a list, or a text that is split as a shell would.
pub(super) fn words(item: &Item<'_>) -> Option<Vec<String>> {
    if is_list(item) {
        return item.list(text);
    }
    let line = text(item)?;
    let Some(words) = shlex::split(&line) else {
        return item.wrong("a quote is never closed here", None);
    };
    if words.iter().all(|word| check(word).is_ok()) {
        return Some(words);
    }
    let help = "write the command as a list, one item per argument";
    item.wrong("a variable is split at a space in its default", Some(help.to_owned()))
}

/// `environment`: a mapping, or a list of `NAME=value`.
pub(super) fn environment(item: &Item<'_>) -> Option<BTreeMap<String, String>> {
    if !is_list(item) {
        return item.map(
            |key, value| {
                if value.is_null() { inherited(value, key.text) } else { text(value) }
            },
        );
    }
    let mut variables = BTreeMap::new();
    for line in item.items()? {
        let Some(written) = text(&line) else { continue };
        let Some((name, value)) = written.split_once('=') else {
            inherited::<()>(&line, &written);
            continue;
        };
        if variables.insert(name.to_owned(), value.to_owned()).is_some() {
            line.wrong::<()>(format!("`{name}` is written twice"), None);
        }
    }
    Some(variables)
}

fn inherited<T>(item: &Item<'_>, name: &str) -> Option<T> {
    let help = format!("write `${{{name}:-}}` to take it from where the harness is started");
    item.wrong(format!("the variable `{name}` has no value"), Some(help))
}

/// `expose`: container ports, of TCP.
pub(super) fn exposed_port(item: &Item<'_>) -> Option<u16> {
    let written = item.text()?;
    container_port(item, &written)
}

fn container_port(item: &Item<'_>, written: &str) -> Option<u16> {
    let number = written.strip_suffix("/tcp").unwrap_or(written);
    let port = number.parse().ok().filter(|port| *port > 0);
    port.or_else(|| {
        let help = "write one TCP port from 1 to 65535; ranges and UDP are not supported";
        item.wrong(format!("`{written}` is not a container port"), Some(help.to_owned()))
    })
}

/// An item of `ports`: `[[host address:]host port:]container port`, or the long form.
pub(super) fn published_port(item: &Item<'_>) -> Option<u16> {
    if is_mapping(item) {
        return published_port_in_full(item);
    }
    let written = item.text()?;
    let (before, port) = written.rsplit_once(':').unwrap_or(("", &written));
    if let Some((address, _)) = before.rsplit_once(':') {
        on_loopback(item, address)?;
    }
    container_port(item, port)
}

fn published_port_in_full(item: &Item<'_>) -> Option<u16> {
    let mut fields = item.fields()?;
    let port = fields.required("target").and_then(|item| exposed_port(&item));
    if let Some(address) = fields.optional("host_ip") {
        let _ = address.text().and_then(|text| on_loopback(&address, &text));
    }
    let protocol = fields.optional("protocol");
    let _ = protocol.and_then(|item| item.one_of("protocol", &[("tcp", ())]));
    for passed_over in ["published", "name", "app_protocol", "mode"] {
        let _ = fields.optional(passed_over);
    }
    fields.finish();
    port
}

fn on_loopback(item: &Item<'_>, address: &str) -> Option<()> {
    if address.starts_with("127.") || matches!(address, "[::1]" | "::1" | "localhost") {
        return Some(());
    }
    let help = "ports are published on 127.0.0.1 only: leave the address out".to_owned();
    item.wrong(format!("`{address}` is not an address of this machine alone"), Some(help))
}

/// `networks` of a service: names with further names there.
pub(super) fn networks(item: &Item<'_>, names: &Names) -> Option<BTreeMap<String, Vec<String>>> {
    if is_list(item) {
        let joined = item.list(|item| known(item, "network", &item.text()?, &names.networks))?;
        return Some(joined.into_iter().map(|name| (name, Vec::new())).collect());
    }
    item.map(|key, value| {
        if !names.networks.iter().any(|name| name == key.text) {
            return key.unknown("network", names.networks.iter().map(String::as_str));
        }
        if value.is_null() {
            return Some(Vec::new());
        }
        let mut fields = value.fields()?;
        let aliases = fields.list("aliases", Item::text);
        fields.finish_with(|key| refusal(REFUSED_OF_MEMBERSHIP, key));
        Some(aliases)
    })
}

/// An item of `volumes` of a service.
pub(super) fn mount(item: &Item<'_>, names: &Names) -> Option<Mount> {
    if is_mapping(item) {
        return mount_in_full(item, names);
    }
    let written = item.text()?;
    let mut parts = written.split(':');
    let (volume, path, mode) = (parts.next()?, parts.next(), parts.next().unwrap_or("rw"));
    if volume.starts_with(['.', '/', '~']) {
        return bind_refused(item, path.is_none());
    }
    let Some(path) = path.filter(|path| path.starts_with('/')) else {
        return item.wrong(format!("`{written}` is not `volume:/absolute/path`"), None);
    };
    if !matches!(mode, "ro" | "rw") || parts.next().is_some() {
        return item.wrong(format!("`{written}` may end with `:ro` or `:rw` only"), None);
    }
    let volume = known(item, "volume", volume, &names.volumes)?;
    Some(Mount { volume, path: path.to_owned(), read_only: mode == "ro" })
}

fn bind_refused<T>(item: &Item<'_>, unnamed: bool) -> Option<T> {
    let (what, help) = if unnamed {
        ("a volume without a name", "name it, and declare the name under `volumes` at the top")
    } else {
        ("a folder of this machine", "put files into the image, or use a named volume")
    };
    item.wrong(format!("{what} is not supported"), Some(help.to_owned()))
}

fn mount_in_full(item: &Item<'_>, names: &Names) -> Option<Mount> {
    let mut fields = item.fields()?;
    let kind = fields.required("type")?;
    match kind.text()?.as_str() {
        "volume" => {}
        "bind" => return bind_refused(&kind, false),
        "tmpfs" => return kind.wrong("write it under `tmpfs` of the service", None),
        other => return kind.wrong(format!("mounts of type `{other}` are not supported"), None),
    }
    let volume = fields.required("source");
    let volume = volume.and_then(|item| known(&item, "volume", &item.text()?, &names.volumes));
    let path = fields.required("target").and_then(|item| absolute(&item));
    let read_only = fields.optional("read_only").and_then(|item| item.boolean());
    fields.finish();
    Some(Mount { volume: volume?, path: path?, read_only: read_only.unwrap_or(false) })
}
