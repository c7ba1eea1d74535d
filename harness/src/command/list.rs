//! `chaos list`: what there is, one line each.

use chaos_scenarios::measure::Measure;
use chaos_scenarios::{claim, fault, library, scenario};
use chaos_targets::CATALOGUE;
use serde_json::{Value, json};

use crate::cli::{ListArguments, Listed, Output, Show};
use crate::exit::Failure;
use crate::terminal;

/// Prints the list.
pub fn execute(arguments: ListArguments, show: Show) -> Result<u8, Failure> {
    let lines = match arguments.what {
        Listed::Scenarios => scenarios(),
        Listed::Targets => {
            CATALOGUE.iter().map(|it| (it.name.to_owned(), it.title.to_owned())).collect()
        }
        Listed::Faults => {
            fault::FAULTS.iter().map(|it| (it.0.to_owned(), it.1.to_owned())).collect()
        }
        Listed::Measures => {
            Measure::all().map(|it| (it.to_string(), it.describe().to_owned())).collect()
        }
        Listed::Claims => claim::all().iter().map(|it| (it.id.clone(), it.says.clone())).collect(),
    };
    match show.output {
        Output::Human => terminal::result(&aligned(&lines)),
        Output::Json => {
            let list: Vec<Value> =
                lines.iter().map(|(name, text)| json!({"name": name, "text": text})).collect();
            terminal::result(&Value::from(list).to_string());
        }
    }
    Ok(0)
}

fn scenarios() -> Vec<(String, String)> {
    let title = |name| {
        let text = library::text(name).unwrap_or_default();
        let decoded = scenario::decode(&library::file_name(name), text);
        decoded.map_or_else(|_| String::new(), |file| file.scenario.title)
    };
    library::names().map(|name| (name.to_owned(), title(name))).collect()
}

fn aligned(lines: &[(String, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines
        .iter()
        .fold(String::new(), |text, (name, about)| format!("{text}{name:width$}  {about}\n"))
}
