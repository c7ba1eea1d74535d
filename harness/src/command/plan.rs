//! `chaos plan`: what a run would start, touch and measure. Docker is not even asked.

use chaos_scenarios::plan::render;

use crate::cli::{Output, RunArguments, Show};
use crate::command::selection;
use crate::exit::Failure;
use crate::experiment::Experiment;
use crate::terminal;

/// Prints the plans.
pub fn execute(arguments: &RunArguments, show: Show) -> Result<u8, Failure> {
    let plans = match &arguments.resume {
        Some(folder) => {
            let experiment = Experiment::open(folder);
            experiment.map_err(|error| Failure::Usage(error.to_string()))?.plans
        }
        None => selection::choose(&arguments.selection)?.plans,
    };
    match show.output {
        Output::Human => {
            let texts: Vec<String> = plans.iter().map(render).collect();
            terminal::result(&texts.join("\n\n"));
        }
        Output::Json => {
            let text = serde_json::to_string_pretty(&plans).map_err(Failure::environment)?;
            terminal::result(&text);
        }
    }
    Ok(0)
}
