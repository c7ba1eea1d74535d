//! Conducts an experiment: one run after the other, each with its own containers, on a machine that
//! nobody else uses for the same at the same time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaos_reports::record::event::{Ending, Host};
use chaos_scenarios::plan::Plan;
use uuid::Uuid;

use super::judge::{JOURNAL, judge_plan};
use super::resume::{is_to_be_made, set_aside};
use super::{Experiment, FolderError, is_run, run_id};
use crate::audit::HttpAuditor;
use crate::clean::{self, Scope, Spared};
use crate::docker::{self, Daemon, DockerRuntime};
use crate::exit::Failure;
use crate::load;
use crate::load::Generator;
use crate::lock::Lock;
use crate::port::{Identity, Ports};
use crate::recorder::{Recorder, wall_clock};
use crate::run::{Run, Setting};
use crate::serve::metrics::Metrics;
use crate::stop::{self, Stop};
use crate::terminal::progress::{self, Style};
use crate::terminal::{self, images};

/// Objects of a run may be removed by anybody this long after it should have ended.
const EXPIRY_SLACK: Duration = Duration::from_secs(3600);

/// A machine, made ready for an experiment.
pub struct Bench {
    /// Label of the experiment's objects.
    pub experiment: String,
    daemon: Daemon,
    /// What each image reference meant when the experiment began: all its runs use the same.
    images: BTreeMap<String, String>,
    style: Style,
    keep: bool,
    metrics: Option<Arc<Metrics>>,
    stop: Stop,
    /// Other runs that stand on the daemon, and why they were left alone.
    neighbours: BTreeMap<String, Spared>,
    _lock: Lock,
}

impl Bench {
    /// Finds the daemon, takes it for us alone, and removes what dead runs left behind.
    pub async fn prepare(allow_remote: bool, style: Style, keep: bool) -> Result<Self, Failure> {
        let stop = Stop::default();
        // goose would take the interrupt signal for itself, unless it is taken before ours.
        load::claim_signals().map_err(Failure::environment)?;
        stop::on_signals(&stop).map_err(Failure::environment)?;
        let daemon = docker::connect(allow_remote).await.map_err(Failure::environment)?;
        let lock = Lock::acquire(&daemon.facts.name()).map_err(Failure::environment)?;
        let neighbours = clean_leftovers(&daemon).await?;
        let experiment = Uuid::now_v7().simple().to_string()[20..].to_owned();
        let images = BTreeMap::new();
        let metrics = None;
        Ok(Self { experiment, daemon, images, style, keep, metrics, stop, neighbours, _lock: lock })
    }

    /// Whether nobody else is on the machine, who would disturb what is measured.
    pub fn is_alone(&self) -> Result<(), Failure> {
        match self.neighbours.first_key_value() {
            None => Ok(()),
            Some((run, why)) => Err(Failure::Environment(format!(
                "the run {run} stands on this Docker daemon and would disturb the measures: {why}"
            ))),
        }
    }

    /// The same, and what goes on is counted there.
    #[must_use]
    pub fn with_metrics(self, metrics: Option<Arc<Metrics>>) -> Self {
        Self { metrics, ..self }
    }

    /// The machine.
    pub fn host(&self) -> Host {
        self.daemon.facts.host()
    }

    /// The wish to stop, which signals set.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// A container runtime for one run.
    pub fn runtime(&self) -> DockerRuntime {
        DockerRuntime::new(self.daemon.clone()).with_images(self.images.clone())
    }

    /// What a run is told besides its plan; `index` counts the runs of the experiment from 0.
    pub fn setting(&self, plan: &Plan, index: usize, folder: PathBuf, kept: bool) -> Setting {
        let identity = Identity {
            experiment: self.experiment.clone(),
            run: format!("{}-{}", self.experiment, index + 1),
            expires_at: expires_at(plan),
            kept,
        };
        Setting { identity, host: self.host(), folder }
    }

    /// Makes the images that the plans need, where they are missing.
    pub async fn make_images(&mut self, plans: &[Plan]) -> Result<(), Failure> {
        let plans = plans.iter().filter(|plan| is_run(plan));
        let needed = docker::image::needed_by(plans).map_err(Failure::environment)?;
        let making = images::make(&self.daemon, &needed, self.style);
        tokio::select! {
            made = making => {
                self.images = made.map_err(Failure::environment)?;
                Ok(())
            }
            signal = self.stop.asked() => {
                Err(Failure::Environment(format!("{signal} while images were made; nothing was run")))
            }
        }
    }
}

