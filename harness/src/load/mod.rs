//! Open-loop load: arrivals follow their schedule, never the system under test. A pacer thread
//! hands them to workers, goose users or tasks of our own, that run in a thread of their own, so
//! that nothing else in the harness can delay them. Whatever happens, every arrival that was due
//! ends up in exactly one window and, for an order, in one line of the ledger.

mod arrival;
mod client;
mod direct;
mod engine;
mod goose;
mod ledger;
mod outcome;
mod pacer;
mod process;
mod reporter;
mod running;
mod tally;
#[cfg(test)]
mod tests;
mod window;

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use chaos_reports::record::Moment;
use chaos_reports::record::event::Event;
use chaos_reports::record::window::WINDOW_MICROS;
use chaos_scenarios::plan::LoadPlan;
use chaos_scenarios::workload::{CompiledWorkload, Schedule};
use futures::FutureExt;

use self::arrival::Queue;
use self::engine::{Engine, EngineThread};
use self::ledger::LedgerWriter;
use self::pacer::Pacer;
pub use self::process::{claim_log, claim_signals};
use self::reporter::Reporter;
pub use self::running::RunningLoad;
use self::tally::Tally;
use crate::port::{LoadGenerator, PortError};
use crate::recorder::Recorder;

/// Time between the last preparation and the first arrival, microseconds: threads start in it.
const LEAD_MICROS: u64 = 20_000;

/// The load generator: goose users or plain tasks, as the plan says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Generator;

/// What the workers of a load share.
struct Work {
    /// Address before every path, without a slash at its end.
    entry: String,
    /// Number of workers.
    users: usize,
    queue: Queue,
    tally: Arc<Tally>,
}

impl Work {
    /// Awaits what a worker does with one arrival. A panic is counted and costs neither the worker
    /// nor the arrival, which settles itself when it is dropped.
    async fn guarded(&self, working: impl Future<Output = ()>) {
        if AssertUnwindSafe(working).catch_unwind().await.is_err() {
            self.tally.count_panic();
        }
    }
}

impl LoadGenerator for Generator {
    type Running = RunningLoad;

    async fn start(
        &self,
        plan: &LoadPlan,
        seed: u64,
        entry: &str,
        ledger: &Path,
        recorder: &Recorder,
    ) -> Result<RunningLoad, PortError> {
        let engine: Engine = plan.engine.parse()?;
        engine.claim_process()?;
        let source = Source::new(plan, seed)?;
        let (ledger, writer) = ledger::open(ledger).map_err(|e| PortError(e.to_string()))?;
        let tally = Arc::new(Tally::new(recorder.clone(), plan.workload.clone(), ledger));
        let users = usize::try_from(plan.users.max(1)).unwrap_or(usize::MAX);
        let work = Arc::new(Work {
            entry: entry.trim_end_matches('/').to_owned(),
            users,
            queue: Queue::new(users),
            tally,
        });
        let thread = EngineThread::start(engine, Arc::clone(&work)).await?;
        recorder.emit(Event::LoadStarted { engine: engine.to_string(), users: plan.users });
        launch(source, work, thread, writer, recorder)
    }
}

/// Where the arrivals of a load come from.
struct Source {
    workload: CompiledWorkload,
    schedule: Schedule,
    seed: u64,
}

impl Source {
    fn new(plan: &LoadPlan, seed: u64) -> Result<Self, PortError> {
        let workload = plan.workload.compile().map_err(|e| PortError(e.to_string()))?;
        let schedule = Schedule::new(&plan.stages, plan.arrival, seed)
            .map_err(|error| PortError(error.to_string()))?;
        Ok(Self { workload, schedule, seed })
    }
}

/// Starts what runs while the workers stand ready: pacer and reporter.
fn launch(
    source: Source,
    work: Arc<Work>,
    engine: EngineThread,
    ledger: LedgerWriter,
    recorder: &Recorder,
) -> Result<RunningLoad, PortError> {
    let stop_pacer = Arc::new(AtomicBool::new(false));
    let pacer = Pacer {
        workload: source.workload,
        schedule: source.schedule,
        seed: source.seed,
        epoch: recorder.epoch().into_std(),
        origin: next_window(recorder.now().plus(LEAD_MICROS)),
        work: Arc::clone(&work),
        stop: Arc::clone(&stop_pacer),
    };
    let reporter = Reporter::new(recorder.clone(), Arc::clone(&work.tally));
    let (end_reporter, ended) = mpsc::channel();
    Ok(RunningLoad {
        pacer: Some(spawn("pacer", move || pacer.run())?),
        reporter: Some(spawn("reporter", move || reporter.run(&ended))?),
        stop_pacer,
        end_reporter,
        engine: Some(engine),
        ledger: Some(ledger),
        recorder: recorder.clone(),
        work,
    })
}

/// The first window that begins at or after a moment: an even load then fills windows evenly.
fn next_window(moment: Moment) -> Moment {
    Moment(moment.0.div_ceil(WINDOW_MICROS) * WINDOW_MICROS)
}

fn spawn<T: Send + 'static>(
    name: &str,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<std::thread::JoinHandle<T>, PortError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(body).map_err(|error| PortError(format!("the {name} cannot start: {error}")))
}
