//! What an audit tells, row by row. Targets write these rows with types of their own: an auditor
//! that shares types with the audited shares its mistakes.

use chaos_scenarios::target::AuditTable;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// One row of an audit, told apart by its table. Times are wall clock, microseconds since 1970;
/// money is in cents.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "table", rename_all = "kebab-case")]
pub enum AuditRow {
    /// An order that the application knows.
    Orders {
        /// The order's id.
        id: CompactString,
        /// Kind of order; none where the target offers just id and state.
        #[serde(default)]
        kind: Option<CompactString>,
        /// State, such as `COMPLETED`.
        state: CompactString,
        /// Why it was refused.
        #[serde(default)]
        reason: Option<CompactString>,
        /// Grows with every change.
        #[serde(default)]
        version: Option<i64>,
        /// Price in cents.
        #[serde(default)]
        amount: Option<i64>,
        /// When it was stored.
        #[serde(default)]
        accepted_at: Option<i64>,
        /// When it reached its final state.
        #[serde(default)]
        terminal_at: Option<i64>,
    },
    /// Stock of one article.
    Stock {
        /// The article.
        sku: CompactString,
        /// What there was before the first order.
        initial: i64,
        /// What can be ordered.
        available: i64,
        /// What is set aside for orders that are not final.
        reserved: i64,
        /// What completed orders took.
        consumed: i64,
    },
    /// Stock set aside for one order.
    Reservations {
        /// The order.
        order: CompactString,
        /// The article.
        sku: CompactString,
        /// How much.
        quantity: i64,
        /// `RESERVED`, `CONSUMED` or `RELEASED`.
        state: CompactString,
    },
    /// One booking of money.
    Ledger {
        /// The booking.
        entry: CompactString,
        /// The order.
        order: CompactString,
        /// Charged (above 0) or refunded (below 0), cents.
        amount: i64,
    },
    /// One parcel.
    Shipments {
        /// The order.
        order: CompactString,
        /// `ACTIVE` or `CANCELLED`.
        state: CompactString,
    },
    /// One right to a digital article.
    Grants {
        /// The order.
        order: CompactString,
        /// `ACTIVE` or `REVOKED`.
        state: CompactString,
    },
    /// A message that was given up.
    Dead {
        /// The message.
        id: CompactString,
        /// The order, if it tells.
        #[serde(default)]
        order: Option<CompactString>,
        /// Why it was given up.
        #[serde(default)]
        reason: Option<CompactString>,
        /// How often it was tried.
        #[serde(default)]
        attempts: Option<i64>,
    },
    /// One step of an order, as the service that does it remembers it.
    Steps {
        /// The order.
        order: CompactString,
        /// Which, such as `charge`.
        #[serde(default)]
        step: Option<CompactString>,
        /// `done` or `refused`; none where it was undone before it was ever done.
        #[serde(default)]
        outcome: Option<CompactString>,
        /// Whether it was undone.
        #[serde(default)]
        compensated: Option<bool>,
    },
    /// The pipeline of one order.
    Pipelines {
        /// The order.
        order: CompactString,
        /// Which pipeline.
        #[serde(default)]
        kind: Option<CompactString>,
        /// Where it stands.
        #[serde(default)]
        state: Option<CompactString>,
        /// Which start of the manager leads it.
        #[serde(default)]
        epoch: Option<i64>,
        /// How often the present step was tried.
        #[serde(default)]
        attempts: Option<i64>,
        /// When it last changed.
        #[serde(default)]
        updated_at: Option<i64>,
    },
    /// One line of a pipeline's log.
    PipelineLog {
        /// The order.
        order: CompactString,
        /// Which step.
        #[serde(default)]
        step: Option<CompactString>,
        /// `forward` or `compensate`.
        #[serde(default)]
        direction: Option<CompactString>,
        /// Which attempt, from 1.
        #[serde(default)]
        attempt: Option<i64>,
        /// `intent` before a call, `outcome` after it.
        #[serde(default)]
        event: Option<CompactString>,
        /// What it came to.
        #[serde(default)]
        result: Option<CompactString>,
    },
    /// Something that is still to be undone.
    Todos {
        /// The order.
        order: CompactString,
        /// Which step.
        #[serde(default)]
        what: Option<CompactString>,
        /// How often it was tried.
        #[serde(default)]
        attempts: Option<i64>,
        /// What the last try failed of.
        #[serde(default)]
        last_error: Option<CompactString>,
    },
    /// An event to send, or sent.
    Messages {
        /// The message.
        id: CompactString,
        /// The order.
        #[serde(default)]
        order: Option<CompactString>,
        /// Such as `stock.reserved`.
        #[serde(default)]
        event: Option<CompactString>,
        /// When it was sent; none if it was not.
        #[serde(default)]
        sent_at: Option<i64>,
    },
}

/// A part of a name, if it is told.
fn text(part: Option<&CompactString>) -> &str {
    part.map(CompactString::as_str).unwrap_or_default()
}

