//! The orders that are sent, how each has to end, and how it did: read from the tables themselves,
//! not from what the services tell.

use serde_json::{Value, json};

use super::database::Database;
use super::table::End;

/// What is looked at: its name, its table, and the query that counts it for an order.
const COUNTED: [(&str, &str, &str); 11] = [
    ("charges", "ledger", "SELECT count(*) FROM ledger WHERE order_id = $1 AND amount > 0"),
    ("refunds", "ledger", "SELECT count(*) FROM ledger WHERE order_id = $1 AND amount < 0"),
    (
        "reserved",
        "reservations",
        "SELECT count(*) FROM reservations WHERE order_id = $1 AND state = 'RESERVED'",
    ),
    (
        "consumed",
        "reservations",
        "SELECT count(*) FROM reservations WHERE order_id = $1 AND state = 'CONSUMED'",
    ),
    (
        "released",
        "reservations",
        "SELECT count(*) FROM reservations WHERE order_id = $1 AND state = 'RELEASED'",
    ),
    (
        "parcels",
        "shipments",
        "SELECT count(*) FROM shipments WHERE order_id = $1 AND state = 'ACTIVE'",
    ),
    ("grants", "grants", "SELECT count(*) FROM grants WHERE order_id = $1 AND state = 'ACTIVE'"),
    ("told", "notifications", "SELECT count(*) FROM notifications WHERE order_id = $1"),
    (
        "unsent",
        "outbox",
        "SELECT count(*) FROM outbox WHERE sent_at IS NULL AND event LIKE '%\"id\":\"' || $1 || '\"%'",
    ),
    ("owed", "todos", "SELECT count(*) FROM todos WHERE order_id = $1"),
    ("owed", "sagas", "SELECT count(*) FROM sagas WHERE order_id = $1 AND finished_at IS NULL"),
];
/// In `direct` an order that was left halfway is taken for abandoned after ten seconds: they pass.
const ABANDON: &str = "UPDATE todos SET due_at = 0
    WHERE order_id = $1 AND what = 'roll-back' RETURNING order_id";
/// Laws of the stock that no crash may break: the query finds what breaks them.
const BROKEN_STOCK: &str = "SELECT count(*) FROM stock
    WHERE $1 <> '' AND (available < 0 OR initial <> available + reserved + consumed)";

/// What kind of order is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderKind {
    /// Goods by parcel.
    Standard,
    /// Access to something digital.
    Digital,
    /// Goods by parcel to where nobody can deliver: refused at the last step.
    Undeliverable,
}

impl OrderKind {
    pub(super) fn parse(name: &str) -> Self {
        match name {
            "standard" => Self::Standard,
            "digital" => Self::Digital,
            "undeliverable" => Self::Undeliverable,
            other => panic!("`{other}` is no kind of order"),
        }
    }

    /// The body of a request.
    pub(super) fn body(self, id: &str) -> Value {
        let address = if self == Self::Undeliverable { "nowhere" } else { "Main St 1" };
        let kind = if self == Self::Digital { "digital" } else { "standard" };
        json!({
            "order_id": id, "kind": kind, "customer": "ada", "card": "tok_ok", "address": address,
            "items": [{"sku": "SKU-1", "quantity": 2}],
        })
    }

    /// How it ends when nothing happens to any process.
    pub(super) fn regular_end(self) -> End {
        let (state, effects): (_, &[&str]) = match self {
            Self::Standard => ("COMPLETED", &["charges", "consumed", "parcels", "told"]),
            Self::Digital => ("COMPLETED", &["charges", "grants", "told"]),
            Self::Undeliverable => ("REJECTED", &["charges", "refunds", "released", "told"]),
        };
        let mut end = Self::absent();
        end.insert("state".into(), state.into());
        end.extend(effects.iter().map(|effect| ((*effect).to_owned(), "1".to_owned())));
        end
    }

    /// No trace of an order.
    pub(super) fn absent() -> End {
        let counted = COUNTED.map(|(name, ..)| (name.to_owned(), "0".to_owned()));
        counted.into_iter().chain([("state".to_owned(), "absent".to_owned())]).collect()
    }
}

/// Lets the time pass after which an order counts as abandoned, where one is being waited for.
pub(super) async fn abandon(databases: &[&Database], id: &str) {
    for database in databases {
        database.first_if_there("todos", ABANDON, id).await;
    }
}

/// What is left of an order in the databases of all services.
pub(super) async fn end(databases: &[&Database], id: &str) -> End {
    let mut end = OrderKind::absent();
    for database in databases {
        for (name, table, sql) in COUNTED {
            if let Some(row) = database.first_if_there(table, sql, id).await {
                let count = end[name].parse().unwrap_or(0) + row.get::<_, i64>(0);
                end.insert(name.to_owned(), count.to_string());
            }
        }
        let state = "SELECT state FROM orders WHERE id = $1";
        if let Some(row) = database.first_if_there("orders", state, id).await {
            end.insert("state".to_owned(), row.get(0));
        }
        if let Some(row) = database.first_if_there("stock", BROKEN_STOCK, "none").await {
            assert_eq!(row.get::<_, i64>(0), 0, "a law of the stock is broken after {id}");
        }
    }
    end
}
