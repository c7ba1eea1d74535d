//! The closed list of what can happen in a run: the lines of a journal, and the only interface
//! between the engine and everything that shows or judges.

use std::collections::BTreeMap;

use chaos_scenarios::action::{Action, Replica};
use chaos_scenarios::plan::Plan;
use serde::{Deserialize, Serialize};

use super::Moment;
use super::window::{Sparse, Window};

/// Version of the journal's format. A reader takes every minor version of its own major.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// Changes when old readers would misread.
    pub major: u32,
    /// Changes when something is added.
    pub minor: u32,
}

/// The format that is written today.
pub const FORMAT: Format = Format { major: 1, minor: 1 };

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of the line, from 0, without gaps.
    pub seq: u64,
    /// When it was recorded.
    pub at: Moment,
    /// What happened.
    pub event: Event,
}

/// The phases of a run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Networks, volumes and containers are made and started.
    Provision,
    /// Every component becomes able to do its work.
    Ready,
    /// Load whose results are dropped.
    WarmUp,
    /// Load that must be within the hypothesis.
    Baseline,
    /// The timeline of faults.
    Test,
    /// Load goes on until the users are served again.
    Recovery,
    /// Watch for relapse.
    Keep,
    /// No load; pending work is waited for.
    Drain,
    /// The final state is read.
    Audit,
    /// Everything is removed.
    Dismantle,
}

impl Phase {
    /// Every phase, in their order.
    pub const ALL: [Self; 10] = [
        Self::Provision,
        Self::Ready,
        Self::WarmUp,
        Self::Baseline,
        Self::Test,
        Self::Recovery,
        Self::Keep,
        Self::Drain,
        Self::Audit,
        Self::Dismantle,
    ];

    /// The name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Ready => "ready",
            Self::WarmUp => "warm-up",
            Self::Baseline => "baseline",
            Self::Test => "test",
            Self::Recovery => "recovery",
            Self::Keep => "keep",
            Self::Drain => "drain",
            Self::Audit => "audit",
            Self::Dismantle => "dismantle",
        }
    }
}

/// What the machine is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Host {
    /// Host name.
    pub name: String,
    /// Kernel release.
    pub kernel: String,
    /// Cores.
    pub cores: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// Version of Docker Engine.
    pub docker: String,
    /// Control group version, 1 or 2.
    pub cgroup: u32,
    /// Storage driver of Docker.
    pub storage: String,
    /// CPUs that the target's containers share, such as `1`.
    pub target_cpus: String,
}

/// For how long the harness was kept from the cores on which it may run; microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CpuKept {
    /// Time that was watched.
    pub elapsed: u64,
    /// Time that the hypervisor gave to other machines, mean over those cores.
    pub stolen: u64,
    /// Time in which the harness could have run and others ran instead; none where the kernel does
    /// not tell it of the harness alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressed: Option<u64>,
}

impl CpuKept {
    /// Takes in a further stretch of time.
    pub fn add(&mut self, other: Self) {
        self.elapsed += other.elapsed;
        self.stolen += other.stolen;
        if let Some(pressed) = other.pressed {
            *self.pressed.get_or_insert(0) += pressed;
        }
    }

    /// Share of the time that was stolen; none if nothing was watched.
    pub fn stolen_share(&self) -> Option<f64> {
        self.share(self.stolen)
    }

    /// Share of the time in which others ran instead; none if that is not known.
    pub fn pressed_share(&self) -> Option<f64> {
        self.share(self.pressed?)
    }

    fn share(&self, part: u64) -> Option<f64> {
        (self.elapsed > 0).then(|| part as f64 / self.elapsed as f64)
    }
}

/// How a run came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All phases were gone through.
    Complete,
    /// The baseline was not within the hypothesis; nothing was injected.
    NotSteady {
        /// What did not hold.
        reason: String,
    },
    /// A stop condition was met.
    Aborted {
        /// Which.
        reason: String,
    },
    /// A signal asked to stop.
    Interrupted {
        /// `SIGINT` or `SIGTERM`.
        signal: String,
    },
    /// The harness or its environment failed.
    Error {
        /// What failed and what to do.
        message: String,
    },
}