impl AuditRow {
    /// Its table.
    pub const fn table(&self) -> AuditTable {
        match self {
            Self::Orders { .. } => AuditTable::Orders,
            Self::Stock { .. } => AuditTable::Stock,
            Self::Reservations { .. } => AuditTable::Reservations,
            Self::Ledger { .. } => AuditTable::Ledger,
            Self::Shipments { .. } => AuditTable::Shipments,
            Self::Grants { .. } => AuditTable::Grants,
            Self::Dead { .. } => AuditTable::Dead,
            Self::Steps { .. } => AuditTable::Steps,
            Self::Pipelines { .. } => AuditTable::Pipelines,
            Self::PipelineLog { .. } => AuditTable::PipelineLog,
            Self::Todos { .. } => AuditTable::Todos,
            Self::Messages { .. } => AuditTable::Messages,
        }
    }

    /// The order that it speaks of, if it speaks of one.
    pub fn order(&self) -> Option<&str> {
        let order = match self {
            Self::Orders { id: order, .. }
            | Self::Reservations { order, .. }
            | Self::Ledger { order, .. }
            | Self::Shipments { order, .. }
            | Self::Grants { order, .. }
            | Self::Steps { order, .. }
            | Self::Pipelines { order, .. }
            | Self::PipelineLog { order, .. }
            | Self::Todos { order, .. } => Some(order.as_str()),
            Self::Dead { order, .. } | Self::Messages { order, .. } => order.as_deref(),
            Self::Stock { .. } => None,
        };
        // A message that cannot be read names no order.
        order.filter(|order| !order.is_empty())
    }

    /// What it speaks of: its table, the parts of its name there, and the number of an attempt.
    pub fn thing(&self) -> (AuditTable, [&str; 4], Option<i64>) {
        let (parts, attempt) = match self {
            Self::Stock { sku, .. } => ([sku, "", "", ""], None),
            Self::Reservations { order, sku, .. } => ([order, sku, "", ""], None),
            Self::Ledger { entry, .. } => ([entry, "", "", ""], None),
            Self::Dead { id, .. } | Self::Messages { id, .. } => ([id, "", "", ""], None),
            Self::Steps { order, step, .. } => ([order, text(step.as_ref()), "", ""], None),
            Self::Todos { order, what, .. } => ([order, text(what.as_ref()), "", ""], None),
            Self::PipelineLog { order, step, direction, attempt, event, .. } => (
                [order, text(step.as_ref()), text(direction.as_ref()), text(event.as_ref())],
                *attempt,
            ),
            Self::Orders { id: order, .. }
            | Self::Shipments { order, .. }
            | Self::Grants { order, .. }
            | Self::Pipelines { order, .. } => ([order, "", "", ""], None),
        };
        (self.table(), parts, attempt)
    }

    /// What it is called within its table: rows of one name speak of the same thing.
    pub fn name(&self) -> String {
        let (_, parts, attempt) = self.thing();
        let parts = parts.into_iter().filter(|part| !part.is_empty()).map(str::to_owned);
        parts.chain(attempt.map(|number| number.to_string())).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The least that a row of each table must tell.
    const LEAST: [(&str, &str); 12] = [
        ("orders", r#""id":"o","state":"COMPLETED""#),
        ("stock", r#""sku":"s","initial":2,"available":1,"reserved":0,"consumed":1"#),
        ("reservations", r#""order":"o","sku":"s","quantity":1,"state":"CONSUMED""#),
        ("ledger", r#""entry":"e","order":"o","amount":5"#),
        ("shipments", r#""order":"o","state":"ACTIVE""#),
        ("grants", r#""order":"o","state":"ACTIVE""#),
        ("dead", r#""id":"m""#),
        ("steps", r#""order":"o""#),
        ("pipelines", r#""order":"o""#),
        ("pipeline-log", r#""order":"o""#),
        ("todos", r#""order":"o""#),
        ("messages", r#""id":"m""#),
    ];

    #[test]
    fn every_table_has_its_row_by_its_name() {
        assert_eq!(LEAST.map(|(name, _)| name), AuditTable::ALL.map(|(name, _)| name));
        for ((name, fields), (_, table)) in LEAST.into_iter().zip(AuditTable::ALL) {
            let text = format!(r#"{{"table":"{name}",{fields},"more":"is passed over"}}"#);
            let row: AuditRow = serde_json::from_str(&text).expect(name);
            assert_eq!(row.table(), table, "{name}");
            assert!(!row.name().is_empty(), "{name}");
            let again = serde_json::to_string(&row).expect("a row");
            assert_eq!(serde_json::from_str::<AuditRow>(&again).expect(name), row);
        }
    }

    #[test]
    fn a_message_that_cannot_be_read_names_no_order() {
        let text = r#"{"table":"dead","id":"m","order":""}"#;
        let row: AuditRow = serde_json::from_str(text).expect("a row");
        assert_eq!(row.order(), None);
    }
}
