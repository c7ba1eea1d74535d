//! The values of files as a schema describes them. A file is YAML, in which a plain `200` is a
//! number, while the decoder reads text: both are allowed where both are read.

use serde_json::{Value, json};

use crate::selector::Selector;
use crate::target::Role;
use crate::text::keys::Keys;

/// Any text, also one that YAML takes for a number or a truth value.
pub(super) fn text() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}

/// A text of this form.
pub(super) fn like(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// A whole number within bounds.
pub(super) fn whole(least: u64, most: u64) -> Value {
    json!({ "anyOf": [
        { "type": "integer", "minimum": least, "maximum": most },
        like("^[0-9]+$"),
    ] })
}

/// `true` or `false`.
pub(super) fn boolean() -> Value {
    json!({ "type": "boolean" })
}

/// One of these words.
pub(super) fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "enum": words.into_iter().collect::<Vec<_>>() })
}

/// A span of time, such as `1m30s`.
pub(super) fn span() -> Value {
    like(r"^\s*([0-9.]+(h|m|s|ms|us))+\s*$")
}

/// A share, such as `99.5%`.
pub(super) fn percent() -> Value {
    like(r"^\s*[0-9.]+\s*%\s*$")
}

/// Arrivals per second, such as `200/s`.
pub(super) fn rate() -> Value {
    json!({ "anyOf": [
        { "type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000 },
        like(r"^\s*[0-9.eE+]+\s*(/s)?\s*$"),
    ] })
}

/// An expectation, such as `recovery < 30s`.
pub(super) fn expectation() -> Value {
    like(r"^\s*[a-z][a-z0-9.-]*\s*(<=|>=|==|!=|<|>).+$")
}

/// Any number of these.
pub(super) fn list(item: &Value) -> Value {
    json!({ "type": "array", "items": item })
}

/// A mapping with free keys.
pub(super) fn map(value: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": value })
}

/// A mapping with the keys that its reader asks for.
pub(super) fn object(keys: &Keys, value: impl Fn(&str) -> Value) -> Value {
    let properties: serde_json::Map<String, Value> =
        keys.known.iter().map(|key| (key.clone(), value(key))).collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "required": keys.required,
        "properties": properties,
    });
    if ["role", "name"].iter().all(|key| properties.contains_key(*key)) {
        let ways = ["role", "name", "from"].into_iter().filter(|key| properties.contains_key(*key));
        let ways: Vec<Value> = ways.map(|key| json!({ "required": [key] })).collect();
        schema["oneOf"] = json!(ways);
    }
    schema
}

/// Replicas: by role or name, and how many of them.
pub(super) fn selector() -> Value {
    object(&crate::text::keys::keys_of(Selector::read), selecting)
}

/// One end of an edge: a name, several, or what a selector says.
fn end() -> Value {
    let names = json!({ "type": "array", "items": text(), "minItems": 1 });
    json!({ "anyOf": [text(), names, selector()] })
}

/// A key of a selector or of an edge; anything for a key that is none.
pub(super) fn selecting(key: &str) -> Value {
    match key {
        "from" | "to" => end(),
        "role" => one_of(Role::ALL.iter().map(|(name, _)| *name).chain(["all", "each"])),
        "name" => text(),
        "mode" => json!({ "anyOf": [
            one_of(["all", "one", "random"]),
            {
                "type": "object",
                "additionalProperties": false,
                "required": ["fixed-percent"],
                "properties": { "fixed-percent": whole(1, 100) },
            },
        ] }),
        _ => json!(true),
    }
}
