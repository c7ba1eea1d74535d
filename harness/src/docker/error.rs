//! What can fail about Docker, one variant per thing, each saying what to do. Docker tells most
//! failures in prose only, so they are recognised by the words its engine has used for years.

use bollard::errors::Error;
use chaos_scenarios::action::Replica;
use chaos_scenarios::target::InterpolationError;

use crate::port::PortError;

/// Why something could not be done with Docker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DockerError {
    /// Nobody listens where the daemon should be.
    #[error(
        "no Docker daemon answers at {address} ({reason}): start it (`systemctl start docker`), \
         install it (Debian and Ubuntu: `apt-get install docker.io`), or set DOCKER_HOST"
    )]
    NoDaemon {
        /// Where it was looked for.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// The socket is there, and not for us.
    #[error(
        "no permission on the Docker socket {address}: join its group (`sudo usermod -aG docker \
         $USER`, then log in again) or run as root"
    )]
    NoPermission {
        /// The socket.
        address: String,
    },
    /// A daemon on another machine, which nobody allowed.
    #[error(
        "DOCKER_HOST={address} is another machine, where faults would act and ports would be \
         published: pass --allow-remote if that is meant"
    )]
    RemoteRefused {
        /// The value of `DOCKER_HOST`.
        address: String,
    },
    /// An address that cannot be spoken to.
    #[error("DOCKER_HOST={address} cannot be used: write unix:///path or tcp://host:port")]
    Address {
        /// The value of `DOCKER_HOST`.
        address: String,
    },
    /// An engine that lacks what is needed.
    #[error(
        "Docker speaks API {found}, at least {needed} is needed: install Docker Engine 20.10 or later"
    )]
    TooOld {
        /// Its highest version.
        found: String,
        /// Ours.
        needed: &'static str,
    },
    /// A daemon that answered before.
    #[error("the Docker daemon at {address} went away, and the run with it")]
    Lost {
        /// Where it was.
        address: String,
    },
    /// A daemon that went away and did not come back.
    #[error(
        "the Docker daemon at {address} has not answered for {seconds} s: start it \
         (`systemctl start docker`), then `chaos clean` removes what the run left"
    )]
    Away {
        /// Where it was.
        address: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// Docker did not answer within its bound.
    #[error(
        "Docker did not answer within {seconds} s: {what}; see `docker info` and the daemon's log"
    )]
    Timeout {
        /// What was asked.
        what: String,
        /// The bound.
        seconds: u64,
    },
    /// No space.
    #[error(
        "the disk of Docker is full: {what}; free space, for instance with `docker image prune`"
    )]
    DiskFull {
        /// What was asked.
        what: String,
    },
    /// Somebody else has the port.
    #[error("a port on loopback is taken: {what} ({reason})")]
    PortTaken {
        /// What was asked.
        what: String,
        /// What Docker said.
        reason: String,
    },
    /// All ports that may be used are taken.
    #[error("{needed} free ports on loopback are needed between {first} and {last}: free some")]
    NoFreePort {
        /// How many.
        needed: usize,
        /// The range.
        first: u16,
        /// Its end.
        last: u16,
    },
    /// Docker has no addresses left for networks.
    #[error(
        "Docker has no address range left for another network: remove unused ones (`docker network \
         ls`), or run `chaos clean`"
    )]
    NoAddresses,
    /// An image that is nowhere.
    #[error("the image {reference} is not on this machine and cannot be pulled: {reason}")]
    ImageMissing {
        /// As written.
        reference: String,
        /// What the registry or the daemon said.
        reason: String,
    },
    /// An image under our name that we cannot build.
    #[error("{reference} is no image of chaos: known are {known}")]
    UnknownImage {
        /// As written.
        reference: String,
        /// The images that are built here.
        known: String,
    },
    /// An image that does not build.
    #[error("the image {reference} does not build: {reason}\n{output}")]
    BuildFailed {
        /// Which.
        reference: String,
        /// What the builder said.
        reason: String,
        /// The last lines of the build's output.
        output: String,
    },
    /// The base of all images cannot be had.
    #[error(
        "the base image {reference} is not on this machine, cannot be pulled ({pull}) and cannot \
         be made with debootstrap ({bootstrap})"
    )]
    NoBaseImage {
        /// Which.
        reference: String,
        /// Why it cannot be pulled.
        pull: String,
        /// Why it cannot be made.
        bootstrap: String,
    },
    /// The own executable cannot be packed into an image.
    #[error("the own executable {path} cannot be packed into an image: {reason}")]
    OwnExecutable {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// An application does not take what is asked of its controls.
    #[error("{what} failed: {reason}")]
    Control {
        /// What was asked of whom.
        what: String,
        /// What it said.
        reason: String,
    },
    /// Our program failed inside a container.
    #[error("acting inside {replica} failed with exit code {exit_code}: {said}")]
    Inside {
        /// Whose.
        replica: Replica,
        /// Of our program.
        exit_code: i64,
        /// Its words.
        said: String,
    },
    /// A container whose main process cannot be started.
    #[error("{replica} cannot be started: {reason}")]
    StartRefused {
        /// Whose.
        replica: Replica,
        /// What Docker said.
        reason: String,
    },
    /// A container whose main process ended at once.
    #[error("{replica} died at its start with exit code {exit_code}; its last lines:\n{log}")]
    DiedAtStart {
        /// Whose.
        replica: Replica,
        /// Of its main process.
        exit_code: i64,
        /// The last lines of its log.
        log: String,
    },
    /// A text of the Compose file that cannot be filled in.
    #[error("component {component}: {source}")]
    Variable {
        /// Whose.
        component: String,
        /// Why.
        source: InterpolationError,
    },
    /// A replica that this runtime does not hold.
    #[error("{replica} is not a container of this run")]
    UnknownReplica {
        /// Which.
        replica: Replica,
    },
    /// A run of which nothing is there.
    #[error("no container of the run {run} is there")]
    UnknownRun {
        /// Its label.
        run: String,
    },
    /// The run ends before its target stood.
    #[error("the target is being removed, so nothing more is started")]
    Halted,
    /// Nothing was provisioned yet.
    #[error("no target was started by this runtime")]
    NothingProvisioned,
    /// What belongs to the engine of the harness, not to a container runtime.
    #[error("a container runtime cannot tell whether {replica} is ready: its auditor can")]
    NotForRuntime {
        /// Which.
        replica: Replica,
    },
    /// A file could not be read or written.
    #[error("{path}: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// Docker refused something.
    #[error("{what}: Docker said {reason}")]
    Request {
        /// What was asked.
        what: String,
        /// What Docker said.
        reason: String,
    },
}

