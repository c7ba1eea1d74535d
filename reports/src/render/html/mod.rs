//! `index.html`: one page with everything, for people.

use super::{Artifact, RenderError};
use crate::judge::report::ExperimentReport;

/// Writes `index.html`.
pub(super) fn render(_report: &ExperimentReport) -> Result<Vec<Artifact>, RenderError> {
    Ok(Vec::new())
}
