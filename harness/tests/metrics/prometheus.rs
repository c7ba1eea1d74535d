//! A real Prometheus that watches one address, and the linter that comes with it.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

/// Something is seen by then: Prometheus starts in about a second and asks once a second.
const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// A running Prometheus; it ends when dropped.
pub(crate) struct Prometheus {
    process: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one that asks `target` once a second.
    pub(crate) fn watching(target: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs:\n- job_name: chaos\n  static_configs: [{{targets: ['{target}']}}]\n"
        );
        std::fs::write(&file, text).unwrap();
        let address = free_address();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let process = Command::new(tool("prometheus"))
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("`ci/setup --test` gets Prometheus");
        Self { process, address, folder }
    }

    /// Waits until a query has this value.
    pub(crate) async fn until(&self, query: &str, wanted: f64) {
        let begun = Instant::now();
        let mut seen = None;
        while begun.elapsed() < SEEN_WITHIN {
            seen = self.ask(query).await;
            if seen.is_some_and(|value| (value - wanted).abs() < 0.5) {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        panic!("{query} is {seen:?}, not {wanted}; Prometheus says:\n{log}");
    }

    async fn ask(&self, query: &str) -> Option<f64> {
        let mut url: reqwest::Url = format!("http://{}/api/v1/query", self.address).parse().ok()?;
        url.query_pairs_mut().append_pair("query", query);
        let text = reqwest::get(url).await.ok()?.text().await.ok()?;
        let answer: Value = serde_json::from_str(&text).ok()?;
        answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Panics with what the linter finds wrong with a scrape.
pub(crate) fn lint(text: &str) {
    let mut promtool = Command::new(tool("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("`ci/setup --test` gets promtool");
    promtool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && told.is_empty(), "{}: {told}", output.status);
}

/// Where `ci/setup --test` puts what it only unpacks, or where the system has it.
fn tool(name: &str) -> PathBuf {
    let unpacked = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tools").join(name);
    if unpacked.exists() { unpacked } else { name.into() }
}

fn free_address() -> SocketAddr {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    TcpListener::bind(any).unwrap().local_addr().unwrap()
}
