//! What tests on a real database share: a schema of their own, orders of every kind and fate, and
//! the laws that must hold at rest.
//!
//! These tests are ignored unless asked for, and then need `CHAOS_TEST_DATABASE_URL` (a PostgreSQL
//! that may be thrown away) and one also `CHAOS_TEST_AMQP_URL` (a RabbitMQ likewise).

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use crate::domain::order::{Kind, Order};
use crate::safeguard::Safeguards;
use crate::store::schema::{Part, lay_out};
use crate::store::{Database, StoreError};

/// The value of a variable that a test needs.
pub(crate) fn needed(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: this test needs it"))
}

/// Everything on but what is named.
pub(crate) fn all_but(off: &str) -> Safeguards {
    Safeguards::parse("hardened", off).unwrap()
}

/// Attempts to lay out tables: a busy machine may not open a connection in time.
const LAYOUTS: usize = 5;

/// A database with fresh tables that no other test sees, and its URL.
pub(crate) async fn database(parts: &[Part]) -> (Database, String) {
    let mut result = fresh_database(parts).await;
    for _ in 1..LAYOUTS {
        if result.is_ok() {
            break;
        }
        result = fresh_database(parts).await;
    }
    result.unwrap()
}

async fn fresh_database(parts: &[Part]) -> Result<(Database, String), StoreError> {
    let url = needed("CHAOS_TEST_DATABASE_URL");
    let schema = format!("trial_{}", Uuid::now_v7().simple());
    let plain = Database::new(&url, 1)?;
    plain.rows(&format!("CREATE SCHEMA {schema}"), &[]).await?;
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-c%20search_path%3D{schema}");
    let database = Database::new(&url, 8)?;
    lay_out(&database, parts).await?;
    Ok((database, url))
}

/// How an order has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) state: &'static str,
    pub(crate) reason: Option<&'static str>,
}

/// An order with the given traits, and how it has to end: a function of the request alone.
pub(crate) fn order(id: &str, kind: Kind, sku: &str, card: &str, address: &str) -> (Order, Fate) {
    let body = json!({
        "order_id": id, "kind": kind, "customer": "ada", "card": card, "address": address,
        "items": [{"sku": sku, "quantity": 2}, {"sku": "SKU-1", "quantity": 1}],
    });
    let order = Order::parse(body.to_string().as_bytes()).unwrap();
    let reason = if kind != Kind::Digital && sku.starts_with("OOS") {
        Some("out_of_stock")
    } else if card == "tok_decline" {
        Some("declined")
    } else if kind == Kind::Standard && address == "nowhere" {
        Some("undeliverable")
    } else {
        None
    };
    let state = if reason.is_some() { "REJECTED" } else { "COMPLETED" };
    (order, Fate { state, reason })
}

/// Every kind with every combination of traits.
pub(crate) fn every_order(prefix: &str) -> Vec<(Order, Fate)> {
    let mut orders = Vec::new();
    for kind in Kind::ALL {
        for sku in ["SKU-3", "OOS-1"] {
            for card in ["tok_ok", "tok_decline"] {
                for address in ["Main St 1", "nowhere"] {
                    let id = format!("{prefix}-{}", orders.len());
                    orders.push(order(&id, kind, sku, card, address));
                }
            }
        }
    }
    orders
}

/// The number that a query gives.
pub(crate) async fn number(database: &Database, sql: &str) -> i64 {
    database.rows(sql, &[]).await.unwrap()[0].get(0)
}

/// Laws of the stock: nothing is lost or made up, and nothing stays set aside.
pub(crate) async fn check_stock(database: &Database) {
    let broken = "SELECT count(*) FROM stock WHERE available < 0 OR reserved <> 0
                  OR initial <> available + reserved + consumed";
    assert_eq!(number(database, broken).await, 0, "a law of the stock is broken");
    let open = "SELECT count(*) FROM reservations WHERE state = 'RESERVED'";
    assert_eq!(number(database, open).await, 0, "something stays set aside");
}

/// The sum of the ledger by order.
pub(crate) async fn balances(database: &Database) -> HashMap<String, i64> {
    let sql = "SELECT order_id, sum(amount)::bigint FROM ledger GROUP BY order_id";
    let rows = database.rows(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// State and reason by order.
pub(crate) async fn fates(database: &Database) -> HashMap<String, (String, Option<String>)> {
    let rows = database.rows("SELECT id, state, reason FROM orders", &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect()
}

/// Every order ended as it had to, and was charged its amount or nothing.
pub(crate) async fn check_fates(orders: &[(Order, Fate)], store: &Database, ledger: &Database) {
    let (fates, balances) = (fates(store).await, balances(ledger).await);
    for (order, fate) in orders {
        let (state, reason) = &fates[&order.id];
        assert_eq!((state.as_str(), reason.as_deref()), (fate.state, fate.reason), "{}", order.id);
        let due = if fate.state == "COMPLETED" { order.amount } else { 0 };
        assert_eq!(balances.get(&order.id).copied().unwrap_or(0), due, "{}", order.id);
    }
}
