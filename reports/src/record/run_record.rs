//! The fold of a journal: what is known about a run after each of its lines. Gate, recovery, drain,
//! progress and judgement all look at this, so there is no second detector that could disagree.

use std::collections::{BTreeMap, BTreeSet};

use chaos_scenarios::action::{Action, Replica};
use chaos_scenarios::plan::{Plan, PlannedFault};

use super::Moment;
use super::event::{CpuKept, Ending, Entry, Event, Host, Phase};
use super::window::{Sparse, Window};

/// The generator tells of itself once in this many microseconds.
const GENERATOR_MICROS: u64 = 1_000_000;

/// A phase and when it lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseSpan {
    /// Which.
    pub phase: Phase,
    /// Its beginning.
    pub start: Moment,
    /// Its end; none while it lasts.
    pub end: Option<Moment>,
}

/// What became of one planned fault.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FaultRecord {
    /// Number in the plan.
    pub id: u32,
    /// When its undo was on disk.
    pub armed: Option<Moment>,
    /// When its actions had returned.
    pub injected: Option<Moment>,
    /// When it acted, by the earliest evidence.
    pub felt: Option<Moment>,
    /// Why it is not known to have acted.
    pub not_felt: Option<String>,
    /// When its undo began.
    pub healing: Option<Moment>,
    /// When its undo was effective.
    pub healed: Option<Moment>,
    /// When its components could work again.
    pub ready: Option<Moment>,
    /// Why its undo failed.
    pub heal_failed: Option<String>,
    /// What is still owed to undo it; empty once healed.
    pub owed: Vec<Action>,
    /// What proved it, and its undo.
    pub evidence: Vec<String>,
}

/// Pending work at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSample {
    /// When.
    pub at: Moment,
    /// Work by kind.
    pub counts: BTreeMap<String, u64>,
    /// Endpoints that did not answer.
    pub silent: Vec<String>,
}

impl PendingSample {
    /// Work of every kind but dead letters, which wait for people.
    pub fn total(&self) -> u64 {
        let waiting = self.counts.iter().filter(|(kind, _)| kind.as_str() != "dead");
        waiting.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// What one container used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageSample {
    /// When.
    pub at: Moment,
    /// CPU time since the container started, microseconds.
    pub cpu: u64,
    /// Memory in bytes.
    pub memory: u64,
}

/// Something that Docker told of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerEvent {
    /// Whose.
    pub replica: Replica,
    /// Such as `die`.
    pub action: String,
    /// When.
    pub happened: Moment,
    /// Exit code of a `die`.
    pub exit_code: Option<i64>,
}

/// A change of readiness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadinessChange {
    /// When it was seen.
    pub at: Moment,
    /// Whose.
    pub replica: Replica,
    /// Able to work.
    pub ready: bool,
    /// What told it.
    pub evidence: String,
}

/// The load generator over the whole run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GeneratorTotals {
    /// Arrivals that were due.
    pub due: u64,
    /// Arrivals that were sent.
    pub sent: u64,
    /// Arrivals that could not be sent.
    pub not_sent: u64,
    /// Schedule lag since the warm-up, microseconds, merged.
    pub lag: BTreeMap<u64, u64>,
    /// CPU time of the harness, microseconds.
    pub cpu: u64,
    /// Seconds that the totals cover.
    pub seconds: u64,
    /// Requests that the engine itself counted.
    pub engine_requests: Option<u64>,
    /// Transactions that panicked.
    pub panics: u64,
}

