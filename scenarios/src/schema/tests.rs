//! The schemas against the decoder: what it takes, they take; of what it refuses, they refuse what a
//! schema can tell.

use serde_json::Value;

use super::{scenario, target};
use crate::fault::FAULTS;
use crate::{library, scenario as file, target as compose};

/// The same file as an editor reads it.
fn read(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("it is YAML")
}

/// What a schema says of a file; nothing if it is right.
fn told(schema: &Value, text: &str) -> Vec<String> {
    let validator = jsonschema::validator_for(schema).expect("a valid schema");
    validator
        .iter_errors(&read(text))
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the Compose files belong to another crate")]
fn what_comes_along_is_right() {
    let schema = scenario();
    for name in library::names() {
        let text = library::text(name).expect("in the library");
        assert_eq!(told(&schema, text), Vec::<String>::new(), "{name}");
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../targets");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the targets").flatten() {
        let Ok(text) = std::fs::read_to_string(entry.path().join("compose.yaml")) else { continue };
        assert_eq!(told(&target(), &text), Vec::<String>::new(), "{}", entry.path().display());
        count += 1;
    }
    assert!(count >= 4, "{count} targets");
}

#[test]
fn every_fault_has_its_settings() {
    let schema = scenario();
    for (keyword, _) in FAULTS {
        let pointer = format!("/properties/method/items/properties/fault/properties/{keyword}");
        let settings = schema.pointer(&pointer).expect(keyword);
        let keys = settings["properties"].as_object().expect("a mapping");
        assert!(!keys.is_empty(), "{keyword}");
        for required in settings["required"].as_array().expect("a list") {
            assert!(keys.contains_key(required.as_str().expect("a text")), "{keyword}");
        }
    }
    let kill = "/properties/method/items/properties/fault/properties/kill/properties";
    let keys: Vec<&String> =
        schema.pointer(kill).and_then(Value::as_object).expect("a mapping").keys().collect();
    assert_eq!(keys, ["mode", "name", "role", "signal"]);
}

/// Files with one mistake that a schema can tell.
#[test]
fn both_refuse_what_a_schema_can_tell() {
    let head = "version: 1\ntitle: T\n";
    let schema = scenario();
    for rest in [
        "titel: x\n",
        "claims: [nobody]\n",
        "tags: [Smoke]\n",
        "for-each: replica\n",
        "needs: luck\n",
        "method: {}\n",
        "method: [{}]\n",
        "method: [{fault: {}}]\n",
        "method: [{fault: {kil: {role: app}}}]\n",
        "method: [{fault: {kill: {role: app}, pause: {role: app}}}]\n",
        "method: [{fault: {kill: {}}}]\n",
        "method: [{fault: {kill: {role: app, name: app}}}]\n",
        "method: [{fault: {kill: {role: borker}}}]\n",
        "method: [{fault: {kill: {role: app, siganl: TERM}}}]\n",
        "method: [{fault: {kill: {role: app, mode: some}}}]\n",
        "method: [{fault: {kill: {role: app, mode: {fixed-percent: 0}}}}]\n",
        "method: [{fault: {kill: {role: app, mode: {fixed-percent: 101}}}}]\n",
        "method: [{fault: {http-error: {role: app, status: 200}}}]\n",
        "method: [{fault: {fail-first: {role: app}}}]\n",
        "method: [{fault: {poison-message: {role: broker, queue: q, count: 0}}}]\n",
        "method: [{fault: {queue-limit: {role: broker, queue: q, length: 0}}}]\n",
        "method: [{fault: {disk-full: {role: broker, fill: 0.9}}}]\n",
        "method: [{fault: {loss: {role: app, share: 5}}}]\n",
        "method: [{at: -1s, fault: {kill: {role: app}}}]\n",
        "method: [{at: 5 seconds, fault: {kill: {role: app}}}]\n",
        "method: [{at: {before: x}, fault: {kill: {role: app}}}]\n",
        "method: [{for: {slow: 3s}, fault: {kill: {role: app}}}]\n",
        "method: [{fault: {kill: {role: app}}, pulse: {off: 1s, on: 1s, times: 1}}]\n",
        "method: [{fault: {kill: {role: app}}, on-missing: ignore}]\n",
        "method: [{fault: {kill: {role: app}}, analogue: {x: {rol: app}}}]\n",
        "method: [{fault: {loss: {from: app, role: app, share: 5%}}}]\n",
        "method: [{fault: {loss: {from: [], share: 5%}}}]\n",
        "method: [{fault: {loss: {role: app, to: {rol: app}, share: 5%}}}]\n",
        "expect: {default: recovery < 30s}\n",
        "expect: {default: [recovery]}\n",
        "steady-state-hypothesis: {title: T}\n",
        "stop-conditions: [{}]\n",
        "load: {rate: 0}\n",
        "load: {arrival: bursts}\n",
        "load: {stages: [{at: 1s}]}\n",
    ] {
        let text = format!("{head}{rest}");
        assert!(file::decode("x.yaml", &text).is_err(), "the decoder takes {rest}");
        assert!(!told(&schema, &text).is_empty(), "the schema takes {rest}");
    }
    for text in ["title: T\n", "version: 2\ntitle: T\n", "version: 1\n", "[]\n"] {
        assert!(file::decode("x.yaml", text).is_err(), "the decoder takes {text}");
        assert!(!told(&schema, text).is_empty(), "the schema takes {text}");
    }
    let services = "services: {web: {image: x, expose: [80]}}\n";
    let section = "x-chaos: {version: 1, title: T, entry: 'http://web:80'";
    assert!(compose::decode("x.yaml", "x", &format!("{services}{section}}}\n")).is_ok());
    for text in [
        services.to_owned(),
        format!("services: {{}}\n{section}}}\n"),
        format!("services: {{web: {{expose: [80]}}}}\n{section}}}\n"),
        format!("services: {{web: {{image: x, network_mode: host}}}}\n{section}}}\n"),
        format!("services: {{Web: {{image: x}}}}\n{section}}}\n"),
        format!("include: [x]\n{services}{section}}}\n"),
        format!("{services}{section}, roles: {{web: boss}}}}\n"),
        format!("{services}{section}, ready: {{web: 'ftp://web:21'}}}}\n"),
        format!("{services}{section}, audit: ['tcp://web:80']}}\n"),
        format!("{services}{section}, modes: [Brave]}}\n"),
        format!("{services}{section}, queues: {{q: {{dad: d}}}}}}\n"),
        format!("{services}{section}, sized-volumes: [data]}}\n"),
        format!("{services}{section}, role: {{}}}}\n"),
        format!("{services}x-chaos: {{version: 1, title: T}}\n"),
    ] {
        assert!(compose::decode("x.yaml", "x", &text).is_err(), "the decoder takes {text}");
        assert!(!told(&target(), &text).is_empty(), "the schema takes {text}");
    }
}
