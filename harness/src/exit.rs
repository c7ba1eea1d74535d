//! From an outcome to what the shell sees: failures of commands, their exit codes and how they are
//! told. Messages name the thing and say what to do.

use std::process::ExitCode;

use chaos_scenarios::text::Diagnostics;

use crate::terminal;

/// Exit code of wrong usage, or of a file that does not validate.
pub const USAGE: u8 = 2;
/// Exit code of an environment or harness that failed.
pub const ENVIRONMENT: u8 = 3;
/// Exit code of a host that could not be cleaned.
pub const DIRTY: u8 = 6;

/// The exit code of an experiment that was told to stop, even if that came between two runs; only
/// a host that is dirty is worse.
pub fn unless_interrupted(judged: u8, signal: Option<&str>) -> u8 {
    match signal {
        Some(_) if judged == DIRTY => DIRTY,
        Some("SIGTERM") => 143,
        Some(_) => 130,
        None => judged,
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Files have mistakes.
    #[error("{} of the files cannot be used", .0.len())]
    Files(Vec<Diagnostics>),
    /// The environment, or the harness itself, failed.
    #[error("{0}")]
    Environment(String),
    /// Something could not be removed.
    #[error("{0}")]
    Dirty(String),
}

impl Failure {
    /// An environment that failed, from any error that says what to do.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "reads well as `map_err(Failure::environment)`"
    )]
    pub fn environment(error: impl ToString) -> Self {
        Self::Environment(error.to_string())
    }

    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Files(_) => USAGE,
            Self::Environment(_) => ENVIRONMENT,
            Self::Dirty(_) => DIRTY,
        }
    }
}

/// Tells a failure, and turns an outcome into the exit code of the process.
pub fn code(outcome: Result<u8, Failure>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            match &failure {
                Failure::Files(files) => terminal::diagnostic::show(files),
                other => terminal::error(&other.to_string()),
            }
            ExitCode::from(failure.code())
        }
    }
}
