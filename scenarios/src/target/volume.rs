//! Volumes of a fixed size: those that the file makes memory file systems, and those that become such
//! in a run that fills them, and in no other, since writing to memory costs nothing.

use std::collections::BTreeMap;

use super::section::Names;
use super::subset::{REFUSED_OF_RESOURCES, refusal};
use crate::quantity::Bytes;
use crate::text::decode::Key;
use crate::text::{Fields, Item};

/// Less is used up by what a database or a broker sets aside for itself.
const LEAST: Bytes = Bytes(1 << 20);
/// It is memory of the host.
const MOST: Bytes = Bytes(16 << 30);

/// Reads a volume as it is declared at the top; its size, if it has one.
pub(super) fn read(item: &Item<'_>) -> Option<Bytes> {
    if item.is_null() {
        return None;
    }
    let mut fields = item.fields()?;
    driver(&mut fields);
    let size = fields.optional("driver_opts").and_then(|item| size_of_options(&item));
    fields.finish_with(|key| refusal(REFUSED_OF_RESOURCES, key));
    size
}

/// Reads what networks and volumes have in common.
pub(super) fn driver(fields: &mut Fields<'_>) {
    let driver = fields.optional("driver");
    let _ = driver.and_then(|item| item.one_of("driver", &[("bridge", ()), ("local", ())]));
    let _ = fields.optional("labels");
}

/// `{type: tmpfs, device: tmpfs, o: "size=256m"}`, and nothing else: what else a driver can do
/// reaches the host.
fn size_of_options(item: &Item<'_>) -> Option<Bytes> {
    let mut fields = item.fields()?;
    for key in ["type", "device"] {
        let value = fields.required(key);
        let _ = value.and_then(|item| item.one_of("file system of a volume", &[("tmpfs", ())]));
    }
    let options = fields.required("o");
    fields.finish_with(|key| refusal(REFUSED_OF_RESOURCES, key));
    let options = options?;
    let written = options.text()?;
    let help = || Some("write `o: size=256m`".to_owned());
    match written.strip_prefix("size=").map(str::parse) {
        Some(Ok(size)) => bounded(&options, size),
        _ => options.wrong(format!("`{written}` is not the size of a volume"), help()),
    }
}

/// `sized-volumes`: what volumes hold in a run that fills them.
pub(super) fn sizes(item: &Item<'_>, names: &Names) -> Option<BTreeMap<String, Bytes>> {
    item.map(|key, value| {
        let size = value.parse("an amount, such as `512MiB`").and_then(|size| bounded(value, size));
        known(key, names).and(size)
    })
}

fn known(key: &Key<'_>, names: &Names) -> Option<()> {
    if names.volumes.iter().any(|volume| volume == key.text) {
        return Some(());
    }
    key.unknown("volume", names.volumes.iter().map(String::as_str))
}

fn bounded(item: &Item<'_>, size: Bytes) -> Option<Bytes> {
    if (LEAST..=MOST).contains(&size) {
        return Some(size);
    }
    item.wrong(format!("a volume of {size} is not from {LEAST} to {MOST}"), None)
}
