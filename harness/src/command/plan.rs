//! `chaos plan`: what a run would start, touch and measure. Docker is not even asked.

use chaos_scenarios::plan::render;

use crate::cli::{Output, RunArguments, Show};
use crate::command::selection;
use crate::exit::Failure;
use crate::terminal;

/// Prints the plans.
pub fn execute(arguments: &RunArguments, show: Show) -> Result<u8, Failure> {
    let chosen = selection::choose(&arguments.selection)?;
    match show.output {
        Output::Human => {
            let texts: Vec<String> = chosen.plans.iter().map(render).collect();
            terminal::result(&texts.join("\n\n"));
        }
        Output::Json => {
            let text = serde_json::to_string_pretty(&chosen.plans).map_err(Failure::environment)?;
            terminal::result(&text);
        }
    }
    Ok(0)
}
