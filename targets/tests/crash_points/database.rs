//! A schema of its own for each service, on the PostgreSQL that the tests were given.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls, Row};

/// Schemas made by this process so far: each gets a number.
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// The database of one service.
pub(super) struct Database {
    /// Where the service finds it.
    pub(super) url: String,
    client: Client,
}

impl Database {
    /// Makes an empty schema that nobody else uses.
    pub(super) async fn create() -> Self {
        let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
        let schema = format!("crash_{}_{number}", std::process::id());
        let url = super::needed("CHAOS_TEST_DATABASE_URL");
        let plain = connect(&url).await;
        let again = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        plain.batch_execute(&again).await.expect("a schema can be made");
        let url = format!("{url}?options=-c%20search_path%3D{schema}");
        let client = connect(&url).await;
        Self { url, client }
    }

    /// The first row of a query about an order; none where there is no such table, or no row.
    pub(super) async fn first_if_there(&self, table: &str, sql: &str, id: &str) -> Option<Row> {
        let there = "SELECT to_regclass($1::text) IS NOT NULL";
        let there = self.client.query_one(there, &[&table]).await.expect("the database answers");
        if !there.get::<_, bool>(0) {
            return None;
        }
        self.client.query_opt(sql, &[&id]).await.expect("the database answers")
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL is there");
    tokio::spawn(connection);
    client
}
