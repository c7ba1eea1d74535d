//! Finds the daemon, refuses what nobody allowed, and says exactly what is missing.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use chaos_reports::record::event::Host;
use chaos_scenarios::plan::capability::{Capabilities, Capability};

use super::error::{DockerError, classify};
use crate::packet_queue;

/// The oldest API that has everything used here (Docker Engine 20.10).
const OLDEST_API: (u32, u32) = (1, 41);
const OLDEST_API_NAME: &str = "1.41";
const DEFAULT_ADDRESS: &str = "unix:///var/run/docker.sock";
/// Bound of the first two requests, which a healthy daemon answers in milliseconds.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// Bound of a look whether a daemon is there.
const ANSWER: Duration = Duration::from_secs(2);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// A daemon that went away is waited for this long: starting one anew takes seconds.
const AWAY_LIMIT: Duration = Duration::from_secs(60);

/// A daemon that answers, and what it said about itself.
#[derive(Debug, Clone)]
pub struct Daemon {
    pub(crate) client: Docker,
    /// What it said about itself.
    pub facts: Facts,
}

impl Daemon {
    /// Whether it answers now.
    pub async fn answers(&self) -> bool {
        let answer = tokio::time::timeout(ANSWER, self.client.ping()).await;
        answer.is_ok_and(|answer| answer.is_ok())
    }

    /// Waits until it answers, within a bound.
    pub(super) async fn is_back(&self) -> Result<(), DockerError> {
        let back = async {
            while !self.answers().await {
                tokio::time::sleep(LOOK).await;
            }
        };
        let away = |_| DockerError::Away {
            address: self.facts.address.clone(),
            seconds: AWAY_LIMIT.as_secs(),
        };
        tokio::time::timeout(AWAY_LIMIT, back).await.map_err(away)
    }
}

/// What a daemon says about itself and its machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Where it listens.
    pub address: String,
    /// What the daemon calls itself; several on one machine may share it with a key.
    pub id: String,
    /// Host name.
    pub host_name: String,
    /// Kernel release.
    pub kernel: String,
    /// Cores.
    pub cores: u32,
    /// Memory, bytes.
    pub memory: u64,
    /// Version of the engine.
    pub version: String,
    /// Version of the API.
    pub api: String,
    /// Control group version, 1 or 2.
    pub cgroup: u32,
    /// Storage driver.
    pub storage: String,
    /// Folder with images, layers and volumes.
    pub root_folder: String,
    /// Whether the kernel lets it limit the use of CPU.
    pub limits_cpu: bool,
    /// Whether the kernel lets it limit the use of memory.
    pub limits_memory: bool,
    /// The daemon's clock when it answered, as it writes it (RFC 3339).
    pub clock: String,
}

impl Facts {
    /// Unique and lasting name of the daemon: no two of a machine have one folder.
    pub fn name(&self) -> String {
        format!("{}-{}", self.id, self.root_folder)
    }

    /// Whether nothing but the daemon itself can end a connection to it.
    pub(super) fn is_on_a_socket_file(&self) -> bool {
        self.address.starts_with("unix:")
    }

    /// The CPUs that all containers of a target share: the last one, so that the harness and
    /// Docker keep the rest; none on a machine with one core.
    pub fn target_cpus(&self) -> Option<String> {
        (self.cores >= 2).then(|| (self.cores - 1).to_string())
    }

    /// What the machine cannot do to containers.
    pub fn capabilities(&self) -> Capabilities {
        let kernel = &self.kernel;
        let lack = |what: &str| format!("the kernel {kernel} has no control group for {what}");
        let mut lacking = BTreeMap::new();
        if !self.limits_cpu {
            lacking.insert(Capability::CpuLimit, lack("CPU quotas"));
        }
        if !self.limits_memory {
            lacking.insert(Capability::MemoryLimit, lack("memory"));
        }
        if let Some(reason) = packet_queue::lacking(kernel) {
            lacking.insert(Capability::PacketQueue, reason);
        }
        Capabilities { lacking }
    }

    /// The machine, as the journal names it.
    pub fn host(&self) -> Host {
        Host {
            name: self.host_name.clone(),
            kernel: self.kernel.clone(),
            cores: self.cores,
            memory: self.memory,
            docker: self.version.clone(),
            cgroup: self.cgroup,
            storage: self.storage.clone(),
            target_cpus: self.target_cpus().unwrap_or_else(|| "all".to_owned()),
        }
    }
}

/// Connects to the daemon that `DOCKER_HOST` names, or the local one. A daemon on another machine
/// is refused unless `allow_remote`.
pub async fn connect(allow_remote: bool) -> Result<Daemon, DockerError> {
    let address = std::env::var("DOCKER_HOST").unwrap_or_default();
    let address = if address.is_empty() { DEFAULT_ADDRESS.to_owned() } else { address };
    connect_to(&address, allow_remote).await
}

