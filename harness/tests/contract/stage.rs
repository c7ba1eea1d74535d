//! Containers for one test: labelled like those of a run, so that `chaos clean` finds what a killed
//! test left, and removed at the end whatever happened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use chaos_harness::docker::image::ensure_images;
use chaos_harness::docker::{connect, label};
use chaos_harness::owner::Owner;
use chaos_harness::port::Identity;
use chaos_harness::recorder::wall_clock;

/// The password of everything; nothing is reachable but from this machine.
pub(crate) const PASSWORD: &str = "contract";
/// After this many seconds anybody may remove what is left.
const LIFETIME: i64 = 600;
/// A container that was told to stop is waited for at most this long.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// An implementation of the inventory service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Implementation {
    pub(crate) name: &'static str,
    pub(crate) image: &'static str,
}

/// The two that have to keep the contract.
pub(crate) const RUST: Implementation = Implementation { name: "rust", image: "chaos/chaos" };
pub(crate) const PYTHON: Implementation =
    Implementation { name: "python", image: "chaos/inventory-python" };

/// A network of its own, and the containers in it.
pub(crate) struct Stage {
    run: String,
    labels: Vec<String>,
    images: BTreeMap<String, String>,
}

/// One container on a stage, named on its network after its purpose.
pub(crate) struct Container(String);

impl Stage {
    pub(crate) async fn new() -> Self {
        let daemon = connect(false).await.expect("this test needs a Docker daemon");
        let references = [RUST.image, PYTHON.image, "chaos/postgres", "chaos/rabbitmq"];
        let references: BTreeSet<String> = references.map(str::to_owned).into();
        let executable = Path::new(env!("CARGO_BIN_EXE_chaos"));
        let told = |image: &str, line: &str| eprintln!("{image}: {line}");
        let begun = Instant::now();
        let images = ensure_images(&daemon, &references, executable, &told).await;
        let images = images.expect("the images can be made");
        eprintln!("contract: images ready after {:.1} s", begun.elapsed().as_secs_f64());
        let run = format!("contract-{}", &uuid::Uuid::now_v7().simple().to_string()[20..]);
        let expires_at = wall_clock() / 1_000_000 + LIFETIME;
        let identity =
            Identity { experiment: run.clone(), run: run.clone(), expires_at, kept: false };
        let owner = Owner::this_process().to_string();
        let labels = label::of_run(&identity, "contract", &owner);
        let labels = labels.iter().map(|(name, value)| format!("--label={name}={value}")).collect();
        let stage = Self { run, labels, images };
        stage.docker(&["network", "create"], &[&stage.run]);
        stage
    }

    /// Starts a container of an image, with options of `docker run` and a command.
    pub(crate) fn start(
        &self,
        name: &str,
        image: &str,
        options: &[String],
        command: &[&str],
    ) -> Container {
        let container = format!("{}-{name}", self.run);
        let (network, own, alias) = (
            format!("--network={}", self.run),
            format!("--name={container}"),
            format!("--network-alias={name}"),
        );
        let mut arguments = vec![network.as_str(), &own, &alias];
        arguments.extend(options.iter().map(String::as_str));
        arguments.push(&self.images[image]);
        arguments.extend(command);
        self.docker(&["run", "--detach", "--init"], &arguments);
        Container(container)
    }

    /// A labelled object is made.
    fn docker(&self, verb: &[&str], arguments: &[&str]) {
        let labels = self.labels.iter().map(String::as_str);
        let all: Vec<&str> =
            verb.iter().copied().chain(labels).chain(arguments.iter().copied()).collect();
        docker(&all);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let filter = format!("label={}={}", label::RUN, self.run);
        let found = docker(&["ps", "--all", "--quiet", "--filter", &filter]);
        let mut remove = vec!["rm", "--force", "--volumes"];
        remove.extend(found.split_whitespace());
        if remove.len() > 3 {
            docker(&remove);
        }
        docker(&["network", "rm", &self.run]);
    }
}

impl Container {
    /// The port on this machine that leads to a port of the container.
    pub(crate) fn port(&self, inner: u16) -> u16 {
        let text = docker(&["port", &self.0, &inner.to_string()]);
        let port = text.lines().next().and_then(|line| line.rsplit_once(':'));
        let (_, port) = port.unwrap_or_else(|| panic!("{} publishes no port {inner}", self.0));
        port.trim().parse().expect("a port")
    }

    /// Tells it to stop, as a person or an orchestrator would.
    pub(crate) fn terminate(&self) {
        docker(&["kill", "--signal=TERM", &self.0]);
    }

    /// Waits until it has ended; its exit code.
    pub(crate) async fn ended(&self) -> i32 {
        let begun = Instant::now();
        loop {
            let state = "--format={{.State.Running}} {{.State.ExitCode}}";
            let text = docker(&["inspect", state, &self.0]);
            if let Some(code) = text.trim().strip_prefix("false ") {
                return code.parse().expect("an exit code");
            }
            assert!(begun.elapsed() < STOP_LIMIT, "{} does not stop", self.0);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it has written.
    pub(crate) fn log(&self) -> String {
        docker(&["logs", &self.0])
    }

    /// Starts it again after its end.
    pub(crate) fn start_again(&self) {
        docker(&["start", &self.0]);
    }
}

/// Runs a command of Docker's; what it prints on both outputs.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker can be run");
    let (text, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // A clean-up that fails must not hide why the test failed.
    assert!(output.status.success() || std::thread::panicking(), "docker {arguments:?}: {error}");
    format!("{text}{error}")
}