/// Makes every run that is still to be made, until all are or somebody asks to stop.
pub async fn conduct(experiment: &Experiment, bench: &Bench) -> Result<(), Failure> {
    let plans = experiment.plans.iter();
    let runs: Vec<&Plan> = plans.filter(|plan| is_to_be_made(experiment, plan)).collect();
    if let Some(metrics) = &bench.metrics {
        metrics.plan(runs.len());
    }
    for (index, plan) in runs.iter().enumerate() {
        let last = index + 1 == runs.len();
        let title = format!("[{}/{}] {}", index + 1, runs.len(), run_id(plan));
        let kept = bench.keep && last;
        conduct_one(experiment, bench, plan, index, title, kept).await?;
        tell_verdict(experiment, bench, plan)?;
        // Without its daemon every further run would only wait for it in vain.
        if bench.stop.signal().is_some() || !bench.daemon.answers().await {
            break;
        }
    }
    Ok(())
}

async fn conduct_one(
    experiment: &Experiment,
    bench: &Bench,
    plan: &Plan,
    index: usize,
    title: String,
    kept: bool,
) -> Result<Ending, Failure> {
    let folder = experiment.run_folder(plan);
    set_aside(&folder).map_err(Failure::environment)?;
    let mut recorder = open_journal(&folder).map_err(Failure::environment)?;
    if let Some(metrics) = &bench.metrics {
        recorder = recorder.observed_by(metrics.observe(plan));
    }
    let setting = bench.setting(plan, index, folder, kept);
    let auditor = HttpAuditor::new().map_err(Failure::environment)?;
    let ports = Ports {
        runtime: Arc::new(bench.runtime()),
        load: Arc::new(Generator),
        auditor: Arc::new(auditor),
    };
    let watching = tokio::spawn(progress::follow(recorder.clone(), title, bench.style));
    let run = Run::new(plan.clone(), setting, ports, recorder, bench.stop.clone());
    let ending = run.execute().await;
    // The teller sees the end in the journal; if it does not, the run is over all the same.
    let _ = watching.await;
    Ok(ending)
}

/// Judges a run at once only where somebody asks: otherwise all are judged together in the end.
fn tell_verdict(experiment: &Experiment, bench: &Bench, plan: &Plan) -> Result<(), Failure> {
    let Some(metrics) = &bench.metrics else { return Ok(()) };
    let judged = tokio::task::block_in_place(|| judge_plan(experiment, plan));
    metrics.judged(judged.map_err(Failure::environment)?.judgement.verdict);
    Ok(())
}

fn open_journal(folder: &Path) -> Result<Recorder, FolderError> {
    let path = folder.join(JOURNAL);
    let file = fs::create_dir_all(folder).and_then(|()| File::create_new(&path));
    let file = file.map_err(|source| FolderError::Write { path, source })?;
    Ok(Recorder::new(Box::new(file)))
}

fn expires_at(plan: &Plan) -> i64 {
    let phases = &plan.phases;
    let planned = [
        phases.warm_up,
        phases.baseline,
        phases.test,
        phases.recovery_limit,
        phases.keep,
        phases.drain_limit,
    ];
    let planned: Duration = planned.iter().map(|span| span.duration()).sum();
    let seconds = (planned + EXPIRY_SLACK).as_secs();
    wall_clock() / 1_000_000 + i64::try_from(seconds).unwrap_or(i64::MAX / 2)
}

/// Returns what was left alone, and why.
async fn clean_leftovers(daemon: &Daemon) -> Result<BTreeMap<String, Spared>, Failure> {
    let cleaned = clean::clean(daemon, Scope::Dead).await.map_err(Failure::environment)?;
    if !cleaned.removed.is_empty() {
        let count = cleaned.removed.len();
        terminal::tell(&format!("removed {count} objects that a dead run had left behind"));
    }
    match cleaned.left.first() {
        None => Ok(cleaned.spared),
        Some((object, error)) => Err(Failure::Dirty(format!(
            "a dead run left {object}, which cannot be removed: {error}"
        ))),
    }
}
