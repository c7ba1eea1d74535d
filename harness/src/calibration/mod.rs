//! A measuring instrument is worth what its calibration says. Here a server whose outages and
//! response times are known takes the place of a target; a run against it goes the whole way, from
//! the pacer to the judgement, and what is reported is set against what is true.

pub mod case;
pub mod clock;
pub mod compare;
pub mod conduct;
pub mod quick;
pub mod runtime;
pub mod stub;
pub mod suite;
pub mod table;
pub mod truth;

/// Why a calibration could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CalibrationError(pub String);

impl CalibrationError {
    /// From any error that says what to do.
    #[expect(clippy::needless_pass_by_value, reason = "reads well as `map_err(Self::of)`")]
    pub(crate) fn of(error: impl ToString) -> Self {
        Self(error.to_string())
    }
}
