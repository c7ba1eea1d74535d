//! The final state of a target after the drain, as its audit tells it. Targets write these rows
//! with types of their own: an auditor that shares types with the audited shares its mistakes.

use serde::{Deserialize, Serialize};

/// One row of an audit, told apart by its table. Times are wall clock, microseconds since 1970;
/// money is in cents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "table", rename_all = "kebab-case")]
pub enum AuditRow {
    /// An order that the application knows.
    Orders {
        /// The order's id.
        id: String,
        /// Kind of order; none where the target offers just id and state.
        #[serde(default)]
        kind: Option<String>,
        /// State, such as `COMPLETED`.
        state: String,
        /// Why it was refused.
        #[serde(default)]
        reason: Option<String>,
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
        sku: String,
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
        order: String,
        /// The article.
        sku: String,
        /// How much.
        quantity: i64,
        /// `RESERVED`, `CONSUMED` or `RELEASED`.
        state: String,
    },
    /// One booking of money.
    Ledger {
        /// The booking.
        entry: String,
        /// The order.
        order: String,
        /// Charged (above 0) or refunded (below 0), cents.
        amount: i64,
    },
    /// One parcel.
    Shipments {
        /// The order.
        order: String,
        /// `ACTIVE` or `CANCELLED`.
        state: String,
    },
    /// One right to a digital article.
    Grants {
        /// The order.
        order: String,
        /// `ACTIVE` or `REVOKED`.
        state: String,
    },
    /// A message that was given up.
    Dead {
        /// The message.
        id: String,
        /// The order, if it tells.
        #[serde(default)]
        order: Option<String>,
        /// Why it was given up.
        #[serde(default)]
        reason: Option<String>,
        /// How often it was tried.
        #[serde(default)]
        attempts: Option<i64>,
    },
}

/// One audit row and the component that told it; one line of `final-state.jsonl.zst`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcedRow {
    /// The audit endpoint, such as `http://orders:9090/audit`.
    pub source: String,
    /// What it told.
    pub row: AuditRow,
}

/// All that the audits told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FinalState {
    /// Rows, in the order read.
    pub rows: Vec<SourcedRow>,
    /// Endpoints that could not be read, with the reason.
    pub unread: Vec<(String, String)>,
}
