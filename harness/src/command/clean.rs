//! `chaos clean`: removes what ended runs left behind, by their labels alone.

use super::block_on;
use crate::clean::{self, Scope};
use crate::cli::{CleanArguments, Output, Show};
use crate::exit::Failure;
use crate::lock::Lock;
use crate::{docker, terminal};

/// Removes leftovers; 6 if something is left.
pub fn execute(arguments: CleanArguments, show: Show) -> Result<u8, Failure> {
    block_on(async {
        let daemon = docker::connect(false).await.map_err(Failure::environment)?;
        let _lock = Lock::take(&daemon.facts.id).map_err(Failure::environment)?;
        let scope = if arguments.all { Scope::All } else { Scope::Dead };
        let cleaned = clean::clean(&daemon, scope).await.map_err(Failure::environment)?;
        match show.output {
            Output::Human => terminal::result(&sentence(&cleaned)),
            Output::Json => {
                let json = serde_json::json!({
                    "removed": cleaned.removed, "left": cleaned.left, "kept": cleaned.kept,
                });
                terminal::result(&json.to_string());
            }
        }
        if cleaned.left.is_empty() {
            return Ok(0);
        }
        Err(Failure::Dirty(format!("could not be removed: {}", cleaned.left.join(", "))))
    })
}

fn sentence(cleaned: &clean::Cleaned) -> String {
    let mut text = match cleaned.removed.len() {
        0 => "nothing to remove".to_owned(),
        1 => "removed 1 object".to_owned(),
        count => format!("removed {count} objects"),
    };
    for object in &cleaned.removed {
        text.push_str(&format!("\n  {object}"));
    }
    if cleaned.kept > 0 {
        let kept = cleaned.kept;
        text.push_str(&format!("\n{kept} objects were left running on purpose; `--all` removes them"));
    }
    text
}
