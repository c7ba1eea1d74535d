//! The tables, laid out at start. Each service has those it owns; the monolith has all.
//!
//! No table but `orders`, `inbox` and `steps` forbids a second row of the same order: a duplicate must be
//! possible in the data, or an audit could never find one. What keeps duplicates out are the
//! safeguards.

use super::{Database, StoreError};
use crate::domain::product;

/// Any fixed number: it keeps two replicas that start together from laying out tables at once.
const LAYOUT_LOCK: i64 = 7_311_551;

/// A group of tables that belong to one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Orders and where they stand.
    Orders,
    /// Stock and what is set aside of it.
    Stock,
    /// Charges and refunds.
    Ledger,
    /// Parcels and grants.
    Fulfilment,
    /// What customers have been told.
    Notifications,
    /// Events to send and messages already handled.
    Messages,
    /// Steps that were asked for over HTTP, and the epochs of those who asked.
    Steps,
    /// What is owed to orders.
    Todos,
    /// Pipelines, their log, those that were set aside, and who leads them.
    Pipelines,
}

impl Part {
    fn sql(self) -> &'static str {
        match self {
            Self::Orders => ORDERS,
            Self::Stock => STOCK,
            Self::Ledger => LEDGER,
            Self::Fulfilment => FULFILMENT,
            Self::Notifications => NOTIFICATIONS,
            Self::Messages => MESSAGES,
            Self::Steps => STEPS,
            Self::Todos => TODOS,
            Self::Pipelines => PIPELINES,
        }
    }
}

const ORDERS: &str = "
CREATE TABLE IF NOT EXISTS orders (
    id text PRIMARY KEY, kind text NOT NULL, state text NOT NULL, reason text,
    version bigint NOT NULL, amount bigint NOT NULL, customer text NOT NULL, digest text NOT NULL,
    accepted_at bigint NOT NULL, updated_at bigint NOT NULL, terminal_at bigint);
CREATE INDEX IF NOT EXISTS orders_open ON orders (accepted_at) WHERE terminal_at IS NULL;";

// Updates of hot rows stay on their page when it has room.
const STOCK: &str = "
CREATE TABLE IF NOT EXISTS stock (
    sku text PRIMARY KEY, initial bigint NOT NULL, available bigint NOT NULL,
    reserved bigint NOT NULL, consumed bigint NOT NULL) WITH (fillfactor = 10);
CREATE TABLE IF NOT EXISTS reservations (
    order_id text NOT NULL, sku text NOT NULL, quantity bigint NOT NULL, state text NOT NULL);
CREATE INDEX IF NOT EXISTS reservations_order ON reservations (order_id);";

const LEDGER: &str = "
CREATE TABLE IF NOT EXISTS ledger (
    entry uuid PRIMARY KEY, order_id text NOT NULL, amount bigint NOT NULL, at bigint NOT NULL);
CREATE INDEX IF NOT EXISTS ledger_order ON ledger (order_id);";

const FULFILMENT: &str = "
CREATE TABLE IF NOT EXISTS shipments (order_id text NOT NULL, state text NOT NULL);
CREATE INDEX IF NOT EXISTS shipments_order ON shipments (order_id);
CREATE TABLE IF NOT EXISTS grants (order_id text NOT NULL, state text NOT NULL);
CREATE INDEX IF NOT EXISTS grants_order ON grants (order_id);";

const NOTIFICATIONS: &str = "
CREATE TABLE IF NOT EXISTS notifications (
    order_id text NOT NULL, state text NOT NULL, at bigint NOT NULL);";

const MESSAGES: &str = "
CREATE TABLE IF NOT EXISTS outbox (
    id bigserial PRIMARY KEY, message_id uuid NOT NULL, event text NOT NULL, sent_at bigint);
CREATE INDEX IF NOT EXISTS outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE TABLE IF NOT EXISTS inbox (message_id uuid PRIMARY KEY, handled_at bigint NOT NULL);";

const STEPS: &str = "
CREATE TABLE IF NOT EXISTS steps (
    order_id text NOT NULL, step text NOT NULL, outcome text, reason text,
    compensated boolean NOT NULL DEFAULT false, at bigint NOT NULL, PRIMARY KEY (order_id, step));
CREATE TABLE IF NOT EXISTS epoch (one boolean PRIMARY KEY CHECK (one), epoch bigint NOT NULL);
INSERT INTO epoch VALUES (true, 0) ON CONFLICT DO NOTHING;";

// Rows come and go with every order: an index of what is due keeps looking for them cheap.
const TODOS: &str = "
CREATE TABLE IF NOT EXISTS todos (
    order_id text NOT NULL, what text NOT NULL, request text NOT NULL, due_at bigint NOT NULL,
    attempts int NOT NULL DEFAULT 0, redrives int NOT NULL DEFAULT 0, last_error text,
    given_up boolean NOT NULL DEFAULT false, PRIMARY KEY (order_id, what));
CREATE INDEX IF NOT EXISTS todos_due ON todos (due_at) WHERE NOT given_up;";

// The epoch is a key so that telling of oneself, which leaves it alone, waits for nobody.
const PIPELINES: &str = "
CREATE TABLE IF NOT EXISTS lease (epoch bigint PRIMARY KEY, kept_at timestamptz NOT NULL);
INSERT INTO lease SELECT 0, '-infinity' WHERE NOT EXISTS (SELECT FROM lease);
CREATE TABLE IF NOT EXISTS sagas (
    id uuid PRIMARY KEY, order_id text NOT NULL, kind text NOT NULL, body text NOT NULL,
    state text NOT NULL, epoch bigint NOT NULL, deadline bigint NOT NULL,
    attempts bigint NOT NULL DEFAULT 0, due_at bigint, redrives bigint NOT NULL DEFAULT 0,
    updated_at bigint NOT NULL, finished_at bigint) WITH (fillfactor = 50);
CREATE INDEX IF NOT EXISTS sagas_open ON sagas (id) WHERE finished_at IS NULL;
CREATE TABLE IF NOT EXISTS saga_log (
    saga uuid NOT NULL, line bigint NOT NULL, at bigint NOT NULL, step text NOT NULL,
    direction text NOT NULL, attempt bigint NOT NULL, result text, reason text,
    PRIMARY KEY (saga, line));
CREATE TABLE IF NOT EXISTS saga_dead (
    saga uuid PRIMARY KEY, step text NOT NULL, direction text NOT NULL, reason text NOT NULL,
    attempts bigint NOT NULL, at bigint NOT NULL);";

/// Creates what is missing. Doing it again, or from two replicas at once, changes nothing.
pub(crate) async fn lay_out(database: &Database, parts: &[Part]) -> Result<(), StoreError> {
    let unit = database.begin().await?;
    unit.execute("SELECT pg_advisory_xact_lock($1)", &[&LAYOUT_LOCK]).await?;
    for part in parts {
        unit.batch(part.sql()).await?;
    }
    if parts.contains(&Part::Stock) {
        for product in product::stocked() {
            unit.execute(
                "INSERT INTO stock VALUES ($1, $2, $2, 0, 0) ON CONFLICT DO NOTHING",
                &[&product.sku, &product.initial],
            )
            .await?;
        }
    }
    unit.commit().await
}
