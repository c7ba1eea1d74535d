//! An experiment on disk: its folder, what was planned, and where each run leaves what it saw.
//! Everything under `report/` can be made again from the rest.

mod conduct;
mod judge;
mod resume;

use std::fs;
use std::path::{Path, PathBuf};

use chaos_reports::judge::report::ExperimentHeader;
use chaos_scenarios::plan::{Plan, RunKind};
use serde::{Deserialize, Serialize};

pub use conduct::{Bench, conduct};
pub use judge::{formats, judge, write_reports};

/// Version of `experiment.json`.
const FORMAT: u32 = 1;
const FILE: &str = "experiment.json";

/// What `experiment.json` holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Experiment {
    format: u32,
    /// What is known apart from the runs.
    pub header: ExperimentHeader,
    /// What was planned, in the order of the runs.
    pub plans: Vec<Plan>,
    /// Where it lives; known when it was created or opened.
    #[serde(skip)]
    pub folder: PathBuf,
}

/// An experiment's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is something already.
    #[error("the output folder {} exists and is not empty; choose another with --out", .0.display())]
    Exists(PathBuf),
    /// One of the compressed files of a run cannot be read.
    #[error(transparent)]
    Lines(#[from] crate::folder::FolderError),
    /// It cannot be written.
    #[error("{} cannot be written: {source}; choose another folder with --out", path.display())]
    Write {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be read.
    #[error("{} cannot be read: {source}; name the folder of an experiment", path.display())]
    Read {
        /// What could not be read.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It was written by another version, or by hand.
    #[error("{} is not an experiment of this version: {reason}", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is odd.
        reason: String,
    },
}

impl Experiment {
    /// Makes the folder and writes down what is planned.
    pub fn create(
        folder: &Path,
        header: ExperimentHeader,
        plans: Vec<Plan>,
    ) -> Result<Self, FolderError> {
        Self::check_folder(folder)?;
        let experiment = Self { format: FORMAT, header, plans, folder: folder.to_owned() };
        let text = serde_json::to_vec_pretty(&experiment).expect("plans are plain data");
        write(&folder.join(FILE), &text)?;
        Ok(experiment)
    }

    /// Whether a folder can be taken for a new experiment: it is missing or empty.
    pub fn check_folder(folder: &Path) -> Result<(), FolderError> {
        let occupied = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        if occupied || folder.is_file() {
            return Err(FolderError::Exists(folder.to_owned()));
        }
        Ok(())
    }

    /// Reads what was planned.
    pub fn open(folder: &Path) -> Result<Self, FolderError> {
        let path = folder.join(FILE);
        let bytes =
            fs::read(&path).map_err(|source| FolderError::Read { path: path.clone(), source })?;
        let foreign = |reason: String| FolderError::Foreign { path: path.clone(), reason };
        let mut experiment: Self =
            serde_json::from_slice(&bytes).map_err(|error| foreign(error.to_string()))?;
        if experiment.format != FORMAT {
            return Err(foreign(format!("format {}, expected {FORMAT}", experiment.format)));
        }
        folder.clone_into(&mut experiment.folder);
        Ok(experiment)
    }

    /// The folder of a run.
    pub fn run_folder(&self, plan: &Plan) -> PathBuf {
        self.folder.join("runs").join(run_id(plan))
    }
}

/// Whether a plan is carried out: it applies to its target, and this machine can do what it asks.
fn is_run(plan: &Plan) -> bool {
    plan.not_applicable.is_none() && plan.host_lacks.is_none()
}

/// The id of a run within its experiment, which is also its path: `broker-down/broker@hardened/1`.
pub fn run_id(plan: &Plan) -> String {
    let number = match (plan.kind, &plan.mutants[..]) {
        (RunKind::Fault, []) => plan.repeat.to_string(),
        (RunKind::Control, []) => format!("control-{}", plan.repeat),
        // Nobody may take the result of an exam for one of the target, whatever the format.
        (_, planted) => format!("EXAM-{}-{}", planted.join("+"), plan.repeat),
    };
    format!("{}/{}@{}/{number}", plan.scenario, plan.target.name, plan.mode)
}

/// Writes a file and the folders above it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let written =
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    written.map_err(|source| FolderError::Write { path: path.to_owned(), source })
}
