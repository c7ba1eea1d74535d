//! A Docker daemon of the test's own: its socket, its data, its containerd, and a network namespace
//! of its own, so that the host's daemon and rules are not touched. It needs root, as every daemon
//! does.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::program::{Running, Told, privileged};

/// A daemon answers within this time, and ends within it.
const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);
/// Hides the host's containerd, which a daemon would use otherwise, and becomes the daemon.
const HIDDEN: &str = "[ ! -d /run/containerd ] || mount -t tmpfs none /run/containerd; \
    exec \"$0\" \"$@\"";

/// The daemon, and the process whose network namespace it lives in. Both end when it is dropped.
pub(crate) struct SecondDaemon {
    folder: tempfile::TempDir,
    namespace: Child,
    daemon: Option<Child>,
}

impl SecondDaemon {
    /// Starts one, with an image of the first daemon.
    pub(crate) fn with_image(image: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let namespace = privileged("unshare")
            .args(["--net", "sh", "-c", "ip link set lo up && exec sleep 3600"])
            .spawn()
            .expect("unshare starts");
        let mut second = Self { folder, namespace, daemon: None };
        second.wait_for_namespace();
        second.start();
        second.copy(image);
        second
    }

    /// Until then its process is still in the network of the host, and so would the daemon be.
    fn wait_for_namespace(&self) {
        let network = |process: &str| {
            let link = format!("/proc/{process}/ns/net");
            privileged("readlink").arg(link).output().expect("readlink starts").stdout
        };
        let begun = Instant::now();
        loop {
            let its = network(&self.namespace.id().to_string());
            if !its.is_empty() && its != network("self") {
                return;
            }
            assert!(begun.elapsed() < LIMIT, "no network namespace of its own");
            sleep(LOOK);
        }
    }

    /// `DOCKER_HOST` of it.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.path("docker.sock").display())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program in its network namespace, where its published ports are.
    fn within(&self, program: &str) -> Command {
        let mut command = privileged("nsenter");
        let namespace = format!("--net=/proc/{}/ns/net", self.namespace.id());
        command.args([namespace.as_str(), "--", program]);
        command.env("DOCKER_HOST", self.address());
        command
    }

    /// Starts it and waits until it answers.
    pub(crate) fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.path("log"));
        let log = log.expect("a log");
        let option = |name: &str, file: &str| format!("--{name}={}", self.path(file).display());
        let mut command = self.within("unshare");
        command.args(["--mount", "sh", "-c", HIDDEN, "dockerd"]);
        command.args([
            format!("--host={}", self.address()),
            option("data-root", "data"),
            option("exec-root", "exec"),
            option("pidfile", "pid"),
            option("config-file", "daemon.json"),
        ]);
        fs::write(self.path("daemon.json"), "{}").expect("a file");
        let output = log.try_clone().expect("a log");
        let daemon = command.stdin(Stdio::null()).stdout(output).stderr(log).spawn();
        self.daemon = Some(daemon.expect("nsenter starts"));
        let begun = Instant::now();
        while !self.answers() {
            assert!(begun.elapsed() < LIMIT, "{}", self.log());
            sleep(LOOK);
        }
    }

    fn answers(&self) -> bool {
        self.docker(&["version"]).is_some()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Stops it as a service manager does; its containers end with it.
    pub(crate) fn stop(&mut self) {
        let Some(mut daemon) = self.daemon.take() else { return };
        let _ = privileged("kill").arg(daemon.id().to_string()).status();
        let begun = Instant::now();
        while daemon.try_wait().is_ok_and(|ended| ended.is_none()) {
            if begun.elapsed() > LIMIT {
                // Better a killed daemon than one that outlives its test.
                let _ = daemon.kill();
            }
            sleep(LOOK);
        }
    }

    /// Docker's client on it; none if that failed.
    pub(crate) fn docker(&self, words: &[&str]) -> Option<String> {
        let output = self.within("docker").args(words).output().expect("nsenter starts");
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success().then_some(text)
    }

    fn copy(&self, image: &str) {
        let mut save = Command::new("docker")
            .args(["save", image])
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker starts");
        let archive = save.stdout.take().expect("it is piped");
        let loaded = self.within("docker").arg("load").stdin(archive).output().expect("it starts");
        assert!(save.wait().is_ok_and(|it| it.success()) && loaded.status.success());
    }

    /// Starts `chaos run` on it.
    pub(crate) fn run(&self, folder: &Path, words: &[&str]) -> Running {
        Running::started(self.within(crate::program::PROGRAM), folder, words)
    }

    /// Runs `chaos` on it to its end.
    pub(crate) fn chaos(&self, folder: &Path, words: &[&str]) -> Told {
        let mut command = self.within(crate::program::PROGRAM);
        command.current_dir(folder).args(words).output().expect("the program starts").into()
    }
}

impl Drop for SecondDaemon {
    fn drop(&mut self) {
        self.stop();
        let _ = privileged("kill").arg(self.namespace.id().to_string()).status();
        let _ = self.namespace.wait();
        // What a daemon of root wrote, nobody else can remove.
        let _ =
            privileged("rm").args(["-rf", "--one-file-system"]).arg(self.folder.path()).status();
    }
}