async fn connect_to(address: &str, allow_remote: bool) -> Result<Daemon, DockerError> {
    if is_remote(address) && !allow_remote {
        return Err(DockerError::RemoteRefused { address: address.to_owned() });
    }
    let client = Docker::connect_with_host(address).map_err(|error| match error {
        Error::SocketNotFoundError(_) => no_daemon(address, "there is no such socket"),
        _ => DockerError::Address { address: address.to_owned() },
    })?;
    let asked = async { tokio::join!(client.version(), client.info()) };
    let (version, info) = tokio::time::timeout(FIRST_ANSWER, asked).await.map_err(|_| {
        let what = format!("asking for the version at {address}");
        DockerError::Timeout { what, seconds: FIRST_ANSWER.as_secs() }
    })?;
    let version = version.map_err(|error| explain(address, &error))?;
    let info = info.map_err(|error| explain(address, &error))?;
    let api = version.api_version.unwrap_or_default();
    if parse_api(&api).is_none_or(|api| api < OLDEST_API) {
        return Err(DockerError::TooOld { found: api, needed: OLDEST_API_NAME });
    }
    let facts = Facts {
        address: address.to_owned(),
        id: info.id.unwrap_or_default(),
        host_name: info.name.unwrap_or_default(),
        kernel: info.kernel_version.unwrap_or_default(),
        cores: info.ncpu.and_then(|cores| u32::try_from(cores).ok()).unwrap_or(1),
        memory: info.mem_total.and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0),
        version: version.version.unwrap_or_default(),
        api,
        // Engines that do not tell have version 1 only.
        cgroup: info.cgroup_version.and_then(|told| told.to_string().parse().ok()).unwrap_or(1),
        storage: info.driver.unwrap_or_default(),
        root_folder: info.docker_root_dir.unwrap_or_default(),
        limits_cpu: info.cpu_cfs_quota.unwrap_or(true),
        limits_memory: info.memory_limit.unwrap_or(true),
        clock: info.system_time.unwrap_or_default(),
    };
    Ok(Daemon { client, facts })
}

/// Whether an address names another machine.
fn is_remote(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    if scheme == "unix" || scheme == "npipe" {
        return false;
    }
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let is_loopback =
        host.parse::<std::net::IpAddr>().map_or(host == "localhost", |ip| ip.is_loopback());
    !is_loopback
}

fn parse_api(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn no_daemon(address: &str, reason: &str) -> DockerError {
    DockerError::NoDaemon { address: address.to_owned(), reason: reason.to_owned() }
}

fn explain(address: &str, error: &Error) -> DockerError {
    match io_kind(error) {
        Some(std::io::ErrorKind::PermissionDenied) => {
            DockerError::NoPermission { address: address.to_owned() }
        }
        Some(std::io::ErrorKind::ConnectionRefused) => no_daemon(address, "nobody listens there"),
        Some(std::io::ErrorKind::NotFound) => no_daemon(address, "there is no such socket"),
        Some(kind) => no_daemon(address, &kind.to_string()),
        None => classify(format!("asking for the version at {address}"), error),
    }
}

/// The system's error at the root of a failed connection.
fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_machines_are_told_from_this_one() {
        for here in [
            "unix:///var/run/docker.sock",
            "tcp://127.0.0.1:2375",
            "http://localhost",
            "tcp://[::1]:1",
        ] {
            assert!(!is_remote(here), "{here}");
        }
        for there in ["tcp://10.0.0.7:2375", "ssh://me@build", "https://docker.example:2376/x"] {
            assert!(is_remote(there), "{there}");
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_said() {
        let remote = connect_to("tcp://10.0.0.7:2375", false).await.expect_err("is remote");
        assert!(remote.to_string().contains("--allow-remote"), "{remote}");
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("docker.sock");
        let address = format!("unix://{}", socket.display());
        let none = connect_to(&address, false).await.expect_err("nobody is there");
        assert!(matches!(none, DockerError::NoDaemon { .. }), "{none:?}");
        // A socket that nobody listens on, as a stopped daemon leaves it.
        drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
        let stopped = connect_to(&address, false).await.expect_err("nobody listens");
        assert!(matches!(stopped, DockerError::NoDaemon { .. }), "{stopped:?}");
        let wrong = connect_to("carrier-pigeon://x", true).await.expect_err("no such scheme");
        assert!(matches!(wrong, DockerError::Address { .. }), "{wrong:?}");
    }

    #[test]
    fn two_daemons_of_one_key_have_two_names() {
        let facts = |root_folder: &str| Facts {
            id: "KEY".to_owned(),
            root_folder: root_folder.to_owned(),
            ..Facts::default()
        };
        assert_ne!(facts("/var/lib/docker").name(), facts("/tmp/docker").name());
    }

    #[test]
    fn the_target_gets_the_last_core_of_several() {
        let facts = |cores| Facts { cores, ..Facts::default() };
        assert_eq!(facts(1).target_cpus(), None);
        assert_eq!(facts(2).target_cpus().as_deref(), Some("1"));
        assert_eq!(facts(8).target_cpus().as_deref(), Some("7"));
    }

    #[test]
    fn what_the_kernel_cannot_limit_is_lacking() {
        let facts =
            |limits_cpu, limits_memory| Facts { limits_cpu, limits_memory, ..Facts::default() };
        assert_eq!(facts(true, true).capabilities(), Capabilities::default());
        let lacking = facts(false, false).capabilities().lacking;
        let lacking: Vec<_> = lacking.into_keys().collect();
        assert_eq!(lacking, [Capability::CpuLimit, Capability::MemoryLimit]);
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parse_api("1.9") < parse_api("1.41"));
        assert_eq!(parse_api("next"), None);
    }
}
