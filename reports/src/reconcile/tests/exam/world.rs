//! Clean worlds to plant something in: orders of every kind with every effect, a row of every
//! table, and an article that can run out.

use chaos_scenarios::workload::Expected;
use serde_json::{Value, json};

use super::super::{ACCEPTED, COMPLETED, FAIL, ID, REJECTED, Seen, UNKNOWN, order};
use crate::fabricated::state::StateBuilder;
use crate::record::final_state::{AuditRow, FinalState};
use crate::record::order::OrderRecord;

/// What there is of the article that can run out.
pub(super) const HOT_STOCK: i64 = 3;

/// Orders as their clients saw them, and what is left of them.
#[derive(Debug, Clone)]
pub(super) struct World {
    pub(super) orders: Vec<OrderRecord>,
    pub(super) state: StateBuilder,
}

/// Bystanders: what their clients saw, what should become of them, and what is left.
const BYSTANDERS: [(Seen, Expected, &str); 9] = {
    use Expected::{Completed, Either, Rejected};
    [
        (COMPLETED, Completed, "standard COMPLETED consumed charged shipped"),
        (ACCEPTED, Completed, "pickup COMPLETED consumed charged"),
        (UNKNOWN, Completed, "digital COMPLETED charged granted"),
        (REJECTED, Rejected, "standard REJECTED released charged refunded unshipped"),
        (ACCEPTED, Rejected, "pickup REJECTED released"),
        (UNKNOWN, Completed, "digital CANCELLED charged refunded revoked"),
        (FAIL, Completed, "standard CANCELLED released"),
        (FAIL, Completed, ""),
        (ACCEPTED, Either, "digital COMPLETED charged granted"),
    ]
};

/// Rows that tell how a bystander got where it is: no effects, and nothing wrong.
fn history() -> [Value; 6] {
    [
        json!({"table": "dead", "id": "m-1", "order": "by-0", "attempts": 5}),
        json!({"table": "steps", "order": "by-0", "step": "charge", "outcome": "done"}),
        json!({"table": "pipelines", "order": "by-0", "kind": "standard", "state": "COMPLETED"}),
        json!({"table": "pipeline-log", "order": "by-0", "step": "charge", "attempt": 1,
               "direction": "forward", "event": "outcome", "result": "done"}),
        json!({"table": "todos", "order": "by-3", "what": "notify", "attempts": 3}),
        json!({"table": "messages", "id": "m-2", "order": "by-1", "event": "order.created"}),
    ]
}

/// A field of each table that can be lied about.
pub(super) const LIES: [(&str, &str, &str); 12] = [
    ("orders", "state", "\"RESERVED\""),
    ("stock", "available", "7"),
    ("reservations", "quantity", "9"),
    ("ledger", "amount", "1"),
    ("shipments", "state", "\"LOST\""),
    ("grants", "state", "\"LOST\""),
    ("dead", "reason", "\"another\""),
    ("steps", "compensated", "true"),
    ("pipelines", "epoch", "4"),
    ("pipeline-log", "result", "\"refused\""),
    ("todos", "last_error", "\"another\""),
    ("messages", "sent_at", "1"),
];

/// A row of which one field tells something else.
pub(super) fn with(row: &AuditRow, field: &str, value: &str) -> AuditRow {
    let mut told = serde_json::to_value(row).expect("plain data");
    told[field] = serde_json::from_str(value).expect("a value");
    let changed = serde_json::from_value(told).expect("a row");
    assert_ne!(*row, changed, "{field} is {value} already");
    changed
}

fn row(value: Value) -> AuditRow {
    serde_json::from_value(value).expect("a row")
}

impl World {
    /// Bystanders only.
    pub(super) fn clean() -> Self {
        let mut world = Self { orders: Vec::new(), state: StateBuilder::default() };
        for (n, (seen, expect, words)) in BYSTANDERS.into_iter().enumerate() {
            world = world.with_order(&format!("by-{n}"), seen, expect, words);
        }
        for value in history() {
            world.state.row(row(value));
        }
        let stock = json!({"table": "stock", "sku": "OOS-1", "initial": 0, "available": 0,
                           "reserved": 0, "consumed": 0});
        world.state.row(row(stock));
        world
    }

    /// The same with one order more.
    pub(super) fn with_order(
        mut self,
        id: &str,
        seen: Seen,
        expect: Expected,
        words: &str,
    ) -> Self {
        self.orders.push(order(id, seen, expect));
        self.state.leave(id, words);
        self
    }

    /// The same with the order in question.
    pub(super) fn and(self, seen: Seen, expect: Expected, words: &str) -> Self {
        self.with_order(ID, seen, expect, words)
    }

    /// The same with one row more.
    pub(super) fn with_row(mut self, value: Value) -> Self {
        self.state.row(row(value));
        self
    }

    /// Orders of the article that can run out: how many pieces each has, 0 if it was refused, and
    /// from when to when it was open. What the article's row says is counted along.
    pub(super) fn with_hot(mut self, orders: &[(i64, i64, i64)]) -> Self {
        let sold: i64 = orders.iter().map(|(pieces, ..)| pieces).sum();
        for (n, (pieces, from, until)) in orders.iter().enumerate() {
            let id = format!("hot-{n}");
            let state = if *pieces == 0 { "REJECTED" } else { "COMPLETED" };
            let reason = (*pieces == 0).then_some("out_of_stock");
            self.orders.push(order(&id, ACCEPTED, Expected::Either));
            self = self.with_row(json!({"table": "orders", "id": id, "kind": "pickup",
                "state": state, "reason": reason, "version": 3, "amount": 1500,
                "accepted_at": from, "terminal_at": until}));
            if *pieces > 0 {
                self = self
                    .with_row(json!({"table": "reservations", "order": id, "sku": "HOT-1",
                        "quantity": pieces, "state": "CONSUMED"}))
                    .with_row(json!({"table": "ledger", "entry": id, "order": id,
                        "amount": 1500}));
            }
        }
        let available = HOT_STOCK - sold;
        self.with_row(json!({"table": "stock", "sku": "HOT-1", "initial": HOT_STOCK,
            "available": available, "reserved": 0, "consumed": sold}))
    }

    pub(super) fn state(&self) -> FinalState {
        self.state.build()
    }
}
