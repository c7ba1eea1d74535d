//! Final states, row by row.

use crate::record::final_state::{AuditRow, FinalState, SourcedRow};

use super::plan::endpoint;

/// Price of every fabricated order, cents.
pub(crate) const PRICE: i64 = 1_050;
/// The article of every fabricated order.
pub(crate) const SKU: &str = "SKU-1";
const STOCK: i64 = 1_000_000;

/// A final state in the making. Stock is counted along, so that it is always conserved.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateBuilder {
    rows: Vec<AuditRow>,
    reserved: i64,
    consumed: i64,
}

impl StateBuilder {
    pub(crate) fn row(&mut self, row: AuditRow) -> &mut Self {
        self.rows.push(row);
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
                "charged" => self.booking(id, PRICE),
                "underpaid" => self.booking(id, PRICE - 1),
                "refunded" => self.booking(id, -PRICE),
                "shipped" => self.shipment(id, "ACTIVE"),
                "unshipped" => self.shipment(id, "CANCELLED"),
                "granted" => self.grant(id, "ACTIVE"),
                "revoked" => self.grant(id, "REVOKED"),
                "dead" => self.dead(id),
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
            id: id.to_owned(),
            kind: Some(kind.to_owned()),
            state: state.to_owned(),
            reason: None,
            version: Some(1),
            amount: Some(PRICE),
            accepted_at: None,
            terminal_at: at,
        })
    }

    fn reservation(&mut self, id: &str, word: &str) -> &mut Self {
        self.reserved += i64::from(word == "reserved");
        self.consumed += i64::from(word == "consumed");
        let (order, sku, state) = (id.to_owned(), SKU.to_owned(), word.to_uppercase());
        self.row(AuditRow::Reservations { order, sku, quantity: 1, state })
    }

    fn booking(&mut self, id: &str, amount: i64) -> &mut Self {
        let entry = format!("{id}-{}", self.rows.len());
        self.row(AuditRow::Ledger { entry, order: id.to_owned(), amount })
    }

    fn shipment(&mut self, id: &str, state: &str) -> &mut Self {
        self.row(AuditRow::Shipments { order: id.to_owned(), state: state.to_owned() })
    }

    fn grant(&mut self, id: &str, state: &str) -> &mut Self {
        self.row(AuditRow::Grants { order: id.to_owned(), state: state.to_owned() })
    }

    fn dead(&mut self, id: &str) -> &mut Self {
        self.row(AuditRow::Dead {
            id: format!("message-of-{id}"),
            order: Some(id.to_owned()),
            reason: Some("gave up".to_owned()),
            attempts: Some(5),
        })
    }

    pub(crate) fn build(&self) -> FinalState {
        let mut rows = self.rows.clone();
        rows.push(AuditRow::Stock {
            sku: SKU.to_owned(),
            initial: STOCK,
            available: STOCK - self.reserved - self.consumed,
            reserved: self.reserved,
            consumed: self.consumed,
        });
        let source = endpoint("/audit").to_string();
        let sourced = |row| SourcedRow::told(&source, row);
        FinalState { rows: rows.into_iter().map(sourced).collect(), unread: Vec::new() }
    }
}
