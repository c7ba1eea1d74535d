//! `chaos report DIR`: judges and renders an experiment again, from its journals alone.

use chaos_reports::judge::exit_code;

use crate::cli::{ReportArguments, Show};
use crate::command::run::present;
use crate::exit::Failure;
use crate::experiment::{Experiment, formats, judge, write_reports};

/// Writes the reports; the exit code is that of the experiment.
pub fn execute(arguments: &ReportArguments, show: Show) -> Result<u8, Failure> {
    let formats = formats(&arguments.format).map_err(Failure::Usage)?;
    let experiment =
        Experiment::open(&arguments.folder).map_err(|e| Failure::Usage(e.to_string()))?;
    let report = judge(&experiment).map_err(Failure::environment)?;
    let paths = write_reports(&experiment, &report, &formats).map_err(Failure::environment)?;
    present(&report, &paths, show)?;
    Ok(exit_code(&report, false, false))
}
