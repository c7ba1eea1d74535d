//! `chaos down`: stops and removes targets that were left running.

use serde_json::json;

use super::block_on;
use crate::clean::{Scope, clean};
use crate::cli::{DownArguments, Output, Show};
use crate::exit::Failure;
use crate::{docker, terminal};

/// Removes every kept run, or those of one target.
pub fn execute(arguments: &DownArguments, show: Show) -> Result<u8, Failure> {
    block_on(async {
        let daemon = docker::connect(false).await.map_err(Failure::environment)?;
        let found = docker::find_runs(&daemon).await.map_err(Failure::environment)?;
        let asked = |target: &str| arguments.target.as_deref().is_none_or(|name| name == target);
        let mut removed = Vec::new();
        for run in found.iter().filter(|run| run.kept && asked(&run.target)) {
            let scope = Scope::Run(&run.run);
            let cleaned = clean(&daemon, scope).await.map_err(Failure::environment)?;
            if let Some((object, error)) = cleaned.left.first() {
                return Err(Failure::Dirty(format!("{object} could not be removed: {error}")));
            }
            removed.push(run.target.clone());
        }
        match (show.output, removed.is_empty()) {
            (Output::Json, _) => terminal::result(&json!({"removed": removed}).to_string()),
            (Output::Human, true) => terminal::result("nothing was left running"),
            (Output::Human, false) => terminal::result(&format!("removed {}", removed.join(", "))),
        }
        Ok(0)
    })
}
