//! Readers of the limits that a service sets for itself.

use super::Ulimit;
use super::section::is_mapping;
use crate::quantity::Bytes;
use crate::text::Item;

/// Docker refuses to make a container with less memory than this.
const LEAST_MEMORY: Bytes = Bytes(6 << 20);
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

/// `ulimits`: one number for both limits, or both.
pub(super) fn ulimits(item: &Item<'_>) -> Option<Vec<Ulimit>> {
    let limits = item.map(|key, value| {
        if !ULIMITS.contains(&key.text) {
            return key.unknown("limit", ULIMITS);
        }
        let (soft, hard) = if is_mapping(value) {
            let mut fields = value.fields()?;
            let soft = fields.required("soft").and_then(|item| limit(&item));
            let hard = fields.required("hard").and_then(|item| limit(&item));
            fields.finish();
            (soft?, hard?)
        } else {
            let both = limit(value)?;
            (both, both)
        };
        if hard != -1 && (soft == -1 || soft > hard) {
            return value
                .wrong(format!("the soft limit {soft} is above the hard one {hard}"), None);
        }
        Some(Ulimit { name: key.text.to_owned(), soft, hard })
    })?;
    Some(limits.into_values().collect())
}

fn limit(item: &Item<'_>) -> Option<i64> {
    let limit = item.parse("a whole number, or -1 for no limit")?;
    if limit >= -1 {
        return Some(limit);
    }
    item.wrong(format!("`{limit}` is not a limit"), Some("write -1 for none".to_owned()))
}

/// A limit on processes; -1 is none.
pub(super) fn pids(item: &Item<'_>) -> Option<i64> {
    match limit(item)? {
        0 => item.wrong("a component needs at least one process", None),
        limit => Some(limit),
    }
}

/// A memory limit.
pub(super) fn memory(item: &Item<'_>) -> Option<Bytes> {
    let memory: Bytes = item.parse("an amount of memory, such as `256m` or `1GiB`")?;
    if memory >= LEAST_MEMORY {
        return Some(memory);
    }
    item.wrong(format!("{memory} is too little memory: Docker asks for {LEAST_MEMORY}"), None)
}

/// A CPU limit in cores.
pub(super) fn cpus(item: &Item<'_>) -> Option<f64> {
    /// Docker counts in thousand-millionths; below this the kernel refuses the quota.
    const LEAST: f64 = 0.01;
    let cpus: f64 = item.parse("a number of CPUs, such as `0.5`")?;
    if (LEAST..=1024.0).contains(&cpus) {
        return Some(cpus);
    }
    item.wrong(format!("`{cpus}` is not a number of CPUs from {LEAST} to 1024"), None)
}

/// A capability, without its prefix.
pub(super) fn capability(item: &Item<'_>) -> Option<String> {
    let written = item.text()?.to_ascii_uppercase();
    let name = written.strip_prefix("CAP_").unwrap_or(&written);
    if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
        return Some(name.to_owned());
    }
    item.wrong(format!("`{written}` is not a capability"), Some("such as `NET_ADMIN`".to_owned()))
}
