//! The ports of the engine: what it needs of a container runtime, a load generator and an auditor,
//! cut to its own use. The engine is tested against fakes of these, on paused time.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chaos_reports::record::Moment;
use chaos_reports::record::final_state::SourcedRow;
use chaos_scenarios::action::{Action, Check, Replica};
use chaos_scenarios::plan::{LoadPlan, Plan};
use chaos_scenarios::target::{DatabaseAudit, Endpoint, interpolate};
use chaos_scenarios::workload::Request;

use crate::recorder::Recorder;

/// The names of a run, as they stand in the labels of its objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The invocation (`chaos.experiment`).
    pub experiment: String,
    /// The run (`chaos.run`): short, unique, fit for object names.
    pub run: String,
    /// When everything of the run may be removed by anybody, seconds since 1970
    /// (`chaos.expires-at`).
    pub expires_at: i64,
    /// Whether its objects outlive the process that made them (`chaos.kept`): only `chaos down`
    /// and `chaos clean --all` remove them.
    pub kept: bool,
}

/// What stands after provisioning: how the target is reached from here.
#[derive(Debug, Clone, Default)]
pub struct Deployment {
    /// Replica and port inside → port on loopback.
    pub ports: BTreeMap<(Replica, u16), u16>,
    /// Values for `${VARIABLE}` in endpoints, among them the password of the run: shown nowhere.
    pub variables: BTreeMap<String, String>,
}

impl Deployment {
    /// The loopback addresses of an endpoint, one per replica of its component, with variables
    /// filled in; empty if nothing of it is published.
    pub fn urls(&self, endpoint: &Endpoint) -> Vec<(Replica, String)> {
        let credentials = endpoint.credentials.as_ref().map_or_else(String::new, |written| {
            // What cannot be filled in was refused when the target was read.
            format!(
                "{}@",
                interpolate(written, &self.variables).unwrap_or_else(|_| written.clone())
            )
        });
        self.ports
            .iter()
            .filter(|((replica, port), _)| {
                replica.component == endpoint.component && *port == endpoint.port
            })
            .map(|((replica, _), published)| {
                let Endpoint { scheme, path, .. } = endpoint;
                (replica.clone(), format!("{scheme}://{credentials}127.0.0.1:{published}{path}"))
            })
            .collect()
    }

    /// The same deployment as if one replica were all of its component.
    #[must_use]
    pub fn only(&self, replica: &Replica) -> Self {
        let others = |other: &Replica| other.component == replica.component && other != replica;
        let ports = self.ports.iter().filter(|((other, _), _)| !others(other));
        let ports = ports.map(|(place, published)| (place.clone(), *published)).collect();
        Self { ports, variables: self.variables.clone() }
    }
}

/// Evidence that a check is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The earliest moment at which it is known to be true.
    pub since: Moment,
    /// In words.
    pub evidence: String,
}

/// A port failed; the message names the thing and says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PortError(pub String);

/// The container runtime, as the engine needs it.
pub trait Runtime: Send + Sync + 'static {
    /// Makes and starts everything of a plan's target, labelled; returns how it is reached. On
    /// failure, what was made until then is left for [`Runtime::dismantle`].
    fn provision(
        &self,
        plan: &Plan,
        identity: &Identity,
        recorder: &Recorder,
    ) -> impl Future<Output = Result<Deployment, PortError>> + Send;

    /// Carries out one action; idempotent.
    fn apply(&self, action: &Action) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Looks once whether a check is true; none if it is not (yet). `since` is when the fault, or
    /// its undo, began: what happened before proves nothing.
    fn check(
        &self,
        check: &Check,
        since: Moment,
    ) -> impl Future<Output = Result<Option<Proof>, PortError>> + Send;

    /// Writes the log of every container to `folder/<component>-<number>.log`.
    fn collect_logs(&self, folder: &Path) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Removes everything that carries the run's label; returns the names of what is left.
    fn dismantle(&self) -> impl Future<Output = Result<Vec<String>, PortError>> + Send;

    /// Waits until the runtime itself is lost, as a daemon that somebody stops; says so in words.
    fn lost(&self) -> impl Future<Output = String> + Send;

    /// Waits until the runtime answers, within a bound: one that was lost may come back.
    fn answers(&self) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A running load, to be stopped.
pub trait Load: Send {
    /// Stops new arrivals, waits for open requests (bounded by the timeout), flushes everything to
    /// the recorder and the ledger. Requests that are still open count as unknown.
    fn stop(self) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Ledgered orders that are sent and not yet answered or given up.
    fn orders_in_flight(&self) -> u64;
}

/// The load generator, as the engine needs it.
pub trait LoadGenerator: Send + Sync + 'static {
    /// The running load.
    type Running: Load;

    /// Starts the load of a plan against `entry` (such as `http://127.0.0.1:40123`). It goes on
    /// until stopped. Ledgered orders go to `ledger`, windows to the recorder.
    fn start(
        &self,
        plan: &LoadPlan,
        seed: u64,
        entry: &str,
        ledger: &Path,
        recorder: &Recorder,
    ) -> impl Future<Output = Result<Self::Running, PortError>> + Send;
}

/// What the engine asks of the target itself, over its published ports.
pub trait Auditor: Send + Sync + 'static {
    /// Whether every replica of a component can do its work now, with what told it, or why not.
    fn ready(
        &self,
        plan: &Plan,
        deployment: &Deployment,
        component: &str,
    ) -> impl Future<Output = Result<String, PortError>> + Send;

    /// Sends one canary request and waits until it reached its final state.
    fn canary(
        &self,
        plan: &Plan,
        deployment: &Deployment,
        request: &Request,
    ) -> impl Future<Output = Result<String, PortError>> + Send;

    /// Pending work over all endpoints by kind, and the endpoints that did not answer.
    fn pending(
        &self,
        plan: &Plan,
        deployment: &Deployment,
    ) -> impl Future<Output = (BTreeMap<String, u64>, Vec<String>)> + Send;

    /// Reads one audit endpoint to its end.
    fn audit(
        &self,
        endpoint: &Endpoint,
        deployment: &Deployment,
    ) -> impl Future<Output = Result<Vec<SourcedRow>, PortError>> + Send;

    /// Asks one database the queries that check an audit.
    fn audit_database(
        &self,
        audit: &DatabaseAudit,
        deployment: &Deployment,
    ) -> impl Future<Output = Result<Vec<SourcedRow>, PortError>> + Send;
}

/// The three ports together, as a run holds them.
#[derive(Debug)]
pub struct Ports<R, L, A> {
    /// Containers.
    pub runtime: Arc<R>,
    /// Load.
    pub load: Arc<L>,
    /// The target's own word.
    pub auditor: Arc<A>,
}
