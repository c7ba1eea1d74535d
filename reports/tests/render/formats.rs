//! What holds of every format.

use std::path::PathBuf;

use chaos_reports::render::{Artifact, FORMATS, format};

use crate::fixture;

fn render(name: &str) -> Vec<Artifact> {
    let format = format(name).expect("a format");
    (format.render)(&fixture::experiment()).expect("the fixture can be rendered")
}

pub(crate) fn text(name: &str, path: &str) -> String {
    let artifact = render(name).into_iter().find(|artifact| artifact.path == path);
    String::from_utf8(artifact.expect("the file is written").bytes).expect("text")
}

/// Leaves the files where a person can look at them.
fn keep(artifacts: &[Artifact]) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).expect("a folder for the files");
    for artifact in artifacts {
        std::fs::write(folder.join(&artifact.path), &artifact.bytes).expect("the file is written");
    }
}

#[test]
fn the_same_experiment_gives_the_same_bytes() {
    for format in FORMATS {
        let first = (format.render)(&fixture::experiment()).unwrap();
        let second = (format.render)(&fixture::experiment()).unwrap();
        assert!(first == second, "{} differs", format.name);
        keep(&first);
    }
}

#[test]
fn junit_holds_every_expectation_as_a_case() {
    insta::assert_snapshot!(text("junit", "junit.xml"));
}

#[test]
fn the_summary_puts_deviations_first() {
    insta::assert_snapshot!(text("md", "summary.md"));
}

#[test]
fn the_json_fits_its_schema() {
    let schema = include_str!("../../schema/report.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text("json", "report.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let errors: Vec<String> = validator
        .iter_errors(&document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[test]
fn the_schema_refuses_what_readers_could_not_use() {
    let schema = include_str!("../../schema/report.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let validator = jsonschema::validator_for(&schema).expect("the schema is one");
    let document: serde_json::Value = serde_json::from_str(&text("json", "report.json")).unwrap();
    for (pointer, value) in [
        ("/runs/0/verdict", "green".into()),
        ("/runs/0/measures/recovery", serde_json::json!({"unit": "s"})),
        ("/cells/0/control", 7.into()),
        ("/schema_version", 2.into()),
    ] {
        let mut wrong = document.clone();
        *wrong.pointer_mut(pointer).expect(pointer) = value;
        assert!(!validator.is_valid(&wrong), "{pointer} was taken");
    }
}

#[test]
fn the_page_loads_nothing() {
    let page = text("html", "index.html");
    for attribute in ["src=", "href="] {
        for (place, _) in page.match_indices(attribute) {
            let value = &page[place + attribute.len()..];
            assert!(value.starts_with("\"#"), "{}", &value[..60.min(value.len())]);
        }
    }
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("url("), "a style sheet can load, too");
    assert!(!page.contains("@import"));
}

#[test]
fn nothing_from_outside_is_taken_for_markup() {
    let page = text("html", "index.html");
    assert!(!page.contains("<script>alert"), "a log line became a script");
    assert!(!page.contains("<b>health</b>"), "a constant became markup");
    assert!(page.contains("&lt;script&gt;alert"), "the hostile text is shown as text");
    let scripts = page.matches("<script").count();
    assert_eq!(scripts, page.matches("</script>").count());
    assert_eq!(scripts, 3, "one per figure, and the page's own");
}

#[test]
fn a_page_of_two_scenarios_is_small() {
    let bytes = text("html", "index.html").len();
    assert!(bytes < 200_000, "{bytes} bytes");
}
