//! The schema of a Compose file, as far as it is understood, with `x-chaos`.

use serde_json::{Map, Value, json};

use super::DIALECT;
use super::value::{boolean, like, list, map, object, one_of, span, text};
use crate::target::{AuditTable, Role, SUBSET, readers};
use crate::text::keys::keys_of;

/// The schema.
pub fn target() -> Value {
    json!({
        "$schema": DIALECT,
        "title": "A target of chaos: a Compose file with the section x-chaos",
        "type": "object",
        "required": ["services", "x-chaos"],
        "additionalProperties": false,
        "patternProperties": { "^x-": true },
        "properties": {
            "version": true,
            "name": true,
            "services": {
                "type": "object",
                "minProperties": 1,
                "additionalProperties": false,
                "patternProperties": { "^[a-z][a-z0-9._-]*$": service() },
            },
            "networks": true,
            "volumes": true,
            "x-chaos": object(&keys_of(readers::chaos), section),
        },
    })
}

/// A service, by the table of what is understood of it.
fn service() -> Value {
    let properties: Map<String, Value> = SUBSET
        .iter()
        .map(|known| (known.key.to_owned(), described(known.key, known.meaning)))
        .collect();
    json!({
        "type": "object",
        "required": ["image"],
        "additionalProperties": false,
        "patternProperties": { "^x-": true },
        "properties": properties,
    })
}

fn described(key: &str, meaning: &str) -> Value {
    let mut value = match key {
        "image" | "hostname" | "user" | "stop_signal" => text(),
        "working_dir" => like("^/"),
        "init" | "read_only" => boolean(),
        "restart" => json!({ "enum": ["no", "always", "on-failure", "unless-stopped", false] }),
        "stop_grace_period" => span(),
        "expose" | "ports" | "volumes" | "cap_add" | "cap_drop" | "security_opt" => {
            json!({ "type": "array" })
        }
        _ => json!({}),
    };
    value["description"] = json!(meaning);
    value
}

/// A key of `x-chaos`.
fn section(key: &str) -> Value {
    let place = |schemes: &str| like(&format!("^({schemes})://.+:[0-9]+"));
    match key {
        "version" => json!({ "enum": [1, "1"] }),
        "title" | "workload" | "canary" => text(),
        "entry" => place("http"),
        "roles" => map(&one_of(Role::ALL.iter().map(|(name, _)| *name))),
        "ready" => map(&place("http|postgres|amqp|tcp")),
        "audit" | "pending" | "redrive" => list(&place("http")),
        "audit-sql" => list(&object(&keys_of(readers::audit_sql), |key| match key {
            "queries" => {
                let tables = AuditTable::ALL.map(|(name, _)| (name.to_owned(), text()));
                let tables: Map<String, Value> = tables.into_iter().collect();
                json!({ "type": "object", "minProperties": 1, "additionalProperties": false,
                    "properties": tables })
            }
            _ => text(),
        })),
        "queues" => map(&json!({
            "type": ["object", "null"],
            "additionalProperties": false,
            "properties": { "dead": text() },
        })),
        "retry-schedule" => span(),
        "modes" => list(&like("^[a-z-]+$")),
        "safeguards" => list(&like("^[A-Z_]+$")),
        "constants" | "sized-volumes" => map(&text()),
        _ => json!(true),
    }
}
