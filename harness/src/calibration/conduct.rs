//! One run of a calibration, by the engine that makes every other run; only the containers are
//! missing. What it left on disk is read again and judged, as `chaos report` would.

use std::path::Path;
use std::sync::Arc;

use chaos_reports::judge::{Judgement, judge};
use chaos_reports::record::event::{Ending, Host};
use chaos_reports::record::final_state::FinalState;
use chaos_reports::record::journal;
use chaos_reports::record::order::OrderRecord;
use chaos_reports::record::run_record::RunRecord;

use super::CalibrationError;
use super::case::Case;
use super::clock::Origin;
use super::runtime::{StubRuntime, Times};
use super::stub::Log;
use crate::audit::HttpAuditor;
use crate::folder::{FINAL_STATE, ORDERS, read_final_state, read_orders};
use crate::load::Generator;
use crate::port::{Identity, Ports};
use crate::recorder::Recorder;
use crate::run::{Run, Setting};
use crate::stop::Stop;

/// What a run reported, and what truly happened.
#[derive(Debug)]
pub struct Conducted {
    /// What it was about.
    pub case: Case,
    /// The journal, folded.
    pub record: RunRecord,
    /// The ledger.
    pub orders: Vec<OrderRecord>,
    /// What is reported.
    pub judgement: Judgement,
    /// Moment 0 on the shared clock.
    pub origin: Origin,
    /// When the outage was.
    pub times: Times,
    /// What the stub did.
    pub log: Log,
}

/// Makes the run of a case; `program` is the harness itself, which is started as the stub.
pub async fn conduct(
    case: Case,
    seed: u64,
    program: &Path,
    stop: Stop,
) -> Result<Conducted, CalibrationError> {
    let folder = tempfile::tempdir().map_err(CalibrationError::of)?;
    let path = folder.path().join("journal.jsonl");
    let file = std::fs::File::create_new(&path).map_err(CalibrationError::of)?;
    let runtime = Arc::new(StubRuntime::new(program, case));
    let ports = Ports {
        runtime: Arc::clone(&runtime),
        load: Arc::new(Generator),
        auditor: Arc::new(HttpAuditor::new().map_err(CalibrationError::of)?),
    };
    let recorder = Recorder::new(Box::new(file));
    let run = Run::new(case.plan(seed)?, setting(folder.path()), ports, recorder, stop);
    // A future of the whole run is large.
    let ending = Box::pin(run.execute()).await;
    if !matches!(ending, Ending::Complete | Ending::NotSteady { .. }) {
        return Err(CalibrationError(format!(
            "the run of `{}` ended early: {ending:?}",
            case.name
        )));
    }
    let (origin, times, log) =
        runtime.truth().ok_or_else(|| CalibrationError("the stub told nothing".to_owned()))?;
    let bytes = std::fs::read(&path).map_err(CalibrationError::of)?;
    let record = journal::read(&bytes).map_err(CalibrationError::of)?;
    let orders = read_orders(&folder.path().join(ORDERS)).map_err(CalibrationError::of)?;
    let path = folder.path().join(FINAL_STATE);
    let rows = if path.exists() {
        read_final_state(&path).map_err(CalibrationError::of)?
    } else {
        Vec::new()
    };
    let state = FinalState { rows, unread: record.audit_failed.clone() };
    let judgement = judge(&record, &orders, &state);
    Ok(Conducted { case, record, orders, judgement, origin, times, log })
}

fn setting(folder: &Path) -> Setting {
    let identity = Identity {
        experiment: "calibration".to_owned(),
        run: "calibration".to_owned(),
        expires_at: 0,
        kept: false,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let target_cpus = (cores - 1).to_string();
    let host = Host { cores: u32::try_from(cores).unwrap_or(0), target_cpus, ..Host::default() };
    Setting { identity, host, folder: folder.to_owned() }
}
