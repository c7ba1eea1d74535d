//! The sections of the page, one snapshot each. Drawings and their numbers have tests of their own
//! and are left out here.

use crate::formats::text;

/// The element that begins with `opening`, up to the end of its tag `name`.
fn element(page: &str, opening: &str, name: &str) -> String {
    let start = page.find(opening).unwrap_or_else(|| panic!("no {opening} in the page"));
    let length = page[start..].find(&format!("</{name}>")).expect("the element ends");
    page[start..start + length + name.len() + 3].to_owned()
}

/// Leaves out what stands between two texts, wherever they stand.
fn without(mut text: String, from: &str, to: &str) -> String {
    let mut at = 0;
    while let Some(start) = text[at..].find(from).map(|place| at + place + from.len()) {
        let Some(length) = text[start..].find(to) else { break };
        text.replace_range(start..start + length, "…");
        at = start;
    }
    text
}

/// A section with one element a line, so that a change shows where it is.
fn section(id: &str) -> String {
    let page = text("html", "index.html");
    let class = if id.starts_with("scenario") { " class=\"scenario\"" } else { "" };
    let whole = element(&page, &format!("<section{class} id=\"{id}\">"), "section");
    let whole = without(whole, "<script type=\"application/json\">", "</script>");
    let whole = without(whole, "<svg class=\"chart\"", "</svg><div class=\"cursor\"");
    let broken =
        ["<tr", "<li", "<p", "<h", "<div", "<details", "<td", "<th", "<dt", "<dd", "<table"];
    broken.iter().fold(whole, |text, tag| text.replace(tag, &format!("\n{tag}")))
}

#[test]
fn the_headline_says_what_happened_with_numbers() {
    insta::assert_snapshot!(section("headline"));
}

#[test]
fn the_matrix_keeps_controls_apart() {
    insta::assert_snapshot!(section("matrix"));
}

#[test]
fn a_scenario_that_held() {
    insta::assert_snapshot!(section("scenario-broker-down"));
}

#[test]
fn a_scenario_that_deviated_shows_its_evidence() {
    insta::assert_snapshot!(section("scenario-coordinator-down"));
}

#[test]
fn the_method_names_constants_and_limits() {
    insta::assert_snapshot!(section("method"));
}

#[test]
fn a_drawing_is_a_file_that_stands_alone() {
    let drawing = text("md", "timeline-broker-down.svg");
    assert!(drawing.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    assert!(drawing.contains("<title>broker-down: The message broker dies and comes back</title>"));
    for word in ["▼ felt", "▲ healed 15.2 s", "all work done 28.4 s ◆", "Pending work", "baseline"]
    {
        assert!(drawing.contains(word), "{word}");
    }
    assert!(!drawing.contains("<script"));
}
