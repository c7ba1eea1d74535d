//! The second auditor on a real PostgreSQL: what it reads, and what it cannot be made to do.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use chaos_harness::audit::HttpAuditor;
use chaos_harness::docker::image::ensure_images;
use chaos_harness::port::{Auditor, Deployment, Runtime};
use chaos_reports::record::final_state::{Reading, SourcedRow};
use chaos_scenarios::plan::Plan;
use chaos_scenarios::target::{AuditTable, DatabaseAudit, decode};

use crate::fixture::{Standing, daemon, plan};

const COMPOSE: &str = "
services:
  db:
    image: POSTGRES
    init: true
    environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: '${CHAOS_PASSWORD}', POSTGRES_DB: shop}
    networks: [back]
    volumes: ['db:/var/lib/postgresql/data']
    tmpfs: [/tmp, /var/run/postgresql]
    read_only: true
    cap_add: [CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID]
    cap_drop: [ALL]
    mem_limit: 256m
networks: {back: }
volumes: {db: }
x-chaos:
  version: 1
  title: A database
  entry: http://db:8080
  ready: {db: 'postgres://shop:${CHAOS_PASSWORD}@db:5432/shop'}
";

const TABLES: &str = "
    CREATE TABLE orders (id text, state text, reason text, amount bigint);
    INSERT INTO orders VALUES ('a', 'COMPLETED', NULL, 5), ('b', 'REJECTED', 'declined', 7);
    CREATE TABLE ledger (entry uuid, order_id text, amount bigint);
    INSERT INTO ledger VALUES ('00000000-0000-0000-0000-000000000001', 'a', 5);
    CREATE SEQUENCE numbers";

/// The database may take its time to make its cluster.
const READY: Duration = Duration::from_secs(60);

async fn planned() -> Plan {
    let references = BTreeSet::from(["chaos/postgres".to_owned()]);
    let executable = Path::new(env!("CARGO_BIN_EXE_chaos"));
    let images = ensure_images(&daemon().await, &references, executable, &|_, _| {}).await;
    let image = &images.expect("the image can be had")["chaos/postgres"];
    let compose = COMPOSE.replace("POSTGRES\n", &format!("{image}\n"));
    plan(decode("compose.yaml", "database", &compose).unwrap_or_else(|wrong| panic!("{wrong}")))
}

async fn fill(deployment: &Deployment, audit: &DatabaseAudit) {
    let (_, url) = deployment.urls(&audit.database).remove(0);
    let (client, connection) =
        tokio_postgres::connect(&url, tokio_postgres::NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client.batch_execute(TABLES).await.expect("tables");
}

fn audit(queries: &[(AuditTable, &str)]) -> DatabaseAudit {
    let address = "postgres://shop:${CHAOS_PASSWORD}@db:5432/shop";
    DatabaseAudit {
        database: address.parse().expect("an address"),
        checks: "http://db:9090/audit".parse().expect("an address"),
        queries: queries.iter().map(|(table, query)| (*table, (*query).to_owned())).collect(),
    }
}

fn shown(row: &SourcedRow) -> String {
    assert_eq!((row.reading, &*row.source), (Reading::Database, "postgres://db:5432/shop"));
    serde_json::to_string(&row.row).expect("a row")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_tells_its_rows_and_can_be_made_to_do_nothing_else() {
    let (standing, plan) = (Standing::new().await, planned().await);
    let Standing { runtime, recorder, identity } = &standing;
    let deployment = runtime.provision(&plan, identity, recorder).await.expect("it stands");
    let auditor = HttpAuditor::new().expect("a client");
    let begun = Instant::now();
    while let Err(error) = auditor.ready(&plan, &deployment, "db").await {
        assert!(begun.elapsed() < READY, "{error}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fill(&deployment, &audit(&[])).await;
    let ask = async |table, query: &str| {
        auditor.audit_database(&audit(&[(table, query)]), &deployment).await
    };

    let orders = "SELECT id, state, reason, amount FROM orders ORDER BY id -- all of them";
    let ledger = r#"SELECT entry, order_id AS "order", amount FROM ledger"#;
    let both = audit(&[(AuditTable::Orders, orders), (AuditTable::Ledger, ledger)]);
    let rows = auditor.audit_database(&both, &deployment).await.expect("rows");
    insta::assert_snapshot!(rows.iter().map(shown).collect::<Vec<_>>().join("\n"), @r#"
    {"table":"orders","id":"a","kind":null,"state":"COMPLETED","reason":null,"version":null,"amount":5,"accepted_at":null,"terminal_at":null}
    {"table":"orders","id":"b","kind":null,"state":"REJECTED","reason":"declined","version":null,"amount":7,"accepted_at":null,"terminal_at":null}
    {"table":"ledger","entry":"00000000-0000-0000-0000-000000000001","order":"a","amount":5}
    "#);

    let settings = "SELECT current_setting('statement_timeout') AS id, \
                    current_setting('transaction_isolation') AS state, \
                    current_setting('transaction_read_only') AS reason";
    let told = ask(AuditTable::Orders, settings).await.expect("a row");
    let settings = shown(&told[0]);
    for setting in [r#""id":"30s""#, r#""state":"repeatable read""#, r#""reason":"on""#] {
        assert!(settings.contains(setting), "{settings}");
    }

    let wrong = [
        ("SELECT nextval('numbers')::text AS id, 'x' AS state", "read-only transaction"),
        ("SELECT id, stat FROM orders", "column \"stat\" does not exist"),
        ("SELECT id FROM orders", "query `orders`: row 1: missing field `state`"),
        ("DELETE FROM orders RETURNING id, state", "syntax error"),
        (
            "SELECT 1) told) named; SELECT * FROM (SELECT * FROM (SELECT 1",
            "cannot insert multiple commands",
        ),
    ];
    for (query, reason) in wrong {
        let error = ask(AuditTable::Orders, query).await.expect_err(query).to_string();
        assert!(error.contains(reason), "{query}: {error}");
    }
    assert_eq!(ask(AuditTable::Orders, orders).await.expect("still there").len(), 2);
    standing.end().await;
}