/// What a run is known to have done.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunRecord {
    /// Label of the run's objects.
    pub run: String,
    /// The invocation it belongs to.
    pub experiment: String,
    /// Version of the harness.
    pub version: String,
    /// Wall clock at moment 0, microseconds since 1970.
    pub wall_clock: i64,
    /// The machine.
    pub host: Host,
    /// What was planned; none before the first line.
    pub plan: Option<Box<Plan>>,
    /// Phases, in order.
    pub phases: Vec<PhaseSpan>,
    /// Containers and their published ports.
    pub containers: BTreeMap<Replica, String>,
    /// Images by component replica.
    pub images: BTreeMap<Replica, String>,
    /// Ids of orders that the harness sent itself, which stand on no ledger.
    pub canaries: BTreeSet<String>,
    /// When the load began.
    pub load_started: Option<Moment>,
    /// When the load ended.
    pub load_ended: Option<Moment>,
    /// Windows by class, ascending by index.
    pub windows: BTreeMap<String, Vec<Window>>,
    /// The generator itself.
    pub generator: GeneratorTotals,
    /// Pending work, ascending.
    pub pending: Vec<PendingSample>,
    /// What Docker told, in the order told.
    pub container_events: Vec<ContainerEvent>,
    /// Changes of readiness.
    pub readiness: Vec<ReadinessChange>,
    /// What each replica used, ascending by time.
    pub usage: BTreeMap<Replica, Vec<UsageSample>>,
    /// Last seen free memory of the host, bytes.
    pub host_memory_free: Option<u64>,
    /// What kept the harness from its cores from baseline to keep.
    pub cpu_kept: CpuKept,
    /// Faults by number.
    pub faults: BTreeMap<u32, FaultRecord>,
    /// Audit endpoints read, with their rows.
    pub audited: Vec<(String, u64)>,
    /// Audit endpoints not read, with the reason.
    pub audit_failed: Vec<(String, String)>,
    /// Pending work left when the drain was given up.
    pub drain_incomplete: Option<BTreeMap<String, u64>>,
    /// Notes, with their moments.
    pub notes: Vec<(Moment, String)>,
    /// Objects that could not be removed.
    pub residue: Vec<String>,
    /// Whether everything was removed and looked for.
    pub dismantled: bool,
    /// How it ended; none for a torn journal.
    pub ending: Option<Ending>,
    /// Moment of the last line.
    pub last: Moment,
}

impl RunRecord {
    /// Takes in one line.
    pub fn apply(&mut self, entry: &Entry) {
        self.last = entry.at;
        match &entry.event {
            Event::Started { run, experiment, version, wall_clock, host, plan, .. } => {
                self.run.clone_from(run);
                self.experiment.clone_from(experiment);
                self.version.clone_from(version);
                self.wall_clock = *wall_clock;
                self.host = host.clone();
                self.plan = Some(plan.clone());
            }
            Event::PhaseStarted { phase } => self.begin_phase(*phase, entry.at),
            Event::ContainerCreated { replica, id, image, .. } => {
                self.containers.insert(replica.clone(), id.clone());
                self.images.insert(replica.clone(), image.clone());
            }
            Event::CanarySent { order } => {
                self.canaries.insert(order.clone());
            }
            Event::LoadStarted { .. } => self.load_started = Some(entry.at),
            Event::LoadEnded { engine_requests, panics } => {
                self.load_ended = Some(entry.at);
                self.generator.engine_requests = Some(*engine_requests);
                self.generator.panics = *panics;
            }
            Event::Window(window) => self.take_window(window),
            Event::Generator { due, sent, not_sent, lag, cpu, .. } => {
                self.take_generator(entry.at, [*due, *sent, *not_sent, *cpu], lag);
            }
            Event::Ended { ending, .. } => {
                self.end_phase(entry.at);
                self.ending = Some(ending.clone());
            }
            Event::Dismantled => self.dismantled = true,
            Event::Residue { objects } => self.residue.clone_from(objects),
            Event::Note { text } => self.notes.push((entry.at, text.clone())),
            other => self.apply_observation(entry.at, other),
        }
        self.apply_fault(entry);
    }

