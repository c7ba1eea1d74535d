//! Reads an audit from the database itself: the target's own queries, in one transaction that sees
//! one moment and cannot write, as a stream, with a bound on what is kept.

use std::sync::Arc;
use std::time::Duration;

use chaos_reports::record::final_state::{AuditRow, Reading, SourcedRow};
use chaos_scenarios::target::{AuditTable, DatabaseAudit};
use futures::TryStreamExt;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, IsolationLevel, NoTls, Transaction};

use super::read::{LINE_BYTES, ROWS};
use crate::port::PortError;

/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long one query may take, all its rows included, milliseconds.
const STATEMENT_LIMIT_MS: u32 = 30_000;

/// Every row that the queries tell. `url` holds the password: it is part of no error.
pub(super) async fn rows(url: &str, audit: &DatabaseAudit) -> Result<Vec<SourcedRow>, PortError> {
    let connecting = timeout(CONNECT_LIMIT, tokio_postgres::connect(url, NoTls)).await;
    let silent = || PortError(format!("no connection within {} s", CONNECT_LIMIT.as_secs()));
    let (mut client, connection) = connecting.map_err(|_| silent())?.map_err(|e| told(&e))?;
    let serving = tokio::spawn(connection);
    let read = read(&mut client, audit).await;
    serving.abort();
    read
}

async fn read(client: &mut Client, audit: &DatabaseAudit) -> Result<Vec<SourcedRow>, PortError> {
    let isolated = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
    let snapshot = isolated.read_only(true).start().await.map_err(|e| told(&e))?;
    let limit = format!("SET LOCAL statement_timeout = {STATEMENT_LIMIT_MS}");
    snapshot.batch_execute(&limit).await.map_err(|e| told(&e))?;
    let source: Arc<str> = audit.database.to_string().into();
    let mut rows = Vec::new();
    for (table, query) in &audit.queries {
        let of_table = read_table(&snapshot, *table, query, ROWS - rows.len()).await;
        let of_table = of_table.map_err(|error| PortError(format!("query `{table}`: {error}")))?;
        rows.extend(of_table.into_iter().map(|row| SourcedRow {
            source: Arc::clone(&source),
            reading: Reading::Database,
            row,
        }));
    }
    Ok(rows)
}

/// The rows of one query, at most `most`. It is sent as one prepared statement, which can hold no
/// second command.
async fn read_table(
    snapshot: &Transaction<'_>,
    table: AuditTable,
    query: &str,
    most: usize,
) -> Result<Vec<AuditRow>, PortError> {
    let none: [&str; 0] = [];
    let stream = snapshot.query_raw(&wrapped(table, query), none).await.map_err(|e| told(&e))?;
    let mut stream = std::pin::pin!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await.map_err(|e| told(&e))? {
        let text: &str = row.try_get(0).map_err(|e| told(&e))?;
        let wrong = |reason: &str| PortError(format!("row {}: {reason}", rows.len() + 1));
        if text.len() > LINE_BYTES {
            return Err(wrong(&format!("it is longer than {LINE_BYTES} bytes")));
        }
        if rows.len() == most {
            return Err(wrong(&format!("there are more than {ROWS} rows")));
        }
        let row = serde_json::from_str(text).map_err(|error| wrong(&error.to_string()))?;
        rows.push(row);
    }
    Ok(rows)
}

/// The query as rows of JSON that name their table. A line end stands behind it, since it may end
/// with a comment.
fn wrapped(table: AuditTable, query: &str) -> String {
    format!(
        "SELECT row_to_json(named)::text FROM \
         (SELECT '{table}' AS \"table\", told.* FROM ({query}\n) told) named"
    )
}

/// What the server said: the library's own words leave it out.
fn told(error: &Error) -> PortError {
    let cause = error.as_db_error().map(|server| server.message().to_owned());
    let cause = cause.or_else(|| std::error::Error::source(error).map(ToString::to_string));
    PortError(cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn a_query_is_wrapped_whatever_it_ends_with() {
        let query = "SELECT id, state FROM orders -- all of them";
        let lines = wrapped(AuditTable::PipelineLog, query);
        let (first, last) = lines.split_once('\n').expect("two lines");
        assert!(first.contains("'pipeline-log' AS \"table\"") && first.ends_with(query), "{first}");
        assert_eq!(last, ") told) named");
    }

    #[tokio::test]
    async fn nobody_at_a_port_is_told_without_the_password() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let audit = DatabaseAudit {
            database: "postgres://db:5432/shop".parse().expect("an address"),
            checks: "http://shop:8080/audit".parse().expect("an address"),
            queries: [(AuditTable::Orders, "SELECT 1".to_owned())].into(),
        };
        let url = format!("postgres://shop:secret-word@127.0.0.1:{port}/shop");
        let error = rows(&url, &audit).await.expect_err("nobody is there").to_string();
        assert!(error.contains("refused") && !error.contains("secret-word"), "{error}");
    }
}
