//! Everything besides steps: products, health, figures, audits, and what is not there.

use reqwest::Method;
use serde_json::json;

use crate::case::{Call, Case, Expected, case, error, get};
use crate::service::Door::{self, Admin, Public};
use crate::service::Service;

pub(crate) fn cases() -> Vec<Case> {
    let json = |status, value| Expected::Json(status, value);
    let nothing = || error(404, "there is nothing at this path");
    vec![
        catalog(),
        case(
            "it is alive and ready on both doors",
            [
                get(Public, "/healthz", json(200, json!({ "alive": true, "stopping": false }))),
                get(Admin, "/healthz", json(200, json!({ "alive": true, "stopping": false }))),
                get(Public, "/readyz", json(200, ready())),
                get(Admin, "/readyz", json(200, ready())),
                other(Method::HEAD, "/healthz", Expected::Status(200)),
            ],
        ),
        case(
            "each door shows its own and nothing else",
            [
                get(Public, "/", nothing()),
                get(Public, "/audit", nothing()),
                get(Public, "/catalog", nothing()),
                get(Public, "/catalog/", nothing()),
                get(Public, "/docs", nothing()),
                get(Admin, "/catalog/SKU-1", nothing()),
                get(Public, "/steps/reserve", Expected::Status(405)),
                other(Method::DELETE, "/catalog/SKU-1", Expected::Status(405)),
            ],
        ),
        case(
            "a service without messages has nothing pending and nothing to try again",
            [
                get(Admin, "/audit/pending", json(200, nothing_pending())),
                get(Admin, "/audit/dead", Expected::Status(200)),
                get(Admin, "/audit/orders", error(404, "this service owns no such table")),
                Call {
                    door: Admin,
                    ..other(
                        Method::POST,
                        "/dead/redrive",
                        json(200, json!({ "redriven": 0, "refused": 0 })),
                    )
                },
            ],
        ),
    ]
}

fn catalog() -> Case {
    let offer = |sku: &str, price: i64, available: i64| {
        let value = json!({ "sku": sku, "price": price, "available": available });
        get(Public, &format!("/catalog/{sku}"), Expected::Json(200, value))
    };
    let none = |path: &str| get(Public, path, error(404, "there is no product with this sku"));
    case(
        "products have a price and what is free of them",
        [
            offer("SKU-20", 1_000, 1_000_000_000),
            offer("HOT-1", 1_500, 100),
            offer("OOS-1", 900, 0),
            offer("OOS-999", 900, 0),
            none("/catalog/SKU-21"),
            none("/catalog/SKU-07"),
            none("/catalog/sku-1"),
            none("/catalog/%00"),
            none("/catalog/SKU-1%27--"),
        ],
    )
}

fn other(method: Method, path: &str, expected: Expected) -> Call {
    Call { method, door: Door::Public, path: path.to_owned(), body: Vec::new(), expected }
}

fn ready() -> serde_json::Value {
    json!({ "ready": true, "dependencies": { "database": "ok" } })
}

fn nothing_pending() -> serde_json::Value {
    let kinds =
        ["outbox", "inbox", "retry", "dead", "ready", "unacked", "pipelines", "todos", "open"];
    kinds.into_iter().map(|kind| (kind.to_owned(), json!(0))).collect()
}

/// The figures of requests, without what depends on time: the names, labels and counts.
pub(crate) async fn figures(service: &Service) -> Vec<String> {
    let text = service.get(Door::Admin, "/metrics").await.body;
    let counted = |line: &&str| {
        line.starts_with("shop_requests_total{") || line.starts_with("shop_request_seconds_count{")
    };
    let stable = |line: &&str| !["/readyz", "/metrics"].iter().any(|route| line.contains(route));
    let lines = text.lines().filter(counted).filter(stable);
    let mut lines: Vec<String> = lines.map(|line| line.trim_end_matches(".0").to_owned()).collect();
    lines.sort();
    lines
}