/// What happened. Externally tagged: a tag inside would make serde buffer every window, and lose
/// whole numbers as map keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The first line of every journal.
    Started {
        /// Version of the format.
        format: Format,
        /// Label of the run's objects.
        run: String,
        /// The invocation it belongs to.
        experiment: String,
        /// Version of the harness.
        version: String,
        /// Wall clock at moment 0, microseconds since 1970.
        wall_clock: i64,
        /// The machine.
        host: Host,
        /// What was planned.
        plan: Box<Plan>,
    },
    /// A phase began; the one before it ended.
    PhaseStarted {
        /// Which.
        phase: Phase,
    },
    /// A container stands.
    ContainerCreated {
        /// Whose.
        replica: Replica,
        /// Docker's id.
        id: String,
        /// Image with its content tag or id.
        image: String,
        /// Port inside → port on loopback.
        ports: BTreeMap<u16, u16>,
    },
    /// Docker told of a container.
    Container {
        /// Whose.
        replica: Replica,
        /// `start`, `die`, `oom`, `kill`, `stop`, `pause`, `unpause`, `destroy`, …
        action: String,
        /// When, mapped from the daemon's clock.
        happened: Moment,
        /// Exit code of a `die`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        exit_code: Option<i64>,
    },
    /// A replica became able, or unable, to do its work.
    Readiness {
        /// Whose.
        replica: Replica,
        /// Able.
        ready: bool,
        /// What told it.
        evidence: String,
    },
    /// An order of the harness's own is about to be sent, to see whether the target works.
    CanarySent {
        /// The order's id.
        order: String,
    },
    /// The load began; window times count from the run's start.
    LoadStarted {
        /// Which generator.
        engine: String,
        /// Workers.
        users: u32,
    },
    /// 100 ms of one request class, complete.
    Window(Window),
    /// One second of the load generator itself.
    Generator {
        /// Arrivals that were due.
        due: u64,
        /// Arrivals that were sent.
        sent: u64,
        /// Arrivals that could not be sent.
        not_sent: u64,
        /// Schedule lag (sent − due), microseconds.
        lag: Sparse,
        /// CPU time that the harness used, microseconds.
        cpu: u64,
        /// Orders that are sent and not yet answered or given up.
        #[serde(default)]
        orders_in_flight: u64,
    },
    /// The load ended.
    LoadEnded {
        /// Requests that the engine itself counted, as a cross-check.
        engine_requests: u64,
        /// Transactions that panicked.
        panics: u64,
    },
    /// Pending work over all endpoints, by kind.
    Pending {
        /// Such as `outbox` → 3.
        counts: BTreeMap<String, u64>,
        /// Endpoints that did not answer.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        silent: Vec<String>,
    },
    /// What a container used.
    Usage {
        /// Whose.
        replica: Replica,
        /// CPU time since the container started, microseconds.
        cpu: u64,
        /// Memory, bytes.
        memory: u64,
    },
    /// Free memory of the host, bytes.
    HostMemory {
        /// Bytes that can be had without swapping.
        free: u64,
    },
    /// What kept the harness from its cores since the last such event.
    HarnessCpu(CpuKept),
    /// A fault is about to be injected; its undo is on disk from here on.
    FaultArmed {
        /// Number in the plan.
        fault: u32,
        /// How it is undone.
        heal: Vec<Action>,
    },
    /// The actions of a fault were carried out.
    FaultInjected {
        /// Number in the plan.
        fault: u32,
    },
    /// The fault is proved to act.
    FaultFelt {
        /// Number in the plan.
        fault: u32,
        /// Earliest evidence that it acts.
        effective: Moment,
        /// What proved it.
        evidence: Vec<String>,
    },
    /// The fault could not be proved to act.
    FaultNotFelt {
        /// Number in the plan.
        fault: u32,
        /// What was missing.
        reason: String,
    },
    /// The undo of a fault began.
    FaultHealing {
        /// Number in the plan.
        fault: u32,
    },
    /// The undo of a fault is effective.
    FaultHealed {
        /// Number in the plan.
        fault: u32,
        /// Earliest evidence that the last of its undo acts.
        effective: Moment,
        /// When the components could do their work again, if they could in time.
        ready: Option<Moment>,
        /// What proved it.
        evidence: Vec<String>,
    },
    /// The undo of a fault failed.
    HealFailed {
        /// Number in the plan.
        fault: u32,
        /// Why.
        reason: String,
    },
    /// One audit endpoint was read.
    Audited {
        /// Which.
        source: String,
        /// How many rows it told.
        rows: u64,
    },
    /// One audit endpoint could not be read.
    AuditFailed {
        /// Which.
        source: String,
        /// Why.
        reason: String,
    },
    /// A stop of the drain: pending work did not become empty in time.
    DrainIncomplete {
        /// What was left, by kind.
        counts: BTreeMap<String, u64>,
    },
    /// Something worth telling that changes no verdict.
    Note {
        /// In words.
        text: String,
    },
    /// Objects that could not be removed.
    Residue {
        /// Containers, networks and volumes, by name.
        objects: Vec<String>,
    },
    /// Everything was removed, and looked for.
    Dismantled,
    /// The last line of a journal that was not torn.
    Ended {
        /// How.
        ending: Ending,
        /// Wall clock, microseconds since 1970: maps clocks at both ends.
        wall_clock: i64,
    },
}