impl From<DockerError> for PortError {
    fn from(error: DockerError) -> Self {
        Self(error.to_string())
    }
}

/// What a failed request means. `what` says in a few words what was asked.
pub(super) fn classify(what: impl Into<String>, error: &Error) -> DockerError {
    let what = what.into();
    let reason = reason(error);
    let told = reason.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|words| told.contains(words));
    if has(&["no space left on device", "disk quota exceeded"]) {
        return DockerError::DiskFull { what };
    }
    if has(&["port is already allocated", "address already in use", "ports are not available"]) {
        return DockerError::PortTaken { what, reason };
    }
    if has(&["non-overlapping ipv4 address pool", "predefined address pools have been"]) {
        return DockerError::NoAddresses;
    }
    DockerError::Request { what, reason }
}

/// What Docker said, without the client library's own words.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        other => other.to_string(),
    }
}

/// The status code of an answer, if it was one.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(message: &str) -> DockerError {
        let error =
            Error::DockerResponseServerError { status_code: 500, message: message.to_owned() };
        classify("starting orders-1", &error)
    }

    #[test]
    fn the_words_of_the_engine_are_recognised() {
        let taken = told(
            "driver failed programming external connectivity on endpoint x: Bind for \
             127.0.0.1:40123 failed: port is already allocated",
        );
        assert!(matches!(taken, DockerError::PortTaken { .. }), "{taken}");
        let in_use = told("listen tcp4 127.0.0.1:40123: bind: address already in use");
        assert!(matches!(in_use, DockerError::PortTaken { .. }), "{in_use}");
        let full = told("write /var/lib/docker/tmp/x: no space left on device");
        assert_eq!(full, DockerError::DiskFull { what: "starting orders-1".to_owned() });
        let pool = told(
            "could not find an available, non-overlapping IPv4 address pool among the defaults",
        );
        assert_eq!(pool, DockerError::NoAddresses);
        let newer = told("all predefined address pools have been fully subnetted");
        assert_eq!(newer, DockerError::NoAddresses);
        insta::assert_snapshot!(told("something else\n"), @"starting orders-1: Docker said something else");
    }
}
