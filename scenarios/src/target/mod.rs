//! The system under test, as its Compose file describes it.

mod audit;
mod chaos;
mod component;
mod compose;
mod endpoint;
mod fill;
mod interpolate;
mod limit;
mod role;
mod section;
mod subset;
#[cfg(test)]
mod tests;
mod volume;
#[cfg(test)]
mod volume_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::audit::{AuditTable, DatabaseAudit};
pub use self::compose::decode;
pub use self::endpoint::{EndpointError, SCHEMES};
pub use self::interpolate::{InterpolationError, interpolate};
pub use self::subset::{REFUSED, REFUSED_AT_TOP, SUBSET, Understood};
use crate::quantity::{Bytes, Span};

/// The readers of the mappings of a file, whose keys a schema is made of.
pub(crate) mod readers {
    use super::section::Names;
    use super::{audit, chaos};
    use crate::text::Item;

    pub(crate) fn chaos(item: &Item<'_>) -> Option<()> {
        chaos::read(item, &Names::default()).map(drop)
    }

    pub(crate) fn audit_sql(item: &Item<'_>) -> Option<()> {
        audit::read(item, &Names::default(), &[]).map(drop)
    }
}

/// What a component is for; selectors of scenarios name these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Takes the requests of users and spreads them.
    Proxy,
    /// The whole application in one process.
    App,
    /// One service of several.
    Service,
    /// Message broker.
    Broker,
    /// Leads requests through their steps.
    PipelineManager,
    /// Keeps data.
    Database,
}

impl Role {
    /// Every role with its name.
    pub const ALL: [(&str, Self); 6] = [
        ("proxy", Self::Proxy),
        ("app", Self::App),
        ("service", Self::Service),
        ("broker", Self::Broker),
        ("pipeline-manager", Self::PipelineManager),
        ("database", Self::Database),
    ];

    /// The name in files and reports.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, role)| *role == self).map_or("?", |(name, _)| name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A place inside the target, written as a URL whose host is a component, such as
/// `http://orders:9090/audit`. May hold `${VARIABLE:-default}`, which stays as written until the
/// containers are made, so that passwords stand in no plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Endpoint {
    /// `http`, `postgres`, `amqp` or `tcp`.
    pub scheme: String,
    /// User and password as written before the `@`, without it.
    pub credentials: Option<String>,
    /// Name of the component.
    pub component: String,
    /// Port inside the container.
    pub port: u16,
    /// Path with its leading slash, or empty.
    pub path: String,
}

impl fmt::Display for Endpoint {
    /// Shows everything but the credentials.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}:{}{}", self.scheme, self.component, self.port, self.path)
    }
}

/// A named volume mounted into a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Name of the volume in the file.
    pub volume: String,
    /// Absolute path inside the container.
    pub path: String,
    /// Whether it cannot be written.
    pub read_only: bool,
}

/// Soft and hard limit of one kind, as `ulimit` knows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Such as `nofile`.
    pub name: String,
    /// The limit that holds.
    pub soft: i64,
    /// The limit it can be raised to.
    pub hard: i64,
}

/// A queue of the target's broker that faults may act on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Queue {
    /// The queue that takes what is given up of it, if there is one.
    pub dead: Option<String>,
}

/// One service of the Compose file. Texts may hold `${VARIABLE:-default}` (see [`Endpoint`]).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Component {
    /// Its name, which is also its host name on the target's networks.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// How many copies run, at least 1.
    pub replicas: u32,
    /// Image reference.
    pub image: String,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments.
    pub command: Option<Vec<String>>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Ports that are published on loopback: what `x-chaos` names, and what the file publishes.
    pub ports: Vec<u16>,
    /// Further ports that it listens on, as the file says.
    #[serde(default)]
    pub exposed: Vec<u16>,
    /// Networks it joins, with further names there.
    pub networks: BTreeMap<String, Vec<String>>,
    /// Components that are created before it.
    pub depends_on: Vec<String>,
    /// Named volumes.
    pub mounts: Vec<Mount>,
    /// Paths that are memory file systems, with mount options after a colon.
    pub tmpfs: Vec<String>,
    /// Restart policy: `no`, `always`, `on-failure`, `unless-stopped`.
    pub restart: String,
    /// Time between SIGTERM and SIGKILL.
    pub stop_grace_period: Option<Span>,
    /// Signal that stops it, if not SIGTERM.
    pub stop_signal: Option<String>,
    /// Whether Docker's init is process 1.
    pub init: bool,
    /// Host name inside, if not the default.
    pub hostname: Option<String>,
    /// User and group it runs as.
    pub user: Option<String>,
    /// Working folder.
    pub working_dir: Option<String>,
    /// Whether the root file system cannot be written.
    pub read_only: bool,
    /// Capabilities given.
    pub cap_add: Vec<String>,
    /// Capabilities taken.
    pub cap_drop: Vec<String>,
    /// Security options, such as `no-new-privileges:true`.
    pub security_opt: Vec<String>,
    /// Process limits.
    pub ulimits: Vec<Ulimit>,
    /// Memory limit.
    pub memory: Option<Bytes>,
    /// CPU limit in cores.
    pub cpus: Option<f64>,
    /// Limit on the number of processes.
    pub pids_limit: Option<i64>,
    /// How it is known to be able to work.
    pub ready: Option<Endpoint>,
}

/// A system under test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Short name, such as `broker`.
    pub name: String,
    /// One line that says what it is.
    pub title: String,
    /// In the order of the file.
    pub components: Vec<Component>,
    /// Networks, by name.
    pub networks: Vec<String>,
    /// Named volumes.
    pub volumes: Vec<String>,
    /// Those that are memory file systems of a size.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volume_sizes: BTreeMap<String, Bytes>,
    /// Sizes of those that become such in a run that fills them, and in no other.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sizes_to_fill: BTreeMap<String, Bytes>,
    /// Where users' requests go.
    pub entry: Endpoint,
    /// Name of the workload it brings.
    pub workload: String,
    /// Class of the workload of which one request must reach its final state before a run begins.
    pub canary: Option<String>,
    /// Where the final state is read: NDJSON rows.
    pub audit: Vec<Endpoint>,
    /// Databases that are asked too, to check what the audits tell.
    #[serde(default)]
    pub audit_sql: Vec<DatabaseAudit>,
    /// Where pending work is read: one JSON object of counts.
    pub pending: Vec<Endpoint>,
    /// Where dead letters are sent again.
    pub redrive: Vec<Endpoint>,
    /// Queues of its broker that faults may act on, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<String, Queue>,
    /// Longest time that its own retries may take.
    pub retry_schedule: Span,
    /// Modes it knows; empty means it has none but the default.
    pub modes: Vec<String>,
    /// Safeguards that can be switched off.
    pub safeguards: Vec<String>,
    /// Own constants that bound what can be measured, by name.
    pub constants: BTreeMap<String, String>,
}

impl Component {
    /// The ports that it is known to listen on, in order.
    pub fn known_ports(&self) -> BTreeSet<u16> {
        self.ports.iter().chain(&self.exposed).copied().collect()
    }
}

impl Target {
    /// The places that the file names, apart from those that tell whether a component is ready.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        let lists = self.audit.iter().chain(&self.pending).chain(&self.redrive);
        let databases = self.audit_sql.iter().map(|audit| &audit.database);
        lists.chain(databases).chain([&self.entry])
    }

    /// The component of a name.
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.name == name)
    }
}
