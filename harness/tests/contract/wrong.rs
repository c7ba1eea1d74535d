//! Requests for steps that make no sense: refused, by the right status, with nothing changed.

use serde_json::{Value, json};

use crate::case::{Call, Case, Expected, case, done, error, step};
use crate::order::{request, request_with};
use crate::service::Service;

/// Largest request body in bytes.
const LARGEST_BODY: usize = 64 * 1024;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        unknown_steps(),
        case("a body that is no JSON is a 400", not_json()),
        case("a body of the wrong shape is a 422", wrong_shapes()),
        case("a broken rule is a 422 that names its field", broken_rules()),
        case("an order that does not add up is a 422", not_adding_up()),
        largest(),
    ]
}

fn unknown_steps() -> Case {
    let none = || error(404, "this service has no such step");
    case(
        "a step of another service is a 404, whatever the body",
        [
            step("charge", request("w-1", &[("SKU-1", 1)]), none()),
            step("Reserve", "{", none()),
            step("ship/compensate", "", none()),
            step("reserve/again", "", error(404, "there is nothing at this path")),
        ],
    )
}

fn not_json() -> Vec<Call> {
    let cut = request("w-1", &[("SKU-1", 1)]);
    let bodies: [&[u8]; 6] = [
        b"",
        b"{",
        b"\xff\xfe",
        b"{\"order\": nothing}",
        &cut.as_bytes()[..cut.len() - 1],
        b"{\"order\":{\"id\":\"\\ud800\"}}",
    ];
    bodies.map(|body| step("reserve", body, Expected::Problem(400))).into()
}

fn wrong_shapes() -> Vec<Call> {
    let cases: [(&str, Value); 14] = [
        ("/order", json!(null)),
        ("/order", json!("an order")),
        ("/order", json!({})),
        ("/order/id", json!(7)),
        ("/order/kind", json!("express")),
        ("/order/kind", json!("Standard")),
        ("/order/items", json!("SKU-1")),
        ("/order/items/0", json!({ "sku": "SKU-1" })),
        ("/order/items/0/quantity", json!("2")),
        ("/order/items/0/quantity", json!(2.0)),
        ("/order/items/0/quantity", json!(true)),
        ("/order/items/0/quantity", json!(u64::MAX)),
        ("/order/amount", json!(1e99)),
        ("/order/address", json!(null)),
    ];
    let wrong = || Expected::Problem(422);
    let mut calls: Vec<Call> = cases
        .into_iter()
        .map(|(place, value)| step("reserve", request_with("w-2", place, value), wrong()))
        .collect();
    for body in ["null", "7", "{}", "[]"] {
        calls.push(step("reserve/compensate", body, wrong()));
    }
    for epoch in ["\"1\"", "1.5", "true", "9223372036854775808"] {
        let epoch = format!("}},\"epoch\":{epoch}}}");
        let body = request("w-3", &[("SKU-1", 1)]).replace("}}", &epoch);
        calls.push(step("consume", body, wrong()));
    }
    calls
}

fn broken_rules() -> Vec<Call> {
    const ID: &str = "order_id must be 1 to 64 letters, digits, `-`, `_` or `.`";
    let text = |field: &str| format!("{field} must be 1 to 128 bytes of text");
    let cases: [(&str, Value, String); 10] = [
        ("/order/id", json!(""), ID.into()),
        ("/order/id", json!("a b"), ID.into()),
        ("/order/id", json!("é"), ID.into()),
        ("/order/id", json!("a\n"), ID.into()),
        ("/order/id", json!("x".repeat(65)), ID.into()),
        ("/order/customer", json!(""), text("customer")),
        ("/order/customer", json!("é".repeat(65)), text("customer")),
        ("/order/card", json!("a\u{0}b"), text("card")),
        ("/order/address", json!(""), text("address")),
        ("/order/address", json!("x".repeat(129)), text("address")),
    ];
    cases
        .into_iter()
        .map(|(place, value, problem)| {
            step("reserve", request_with("w-4", place, value), error(422, &problem))
        })
        .collect()
}

fn not_adding_up() -> Vec<Call> {
    const SUM: &str = "items must be sorted by sku, and amount what they cost";
    const COUNT: &str = "items must be 1 to 20 items";
    let pieces = |at: usize| format!("items[{at}].quantity must be 1 to 1000 pieces");
    let items = |items: &[(&str, i64)]| request("w-5", items);
    let many: Vec<(&str, i64)> = vec![("SKU-1", 1); 21];
    let cases = [
        (request_with("w-5", "/order/amount", json!(1)), SUM.to_owned()),
        (items(&[("SKU-2", 1), ("SKU-1", 1)]), SUM.into()),
        (items(&[("SKU-1", 1), ("SKU-1", 1)]), SUM.into()),
        (items(&[]), COUNT.into()),
        (items(&many), COUNT.into()),
        (items(&[("SKU-1", 0)]), pieces(0)),
        (items(&[("SKU-1", 1), ("SKU-2", -1)]), pieces(1)),
        (items(&[("SKU-1", 1_001)]), pieces(0)),
        (items(&[("SKU-1", 600), ("SKU-1", 600)]), pieces(1)),
        (items(&[("SKU-21", 1)]), "items name the unknown sku `SKU-21`".into()),
        (items(&[("SKU-07", 1)]), "items name the unknown sku `SKU-07`".into()),
        (items(&[("OOS-1000", 1)]), "items name the unknown sku `OOS-1000`".into()),
    ];
    cases.map(|(body, problem)| step("reserve", body, error(422, &problem))).into()
}

fn largest() -> Case {
    let mut body = request("w-6", &[("SKU-1", 1)]).into_bytes();
    body.resize(LARGEST_BODY, b' ');
    case("a body may be as large as the limit", [step("reserve", body, done())])
}

/// The first byte too much is enough, whatever length was announced. Plain text, because a client
/// that wants to send more may find its connection closed before it reads the answer.
pub(crate) async fn a_body_over_the_limit_is_refused(service: &Service) {
    let cases = [
        ("reserve", LARGEST_BODY + 1, 413),
        ("consume/compensate", 1 << 30, 413),
        ("notify", LARGEST_BODY + 1, 404),
    ];
    for (step, length, status) in cases {
        let head = format!(
            "POST /steps/{step} HTTP/1.1\r\nHost: inventory\r\nContent-Length: {length}\r\n\r\n"
        );
        let answer = service.send_text(&(head + &" ".repeat(LARGEST_BODY + 1))).await;
        let begin = format!("HTTP/1.1 {status} ");
        assert!(answer.starts_with(&begin), "{}: {step}, {length}: {answer}", service.name);
    }
}
