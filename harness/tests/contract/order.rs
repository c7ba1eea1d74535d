//! Orders as services send them to each other, in the very bytes.

use serde_json::Value;

/// An order of the products and quantities, priced as the catalogue says.
pub(crate) fn order(id: &str, kind: &str, items: &[(&str, i64)]) -> String {
    let texts: Vec<String> = items
        .iter()
        .map(|(sku, quantity)| format!(r#"{{"sku":"{sku}","quantity":{quantity}}}"#))
        .collect();
    let amount: i64 = items.iter().map(|(sku, quantity)| price(sku) * quantity).sum();
    format!(
        r#"{{"id":"{id}","kind":"{kind}","customer":"ada","items":[{}],"card":"tok_ok","address":"Main St 1","amount":{amount}}}"#,
        texts.join(",")
    )
}

/// A request for a step of a standard order.
pub(crate) fn request(id: &str, items: &[(&str, i64)]) -> String {
    format!(r#"{{"order":{}}}"#, order(id, "standard", items))
}

/// The same with an epoch.
pub(crate) fn request_of_epoch(id: &str, epoch: i64) -> String {
    format!(r#"{{"order":{},"epoch":{epoch}}}"#, order(id, "standard", &[("SKU-2", 1)]))
}

/// A request in which one place, named by a JSON pointer, holds something else.
pub(crate) fn request_with(id: &str, place: &str, value: Value) -> String {
    let mut request: Value =
        serde_json::from_str(&request(id, &[("SKU-3", 2)])).expect("an order is JSON");
    *request.pointer_mut(place).unwrap_or_else(|| panic!("an order has no {place}")) = value;
    request.to_string()
}

/// An event about an order.
pub(crate) fn event(name: &str, order: &str, reason: Option<&str>) -> String {
    let reason = reason.map_or("null".to_owned(), |reason| format!("\"{reason}\""));
    format!(r#"{{"name":"{name}","order":{order},"reason":{reason}}}"#)
}

fn price(sku: &str) -> i64 {
    match sku.split_once('-') {
        Some(("SKU", number)) => 500 + 25 * number.parse::<i64>().unwrap_or(0),
        Some(("HOT", _)) => 1_500,
        _ => 900,
    }
}
