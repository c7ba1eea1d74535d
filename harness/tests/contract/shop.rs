//! What surrounds the service under test: its database, and its broker where it has one.

use std::time::Duration;

use tokio_postgres::{Client, NoTls};

use crate::service::Service;
use crate::stage::{Container, Implementation, PASSWORD, Stage};

/// A container may take this long until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A stage with a database, and perhaps a broker.
pub(crate) struct Shop {
    // Clients end before what they are connected to.
    sql: Client,
    postgres: Container,
    rabbitmq: Option<Container>,
    stage: Stage,
}

impl Shop {
    pub(crate) async fn open(with_broker: bool) -> Self {
        let stage = Stage::new().await;
        let rabbitmq = with_broker.then(|| {
            let options = [
                "--publish=127.0.0.1::5672".to_owned(),
                "--ulimit=nofile=16384".to_owned(),
                "--env=RABBITMQ_DEFAULT_USER=shop".to_owned(),
                format!("--env=RABBITMQ_DEFAULT_PASS={PASSWORD}"),
            ];
            stage.start("rabbitmq", "chaos/rabbitmq", &options, &[])
        });
        let options = [
            "--publish=127.0.0.1::5432".to_owned(),
            "--env=POSTGRES_USER=shop".to_owned(),
            "--env=POSTGRES_DB=shop".to_owned(),
            format!("--env=POSTGRES_PASSWORD={PASSWORD}"),
        ];
        let postgres = stage.start("postgres", "chaos/postgres", &options, &[]);
        let sql = connect(&postgres, "shop").await;
        Self { sql, postgres, rabbitmq, stage }
    }

    /// Starts an implementation on a database of its own, which need not exist yet, within the
    /// bounds that the Compose files set.
    pub(crate) fn start(
        &self,
        implementation: Implementation,
        architecture: &str,
        database: &str,
    ) -> Service {
        let mut options: Vec<String> = [
            "--publish=127.0.0.1::8080",
            "--publish=127.0.0.1::9090",
            "--read-only",
            "--cap-drop=ALL",
            "--security-opt=no-new-privileges:true",
            "--memory=96m",
            "--memory-swap=96m",
            "--pids-limit=64",
            "--env=CHAOS_SWITCH=",
            "--env=SAFEGUARDS_OFF=",
        ]
        .map(str::to_owned)
        .into();
        options.push(format!("--env=ARCHITECTURE={architecture}"));
        options.push(format!("--env=AMQP_URL=amqp://shop:{PASSWORD}@rabbitmq:5672/%2f"));
        let url = format!("postgres://shop:{PASSWORD}@postgres:5432/{database}");
        options.push(format!("--env=DATABASE_URL={url}"));
        let name = format!("{}-{database}", implementation.name);
        let command = ["refapp", "inventory"];
        let container = self.stage.start(&name, implementation.image, &options, &command);
        Service::new(implementation.name, container)
    }

    /// Makes a database.
    pub(crate) async fn create(&self, database: &str) {
        self.sql.batch_execute(&format!("CREATE DATABASE {database}")).await.expect("it is made");
    }

    /// A session of its own in a database.
    pub(crate) async fn session(&self, database: &str) -> Client {
        connect(&self.postgres, database).await
    }

    /// Where the broker is reached from here.
    pub(crate) fn amqp_url(&self) -> String {
        let port = self.rabbitmq.as_ref().expect("a shop with a broker").port(5672);
        format!("amqp://shop:{PASSWORD}@127.0.0.1:{port}/%2f")
    }
}

async fn connect(postgres: &Container, database: &str) -> Client {
    let port = postgres.port(5432);
    let url = format!("postgres://shop:{PASSWORD}@127.0.0.1:{port}/{database}");
    let begun = std::time::Instant::now();
    loop {
        match tokio_postgres::connect(&url, NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return client;
            }
            Err(error) => assert!(begun.elapsed() < START_LIMIT, "{error}: {}", postgres.log()),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Everything that a database holds besides rows: columns with their types and defaults, indexes,
/// constraints, and storage options.
pub(crate) async fn layout(session: &Client) -> Vec<String> {
    let sql = "
        SELECT concat_ws(' ', table_name, ordinal_position, column_name, data_type, is_nullable,
            column_default) FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid))
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION ALL SELECT concat_ws(' ', relname, reloptions) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace
        ORDER BY 1";
    let rows = session.query(sql, &[]).await.expect("the catalogue can be read");
    rows.iter().map(|row| row.get(0)).collect()
}
