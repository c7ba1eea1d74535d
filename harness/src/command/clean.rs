//! `chaos clean`: removes what ended runs left behind, by their labels alone.

use serde_json::json;

use super::block_on;
use crate::clean::{self, Cleaned, Scope};
use crate::cli::{CleanArguments, Output, Show};
use crate::docker::{Daemon, DockerError, Object};
use crate::exit::Failure;
use crate::lock::Lock;
use crate::{docker, terminal};

/// Removes leftovers; 6 if something is left.
pub fn execute(arguments: CleanArguments, show: Show) -> Result<u8, Failure> {
    block_on(async {
        let daemon = docker::connect(false).await.map_err(Failure::environment)?;
        let _lock = Lock::acquire(&daemon.facts.name()).map_err(Failure::environment)?;
        let scope = if arguments.all { Scope::All } else { Scope::Dead };
        let cleaned = thoroughly(&daemon, scope).await.map_err(Failure::environment)?;
        match show.output {
            Output::Human => terminal::result(&sentence(&cleaned)),
            Output::Json => {
                let removed: Vec<String> = names(cleaned.removed.iter());
                let left: Vec<String> = names(cleaned.left.iter().map(|(object, _)| object));
                let spared: Vec<&String> = cleaned.spared.keys().collect();
                let json = json!({"removed": removed, "left": left, "spared": spared});
                terminal::result(&json.to_string());
            }
        }
        match cleaned.left.first() {
            None => Ok(0),
            Some((object, error)) => {
                Err(Failure::Dirty(format!("{object} could not be removed: {error}")))
            }
        }
    })
}

/// What was killed a moment ago may not have come to its first object yet.
async fn thoroughly(daemon: &Daemon, scope: Scope<'_>) -> Result<Cleaned, DockerError> {
    let cleaned = clean::clean(daemon, scope).await?;
    if !cleaned.removed.is_empty() {
        return Ok(cleaned);
    }
    tokio::time::sleep(clean::LATE).await;
    clean::clean(daemon, scope).await
}

fn sentence(cleaned: &Cleaned) -> String {
    let summary = match cleaned.removed.len() {
        0 => "nothing to remove".to_owned(),
        1 => "removed 1 object".to_owned(),
        count => format!("removed {count} objects"),
    };
    let removed = cleaned.removed.iter().map(|object| format!("  {object}"));
    let spared = cleaned.spared.iter().map(|(run, why)| format!("run {run} was left alone: {why}"));
    let lines: Vec<String> = std::iter::once(summary).chain(removed).chain(spared).collect();
    lines.join("\n")
}

fn names<'a>(objects: impl Iterator<Item = &'a Object>) -> Vec<String> {
    objects.map(ToString::to_string).collect()
}
