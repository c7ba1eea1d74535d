//! The short form of a calibration, for the machine that a person sits at: how well its timers and
//! cores hold, what each engine can send here, and how far one known outage is misjudged.

use std::path::Path;
use std::time::{Duration, Instant};

use chaos_reports::record::event::CpuKept;
use chaos_reports::statistics::Histogram;
use chaos_scenarios::quantity::Span;
use tokio::time::sleep;

use super::CalibrationError;
use super::case::{Case, Lengths};
use super::clock;
use super::compare::{Compared, compare};
use super::conduct::conduct;
use super::stub::{Latency, Setup, StubProcess, Trouble};
use crate::load::Generator;
use crate::port::{Load, LoadGenerator};
use crate::recorder::Recorder;
use crate::sample::CpuWatch;
use crate::stop::Stop;

/// Arrivals per second that each engine is tried at, until it falls short.
const RATES: [f64; 5] = [1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0];
/// How long each rate is tried.
const TRIAL: Duration = Duration::from_millis(600);
/// Clients of a trial give up after this time.
const TRIAL_TIMEOUT: Span = Span::milliseconds(300);
/// goose stands so many users up in reasonable time.
const GOOSE_USERS: u32 = 5_000;
/// A trial is sound if 99 of 100 requests leave within this, microseconds, as a run must be.
const LAG_LIMIT: u64 = 10_000;
/// And if no more than this share cannot be sent.
const NOT_SENT_LIMIT: f64 = 0.001;
/// Sleeps that the timer is judged by, and their length.
const SLEEPS: u32 = 200;
const SLEEP: Duration = Duration::from_millis(1);
/// What the pacer of a load asks of the kernel.
const TIMER_SLACK_NANOS: u64 = 1_000;

/// Middle, 99th percentile and largest of some times, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Largest.
    pub most: u64,
}

impl Spread {
    fn of(times: &Histogram) -> Self {
        let at = |share| times.quantile(share).unwrap_or(0);
        Self { p50: at(0.5), p99: at(0.99), most: at(1.0) }
    }
}

/// One engine at one rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// `goose` or `direct`.
    pub engine: &'static str,
    /// Arrivals per second.
    pub rate: f64,
    /// Sent − due.
    pub lag: Spread,
    /// Share of the arrivals that could not be sent.
    pub not_sent: f64,
    /// CPU time of the whole harness per request, microseconds.
    pub cpu: f64,
}

impl Trial {
    /// Whether a run at this rate would be valid.
    pub fn is_sound(&self) -> bool {
        self.lag.p99 <= LAG_LIMIT && self.not_sent <= NOT_SENT_LIMIT
    }
}

/// What the short form found.
#[derive(Debug, Clone, PartialEq)]
pub struct Quick {
    /// By how much a sleep of a millisecond is too long.
    pub timer: Spread,
    /// What kept us from our cores meanwhile.
    pub kept: Option<CpuKept>,
    /// Engines and rates, ascending, up to the first that is not sound.
    pub trials: Vec<Trial>,
    /// The known outage.
    pub outage: Case,
    /// How far it was misjudged.
    pub compared: Compared,
}

/// Calibrates on this machine; `program` is the harness itself.
pub async fn calibrate(program: &Path, stop: &Stop) -> Result<Quick, CalibrationError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut watch = CpuWatch::new(&(cores - 1).to_string());
    let begun = clock::now();
    let mut look = || watch.look(chaos_reports::record::Moment(clock::now() - begun));
    look();
    let timer = tokio::task::spawn_blocking(timer).await.map_err(CalibrationError::of)?;
    let outage = outage();
    let compared = compare(&conduct(outage, 1, program, stop.clone()).await?)?;
    let trials = trials(program, stop).await?;
    Ok(Quick { timer, kept: look(), trials, outage, compared })
}

/// A service that is refused for most of a second, and then for as long as a recovery must last.
fn outage() -> Case {
    let mut case = Case::new("refused", Trouble::Refuse, 500.0, "goose");
    case.lengths = Lengths {
        warm_up: Span::milliseconds(500),
        baseline: Span::milliseconds(1_000),
        outage: Span::milliseconds(700),
        horizon: Span::milliseconds(5_400),
    };
    case
}

fn timer() -> Spread {
    // Without it the kernel adds 50 us, which the figure shows.
    let _ = nix::sys::prctl::set_timerslack(TIMER_SLACK_NANOS);
    let mut late = Histogram::default();
    for _ in 0..SLEEPS {
        let begun = Instant::now();
        std::thread::sleep(SLEEP);
        late.add(micros(begun.elapsed().saturating_sub(SLEEP)), 1);
    }
    Spread::of(&late)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

async fn trials(program: &Path, stop: &Stop) -> Result<Vec<Trial>, CalibrationError> {
    let setup = Setup { latency: Latency { least: 0, most: 0 }, noise: 0.0 };
    let stub = StubProcess::start(program, setup).await?;
    let mut trials = Vec::new();
    for engine in ["goose", "direct"] {
        for rate in RATES {
            if stop.signal().is_some() {
                return Err(CalibrationError("it was told to stop".to_owned()));
            }
            let Some(trial) = trial(engine, rate, stub.port()).await? else { break };
            trials.push(trial);
            if !trial.is_sound() {
                break;
            }
        }
    }
    Ok(trials)
}

/// None if the engine is not meant for so many users.
async fn trial(
    engine: &'static str,
    rate: f64,
    port: u16,
) -> Result<Option<Trial>, CalibrationError> {
    let mut plan = Case::new("trial", Trouble::Error, rate, engine).plan(1)?.load;
    plan.workload.timeout = TRIAL_TIMEOUT;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
    let users = (rate * (TRIAL_TIMEOUT.as_seconds() + 0.2)).ceil() as u32;
    if engine == "goose" && users > GOOSE_USERS {
        return Ok(None);
    }
    plan.users = users;
    let folder = tempfile::tempdir().map_err(CalibrationError::of)?;
    let recorder = Recorder::new(Box::new(std::io::sink()));
    let url = format!("http://127.0.0.1:{port}");
    let load = Generator.start(&plan, 1, &url, &folder.path().join("orders"), &recorder).await;
    let load = load.map_err(CalibrationError::of)?;
    sleep(TRIAL).await;
    load.stop().await.map_err(CalibrationError::of)?;
    let generator = recorder.read(|record| record.generator.clone());
    let mut lag = Histogram::default();
    generator.lag.iter().for_each(|(value, count)| lag.add(*value, *count));
    let share = |part: u64| part as f64 / generator.due.max(1) as f64;
    Ok(Some(Trial {
        engine,
        rate,
        lag: Spread::of(&lag),
        not_sent: share(generator.not_sent),
        cpu: share(generator.cpu),
    }))
}
