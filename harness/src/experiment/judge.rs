//! From what runs left on disk to one report: the same path for a run that just ended and for one
//! of last year, so that both give the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use chaos_reports::judge::judge as judge_run;
use chaos_reports::judge::report::{Beside, ExperimentReport, RunReport};
use chaos_reports::record::final_state::FinalState;
use chaos_reports::record::journal;
use chaos_reports::record::order;
use chaos_reports::record::run_record::RunRecord;
use chaos_reports::render::{FORMATS, Format};
use chaos_scenarios::plan::Plan;

use super::resume::attempts;
use super::{Experiment, FolderError, is_run, run_id, write};
use crate::folder;

/// Journal of a run within its folder.
pub(super) const JOURNAL: &str = "journal.jsonl";

/// Reads and judges every run that left a journal, and every plan that was not applicable.
pub fn judge(experiment: &Experiment) -> Result<ExperimentReport, FolderError> {
    let mut runs = Vec::new();
    let mut beside = Beside::default();
    for plan in &experiment.plans {
        let folder = experiment.run_folder(plan);
        if !is_run(plan) || folder.join(JOURNAL).is_file() {
            runs.push(judge_plan(experiment, plan)?);
        } else {
            beside.unmade.push(run_id(plan));
        }
        let attempts = attempts(&folder).into_iter().flatten();
        beside.set_aside.extend(attempts.filter(|place| place.is_dir()).filter_map(|place| {
            Some(place.strip_prefix(&experiment.folder).ok()?.display().to_string())
        }));
    }
    Ok(ExperimentReport::new(experiment.header.clone(), runs, beside))
}

/// Judges one plan by what its run left.
pub(super) fn judge_plan(experiment: &Experiment, plan: &Plan) -> Result<RunReport, FolderError> {
    let folder = experiment.run_folder(plan);
    let record = match is_run(plan) {
        true => read_journal(&folder.join(JOURNAL))?,
        false => RunRecord { plan: Some(Box::new(plan.clone())), ..RunRecord::default() },
    };
    let mut orders = if_there(&folder.join(folder::ORDERS), folder::read_orders)?;
    let polls = if_there(&folder.join(folder::POLLS), folder::read_polls)?;
    order::attach(&mut orders, polls);
    let rows = if_there(&folder.join(folder::FINAL_STATE), folder::read_final_state)?;
    let final_state = FinalState { rows, unread: record.audit_failed.clone() };
    let judgement = judge_run(&record, &orders, &final_state);
    let id = run_id(plan);
    let folder = format!("runs/{id}");
    Ok(RunReport { id, plan: plan.into(), record, judgement, folder })
}

fn read_journal(path: &Path) -> Result<RunRecord, FolderError> {
    let bytes =
        fs::read(path).map_err(|source| FolderError::Read { path: path.to_owned(), source })?;
    journal::read(&bytes)
        .map_err(|error| FolderError::Foreign { path: path.to_owned(), reason: error.to_string() })
}

/// What a file holds; a run that ended early may not have come to write it.
fn if_there<T>(
    path: &Path,
    read: impl Fn(&Path) -> Result<Vec<T>, folder::FolderError>,
) -> Result<Vec<T>, FolderError> {
    if path.exists() { Ok(read(path)?) } else { Ok(Vec::new()) }
}

/// Renders the asked formats into `report/`; the paths that were written, most telling first.
pub fn write_reports(
    experiment: &Experiment,
    report: &ExperimentReport,
    formats: &[&'static Format],
) -> Result<Vec<PathBuf>, FolderError> {
    let folder = experiment.folder.join("report");
    let mut paths = Vec::new();
    for format in formats {
        let artifacts = (format.render)(report).map_err(|error| FolderError::Foreign {
            path: folder.join(format.name),
            reason: error.to_string(),
        })?;
        for artifact in artifacts {
            let path = folder.join(&artifact.path);
            write(&path, &artifact.bytes)?;
            paths.push(path);
        }
    }
    Ok(paths)
}

/// The formats of these names.
pub fn formats(names: &[String]) -> Result<Vec<&'static Format>, String> {
    let known = || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    names
        .iter()
        .map(|name| {
            let found = FORMATS.iter().find(|format| format.name == name);
            found.ok_or_else(|| {
                format!("no report format is called `{name}` (formats: {})", known())
            })
        })
        .collect()
}
