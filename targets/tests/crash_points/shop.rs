//! The reference application as real processes on loopback: one per service, which really die.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::database::Database;
use super::http::Http;
use super::needed;

/// Longest wait for a process to be ready, to die, or for all to be at rest.
const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(25);
/// Looks in a row that find no work left: a message may be between two services at one of them.
const QUIET_LOOKS: usize = 4;
/// The signal that a process ends itself with when it aborts.
const ABORTED: i32 = 6;
/// Work that is still to be done, by kind. Orders that are open and dead letters may stay.
const WORK: [&str; 6] = ["outbox", "retry", "ready", "unacked", "pipelines", "todos"];

/// One service: its process, its ports and its database.
struct Service {
    role: &'static str,
    process: Option<Child>,
    public: u16,
    admin: u16,
    database: Database,
}

/// All services of an architecture in one mode.
pub(super) struct Shop {
    services: Vec<Service>,
    environment: BTreeMap<&'static str, String>,
    http: Http,
}

/// The roles of an architecture; the first one takes orders.
pub(super) fn roles(architecture: &str) -> &'static [&'static str] {
    match architecture {
        "monolith" => &["app"],
        "direct" | "broker" => &["orders", "inventory", "payments", "shipping", "notify"],
        "pipeline" => &["pipeline-manager", "inventory", "payments", "shipping", "notify"],
        other => panic!("nobody has said of what `{other}` consists"),
    }
}

/// A port that is free now. Nothing else on the machine should want it within a moment.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

/// The program, which is built along with the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let folder = test.ancestors().nth(2).expect("it lies in the folder `deps`");
    let program = folder.join("examples/refapp");
    assert!(program.exists(), "{} is missing: build the examples", program.display());
    program
}

impl Shop {
    /// Starts all services with empty databases, and waits until they are ready.
    pub(super) async fn open(architecture: &str, mode: &str) -> Self {
        let mut environment = BTreeMap::from([
            ("ARCHITECTURE", architecture.to_owned()),
            ("MODE", mode.to_owned()),
            ("CHAOS_SWITCH", "on".to_owned()),
        ]);
        if architecture == "broker" {
            environment.insert("AMQP_URL", needed("CHAOS_TEST_AMQP_URL"));
        }
        let mut shop = Self { services: Vec::new(), environment, http: Http::new() };
        for role in roles(architecture) {
            let (public, admin) = (free_port(), free_port());
            let database = Database::create().await;
            shop.services.push(Service { role, process: None, public, admin, database });
        }
        let at = |service: &Service| format!("{}=127.0.0.1:{}", service.role, service.public);
        let services: Vec<String> = shop.services.iter().map(at).collect();
        shop.environment.insert("SERVICES", services.join(","));
        for role in roles(architecture) {
            shop.start(role);
        }
        for role in roles(architecture) {
            shop.until_ready(role).await;
        }
        shop
    }

    fn service(&self, role: &str) -> &Service {
        self.services.iter().find(|service| service.role == role).expect("the role exists")
    }

    fn start(&mut self, role: &str) {
        let environment = self.environment.clone();
        let service = self.services.iter_mut().find(|service| service.role == role);
        let service = service.expect("the role exists");
        let process = Command::new(program())
            .arg(role)
            .env_clear()
            .envs(environment)
            .env("DATABASE_URL", &service.database.url)
            .env("PUBLIC_PORT", service.public.to_string())
            .env("ADMIN_PORT", service.admin.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        service.process = Some(process.expect("the program can be started"));
    }

    async fn until_ready(&self, role: &str) {
        let admin = self.service(role).admin;
        self.until(&format!("{role} is ready"), async || {
            self.http.get(admin, "/readyz").await.is_some_and(|(status, _)| status == 200)
        })
        .await;
    }

    async fn until(&self, what: &str, mut done: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done().await {
            assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
            sleep(POLL).await;
        }
    }

    /// Makes the passer number `nth` of a place abort its process.
    pub(super) async fn arm(&self, role: &str, at: &str, nth: u64) {
        let order = json!({"at": at, "mode": "abort", "nth": nth});
        let answer = self.http.post(self.service(role).admin, "/chaos", &order).await;
        assert_eq!(answer.map(|(status, _)| status), Some(200), "{role} cannot be armed with {at}");
    }

    /// Sends an order; the status, or none where no answer came.
    pub(super) async fn order(&self, body: &Value) -> Option<u16> {
        self.http.post(self.services[0].public, "/orders", body).await.map(|(status, _)| status)
    }

    /// Waits until the process of a service has aborted, and starts it again. Says whether it did.
    pub(super) async fn revive(&mut self, role: &str) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        let service = self.services.iter_mut().find(|service| service.role == role);
        let mut process = service.and_then(|service| service.process.take()).expect("it runs");
        let status = loop {
            match process.try_wait().expect("it is a child of ours") {
                Some(status) => break status,
                None if Instant::now() > deadline => {
                    // Not reached: the next point begins with a fresh process all the same.
                    process.kill().and_then(|()| process.wait()).expect("it can be killed");
                    self.start(role);
                    self.until_ready(role).await;
                    return Err(format!("{role} did not come to the place within {PATIENCE:?}"));
                }
                None => sleep(POLL).await,
            }
        };
        self.start(role);
        self.until_ready(role).await;
        match status.signal() {
            Some(ABORTED) => Ok(()),
            _ => Err(format!("{role} did not abort, it ended with {status}")),
        }
    }

    /// Waits until no service has anything left to do.
    pub(super) async fn until_at_rest(&self) {
        let mut quiet = 0;
        self.until("all are at rest", async || {
            quiet = if self.is_quiet().await { quiet + 1 } else { 0 };
            quiet >= QUIET_LOOKS
        })
        .await;
    }

    async fn is_quiet(&self) -> bool {
        for service in &self.services {
            let answer = self.http.get(service.admin, "/audit/pending").await;
            let Some((200, pending)) = answer else { return false };
            let none = |kind: &str| pending[kind].as_i64() == Some(0);
            if pending["broker_reachable"] == false || !WORK.into_iter().all(none) {
                return false;
            }
        }
        true
    }

    /// The databases of all services.
    pub(super) fn databases(&self) -> Vec<&Database> {
        self.services.iter().map(|service| &service.database).collect()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        for mut process in self.services.iter_mut().filter_map(|service| service.process.take()) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
