//! Final states, row by row.

use std::collections::BTreeMap;

use compact_str::format_compact;

use crate::record::final_state::{AuditRow, FinalState, SourcedRow};

use super::plan::endpoint;

/// Price of every fabricated order, cents.
pub(crate) const PRICE: i64 = 1_050;
/// The article of every fabricated order.
pub(crate) const SKU: &str = "SKU-1";
const STOCK: i64 = 1_000_000;

/// A final state in the making. Stock is counted along, so that it is always conserved.
#[derive(Debug, Clone)]
pub(crate) struct StateBuilder {
    rows: Vec<AuditRow>,
    price: i64,
    articles: Vec<(String, i64)>,
    /// By article: what is reserved and what is consumed.
    stock: BTreeMap<String, (i64, i64)>,
}

impl Default for StateBuilder {
    fn default() -> Self {
        let stock = [(SKU.to_owned(), (0, 0))].into();
        Self { rows: Vec::new(), price: PRICE, articles: vec![(SKU.to_owned(), 1)], stock }
    }
}

impl StateBuilder {
    pub(crate) fn row(&mut self, row: AuditRow) -> &mut Self {
        self.rows.push(row);
        self
    }

    /// From here on, orders have this price and these articles.
    pub(crate) fn of(&mut self, price: i64, articles: &[(String, i64)]) -> &mut Self {
        (self.price, self.articles) = (price, articles.to_vec());
        self
    }

    /// A standard order with all its effects.
    pub(crate) fn completed(&mut self, id: &str, at: i64) -> &mut Self {
        self.order(id, "standard", "COMPLETED", Some(at));
        self.leave(id, "consumed charged shipped")
    }

    /// What is left of an order, in words: its kind and state if it is stored, then its effects,
    /// such as `standard CHARGED reserved charged`.
    pub(crate) fn leave(&mut self, id: &str, words: &str) -> &mut Self {
        let mut words = words.split_whitespace();
        while let Some(word) = words.next() {
            match word {
                "reserved" | "consumed" | "released" => self.reservation(id, word),
                "charged" => self.booking(id, self.price),
                "underpaid" => self.booking(id, self.price - 1),
                "refunded" => self.booking(id, -self.price),
                "shipped" => self.shipment(id, "ACTIVE"),
                "unshipped" => self.shipment(id, "CANCELLED"),
                "granted" => self.grant(id, "ACTIVE"),
                "revoked" => self.grant(id, "REVOKED"),
                "dead" => self.dead(id),
                "owed" => self.todo(id),
                kind => {
                    let state = words.next().expect("a state follows the kind");
                    self.order(id, kind, state, None)
                }
            };
        }
        self
    }

    fn order(&mut self, id: &str, kind: &str, state: &str, at: Option<i64>) -> &mut Self {
        self.row(AuditRow::Orders {
            id: id.into(),
            kind: Some(kind.into()),
            state: state.into(),
            reason: None,
            version: Some(1),
            amount: Some(self.price),
            accepted_at: None,
            terminal_at: at,
        })
    }

    fn reservation(&mut self, id: &str, word: &str) -> &mut Self {
        for (sku, quantity) in self.articles.clone() {
            let (reserved, consumed) = self.stock.entry(sku.clone()).or_default();
            *reserved += if word == "reserved" { quantity } else { 0 };
            *consumed += if word == "consumed" { quantity } else { 0 };
            let (order, sku, state) = (id.into(), sku.into(), word.to_uppercase().into());
            self.row(AuditRow::Reservations { order, sku, quantity, state });
        }
        self
    }

    fn booking(&mut self, id: &str, amount: i64) -> &mut Self {
        let entry = format_compact!("{id}-{}", self.rows.len());
        self.row(AuditRow::Ledger { entry, order: id.into(), amount })
    }

    fn shipment(&mut self, id: &str, state: &str) -> &mut Self {
        self.row(AuditRow::Shipments { order: id.into(), state: state.into() })
    }

    fn grant(&mut self, id: &str, state: &str) -> &mut Self {
        self.row(AuditRow::Grants { order: id.into(), state: state.into() })
    }

    fn dead(&mut self, id: &str) -> &mut Self {
        self.row(AuditRow::Dead {
            id: format_compact!("message-of-{id}"),
            order: Some(id.into()),
            reason: Some("gave up".into()),
            attempts: Some(5),
        })
    }

    fn todo(&mut self, id: &str) -> &mut Self {
        self.row(AuditRow::Todos {
            order: id.into(),
            what: Some("release".into()),
            attempts: Some(2),
            last_error: None,
        })
    }

    pub(crate) fn build(&self) -> FinalState {
        let mut rows = self.rows.clone();
        rows.extend(self.stock.iter().map(|(sku, (reserved, consumed))| AuditRow::Stock {
            sku: sku.as_str().into(),
            initial: STOCK,
            available: STOCK - reserved - consumed,
            reserved: *reserved,
            consumed: *consumed,
        }));
        let source = endpoint("/audit").to_string();
        let sourced = |row| SourcedRow::told(source.as_str(), row);
        FinalState { rows: rows.into_iter().map(sourced).collect(), unread: Vec::new() }
    }
}
