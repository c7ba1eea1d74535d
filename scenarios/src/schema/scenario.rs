//! The schema of a scenario file.

use serde_json::{Map, Value, json};

use super::DIALECT;
use super::value::{
    boolean, expectation, like, list, map, object, one_of, percent, rate, selecting, span, text,
    whole,
};
use crate::claim;
use crate::fault::{FAULTS, Fault};
use crate::plan::profile::Profile;
use crate::scenario::readers;
use crate::text::keys::{Keys, keys_of};
use crate::text::{Item, decode};

/// The schema.
pub fn scenario() -> Value {
    let mut schema = object(&keys_of(readers::scenario), top);
    schema["$schema"] = json!(DIALECT);
    schema["title"] = json!("A scenario of chaos");
    schema
}

fn top(key: &str) -> Value {
    match key {
        "version" => json!({ "enum": [1, "1"] }),
        "title" => text(),
        "claims" => list(&one_of(claim::all().iter().map(|claim| claim.id.as_str()))),
        "tags" => list(&like("^[a-z0-9-]*$")),
        "steady-state-hypothesis" => object(&keys_of(readers::hypothesis), |key| match key {
            "probes" => list(&expectation()),
            _ => text(),
        }),
        "for-each" => one_of(["component"]),
        "needs" => one_of(["in-flight"]),
        "method" => {
            json!({ "type": "array", "items": step(), "maxItems": readers::MOST_STEPS })
        }
        "expect" => map(&list(&expectation())),
        "stop-conditions" => list(&expectation()),
        "load" => object(&keys_of(readers::load), |key| match key {
            "rate" => rate(),
            "arrival" => one_of(["constant", "poisson"]),
            "stages" => list(&json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["at", "rate"],
                "properties": { "at": span(), "rate": rate() },
            })),
            _ => json!(true),
        }),
        _ => json!(true),
    }
}

fn step() -> Value {
    object(&keys_of(readers::step), |key| match key {
        "at" => json!({ "anyOf": [span(), {
            "type": "object",
            "additionalProperties": false,
            "required": ["after"],
            "properties": { "after": text(), "plus": span() },
        }] }),
        "id" => text(),
        "for" => {
            let spans: Map<String, Value> = Profile::ALL
                .map(|profile| (profile.name().to_owned(), span()))
                .into_iter()
                .collect();
            let of_profiles = json!({
                "type": "object", "additionalProperties": false, "properties": spans,
            });
            json!({ "anyOf": [span(), of_profiles] })
        }
        "pulse" => object(&keys_of(readers::pulse), |key| match key {
            "times" => whole(2, u64::from(readers::MOST_PULSES)),
            _ => span(),
        }),
        "fault" => fault(),
        "on-missing" => one_of(["error", "not-applicable"]),
        "analogue" => map(&object(&keys_of(readers::analogue), selecting)),
        _ => json!(true),
    })
}

/// One fault with its settings.
fn fault() -> Value {
    let of = |(keyword, says): &(&str, &str)| {
        let mut settings = object(&keys_of_fault(keyword), |key| setting(keyword, key));
        settings["description"] = json!(says);
        ((*keyword).to_owned(), settings)
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": FAULTS.iter().map(of).collect::<Map<_, _>>(),
    })
}

/// The keys that a fault asks its settings for.
fn keys_of_fault(keyword: &str) -> Keys {
    keys_of(|settings: &Item<'_>| {
        // The reader of faults is asked with the same settings below its keyword.
        let file = format!("{keyword}: {{'?': ''}}\n");
        let mistakes = decode("", &file, Fault::read).err()?;
        for mistake in mistakes.list {
            settings.note(mistake.message, mistake.help);
        }
        None::<()>
    })
}

/// A setting of a fault; anything where a schema cannot say more.
fn setting(keyword: &str, key: &str) -> Value {
    match (keyword, key) {
        (_, "role" | "name" | "mode" | "from" | "to") => selecting(key),
        (_, "grace" | "gap" | "delay" | "jitter" | "every") => span(),
        (_, "share" | "probability" | "fill") => percent(),
        (_, "at" | "image" | "signal" | "queue" | "volume")
        | ("cpu" | "memory", "limit") => text(),
        (_, "keep") => boolean(),
        (_, "threads") => whole(1, 64),
        ("poison-message", "count") => whole(1, 10_000),
        ("queue-limit", "length") => whole(1, u64::from(u32::MAX)),
        ("scale", "replicas") => whole(1, 16),
        (_, "status") => whole(400, 599),
        (_, "port") => whole(1, 65_535),
        ("traffic", "rate") => rate(),
        ("fail-first", "times") => whole(1, u64::from(u32::MAX)),
        _ => json!(true),
    }
}