    /// The plan, once the first line was read.
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_deref()
    }

    /// The planned fault of a number.
    pub fn planned_fault(&self, id: u32) -> Option<&PlannedFault> {
        self.plan()?.timeline.iter().find(|fault| fault.id == id)
    }

    /// When a phase lasted, if it began.
    pub fn phase(&self, phase: Phase) -> Option<PhaseSpan> {
        self.phases.iter().copied().find(|span| span.phase == phase)
    }

    /// What is still owed: faults that were armed and not healed, with their undo.
    pub fn outstanding(&self) -> Vec<(u32, Vec<Action>)> {
        let owing = self.faults.values().filter(|fault| !fault.owed.is_empty());
        owing.map(|fault| (fault.id, fault.owed.clone())).collect()
    }

    fn begin_phase(&mut self, phase: Phase, at: Moment) {
        self.end_phase(at);
        self.phases.push(PhaseSpan { phase, start: at, end: None });
    }

    fn end_phase(&mut self, at: Moment) {
        if let Some(last) = self.phases.last_mut() {
            last.end.get_or_insert(at);
        }
    }

    /// Whether load is sent whose results count.
    fn is_measuring(&self) -> bool {
        let measured = Phase::Baseline..=Phase::Keep;
        self.phases.last().is_some_and(|span| measured.contains(&span.phase))
    }

    fn take_window(&mut self, window: &Window) {
        let windows = self.windows.entry(window.class.clone()).or_default();
        let place = windows.partition_point(|other| other.index < window.index);
        windows.insert(place, window.clone());
    }

    fn take_generator(&mut self, at: Moment, [due, sent, not_sent, cpu]: [u64; 4], lag: &Sparse) {
        self.generator.due += due;
        self.generator.sent += sent;
        self.generator.not_sent += not_sent;
        self.generator.cpu += cpu;
        self.generator.seconds += 1;
        // Warm-up is there so that the first connections are made before anything is measured.
        let since = at.minus(GENERATOR_MICROS);
        let warming = self.phase(Phase::WarmUp);
        if warming.is_some_and(|span| span.end.is_none_or(|end| end > since)) {
            return;
        }
        for (value, count) in lag {
            *self.generator.lag.entry(*value).or_default() += count;
        }
    }

    fn apply_observation(&mut self, at: Moment, event: &Event) {
        match event {
            Event::Container { replica, action, happened, exit_code } => {
                self.container_events.push(ContainerEvent {
                    replica: replica.clone(),
                    action: action.clone(),
                    happened: *happened,
                    exit_code: *exit_code,
                });
            }
            Event::Readiness { replica, ready, evidence } => self.readiness.push(ReadinessChange {
                at,
                replica: replica.clone(),
                ready: *ready,
                evidence: evidence.clone(),
            }),
            Event::Pending { counts, silent } => self.pending.push(PendingSample {
                at,
                counts: counts.clone(),
                silent: silent.clone(),
            }),
            Event::Usage { replica, cpu, memory } => {
                let sample = UsageSample { at, cpu: *cpu, memory: *memory };
                self.usage.entry(replica.clone()).or_default().push(sample);
            }
            Event::HostMemory { free } => self.host_memory_free = Some(*free),
            Event::HarnessCpu(kept) if self.is_measuring() => self.cpu_kept.add(*kept),
            Event::Audited { source, rows } => self.audited.push((source.clone(), *rows)),
            Event::AuditFailed { source, reason } => {
                self.audit_failed.push((source.clone(), reason.clone()));
            }
            Event::DrainIncomplete { counts } => self.drain_incomplete = Some(counts.clone()),
            _ => {}
        }
    }

    fn apply_fault(&mut self, entry: &Entry) {
        let (Event::FaultArmed { fault, .. }
        | Event::FaultInjected { fault }
        | Event::FaultFelt { fault, .. }
        | Event::FaultNotFelt { fault, .. }
        | Event::FaultHealing { fault }
        | Event::FaultHealed { fault, .. }
        | Event::HealFailed { fault, .. }) = &entry.event
        else {
            return;
        };
        let record = self.faults.entry(*fault).or_default();
        record.id = *fault;
        record.apply(entry);
    }
}

impl FaultRecord {
    fn apply(&mut self, entry: &Entry) {
        match &entry.event {
            Event::FaultArmed { heal, .. } => {
                self.armed = Some(entry.at);
                self.owed.clone_from(heal);
            }
            Event::FaultInjected { .. } => self.injected = Some(entry.at),
            Event::FaultFelt { effective, evidence, .. } => {
                self.felt = Some(*effective);
                self.evidence.extend(evidence.iter().cloned());
            }
            Event::FaultNotFelt { reason, .. } => self.not_felt = Some(reason.clone()),
            Event::FaultHealing { .. } => self.healing = Some(entry.at),
            Event::FaultHealed { effective, ready, evidence, .. } => {
                self.healed = Some(*effective);
                self.ready = *ready;
                self.owed.clear();
                self.evidence.extend(evidence.iter().cloned());
            }
            Event::HealFailed { reason, .. } => self.heal_failed = Some(reason.clone()),
            _ => {}
        }
    }
}
