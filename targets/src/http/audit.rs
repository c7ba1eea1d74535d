//! The final state, row by row, for an auditor: one JSON object per line, all tables of the service
//! from one consistent picture.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::store::{Database, StoreError, Unit};

/// Text that is gathered before it is sent on, in bytes.
const CHUNK: usize = 32 * 1024;
/// Chunks that may wait for a slow reader.
const CHUNKS_AHEAD: usize = 4;
/// Longest duration of one audit, reader included.
const STREAM_DEADLINE: Duration = Duration::from_mins(1);

/// One table that can be audited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name in the path and in every row.
    pub(crate) name: &'static str,
    sql: &'static str,
}

/// Orders and where they stand.
pub(crate) const ORDERS: Table = Table {
    name: "orders",
    sql: "SELECT json_build_object('table', 'orders', 'id', id, 'kind', kind, 'state', state,
              'reason', reason, 'version', version, 'amount', amount,
              'accepted_at', accepted_at, 'terminal_at', terminal_at)::text
          FROM orders ORDER BY id",
};

/// Stock per product.
pub(crate) const STOCK: Table = Table {
    name: "stock",
    sql: "SELECT json_build_object('table', 'stock', 'sku', sku, 'initial', initial,
              'available', available, 'reserved', reserved, 'consumed', consumed)::text
          FROM stock ORDER BY sku",
};

/// What is or was set aside.
pub(crate) const RESERVATIONS: Table = Table {
    name: "reservations",
    sql: "SELECT json_build_object('table', 'reservations', 'order', order_id, 'sku', sku,
              'quantity', quantity, 'state', state)::text
          FROM reservations ORDER BY order_id, sku",
};

/// Charges and refunds.
pub(crate) const LEDGER: Table = Table {
    name: "ledger",
    sql: "SELECT json_build_object('table', 'ledger', 'entry', entry, 'order', order_id,
              'amount', amount)::text
          FROM ledger ORDER BY order_id, entry",
};

/// Parcels.
pub(crate) const SHIPMENTS: Table = Table {
    name: "shipments",
    sql: "SELECT json_build_object('table', 'shipments', 'order', order_id, 'state', state)::text
          FROM shipments ORDER BY order_id",
};

/// Access to digital goods.
pub(crate) const GRANTS: Table = Table {
    name: "grants",
    sql: "SELECT json_build_object('table', 'grants', 'order', order_id, 'state', state)::text
          FROM grants ORDER BY order_id",
};

/// Steps that were asked for over HTTP.
pub(crate) const STEPS: Table = Table {
    name: "steps",
    sql: "SELECT json_build_object('table', 'steps', 'order', order_id, 'step', step,
              'outcome', outcome, 'compensated', compensated)::text
          FROM steps ORDER BY order_id, step",
};

/// Events that were stored to be sent.
pub(crate) const MESSAGES: Table = Table {
    name: "messages",
    sql: "SELECT json_build_object('table', 'messages', 'id', message_id,
              'order', event::json->'order'->>'id', 'event', event::json->>'name',
              'sent_at', sent_at)::text
          FROM outbox ORDER BY id",
};

/// What is owed to orders.
pub(crate) const TODOS: Table = Table {
    name: "todos",
    sql: "SELECT json_build_object('table', 'todos', 'order', order_id, 'what', what,
              'attempts', attempts, 'last_error', last_error)::text
          FROM todos ORDER BY order_id, what",
};

/// Orders on their way through their pipelines, and how far each has come.
pub(crate) const PIPELINES: Table = Table {
    name: "pipelines",
    sql: "SELECT json_build_object('table', 'pipelines', 'order', order_id, 'kind', kind,
              'state', state, 'epoch', epoch, 'attempts', attempts, 'updated_at', updated_at)::text
          FROM sagas ORDER BY id",
};

/// What the pipeline manager was about to do, and what came of it.
pub(crate) const PIPELINE_LOG: Table = Table {
    name: "pipeline-log",
    sql: "SELECT json_build_object('table', 'pipeline-log', 'order', order_id, 'step', step,
              'direction', direction, 'attempt', attempt,
              'event', CASE WHEN result IS NULL THEN 'intent' ELSE 'outcome' END,
              'result', result)::text
          FROM saga_log JOIN sagas ON id = saga ORDER BY saga, line",
};

/// Streams the tables from one snapshot, after `first`, lines that are already known.
///
/// When the database fails on the way, the answer breaks off without its proper end, so that no
/// reader takes it for a whole one.
pub(crate) async fn stream_tables(
    database: &Database,
    tables: Vec<Table>,
    first: String,
) -> Result<Response, StoreError> {
    let snapshot = database.snapshot().await?;
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    tokio::spawn(async move {
        let sending = send_tables(snapshot, &tables, first, &sender);
        let too_slow = Err(StoreError::Silent);
        if let Err(error) = timeout(STREAM_DEADLINE, sending).await.unwrap_or(too_slow) {
            // A reader that has left needs no error.
            let _ = sender.send(Err(error)).await;
        }
    });
    let chunks = stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    let kind = [(header::CONTENT_TYPE, "application/x-ndjson")];
    Ok((kind, Body::from_stream(chunks)).into_response())
}

type Chunk = Result<Bytes, StoreError>;

async fn send_tables(
    snapshot: Unit,
    tables: &[Table],
    first: String,
    sender: &mpsc::Sender<Chunk>,
) -> Result<(), StoreError> {
    let mut text = first;
    for table in tables {
        let rows = snapshot.stream(table.sql).await?;
        let mut rows = rows.map_err(|error| StoreError::Undone(error.to_string())).boxed();
        while let Some(row) = rows.try_next().await? {
            text.push_str(row.get(0));
            text.push('\n');
            if text.len() >= CHUNK
                && sender.send(Ok(std::mem::take(&mut text).into())).await.is_err()
            {
                return Ok(());
            }
        }
    }
    let _ = sender.send(Ok(text.into())).await;
    snapshot.commit().await
}
