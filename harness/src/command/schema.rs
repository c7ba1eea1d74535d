//! `chaos schema WHAT`: a JSON Schema, so that editors complete and mark while one types.

use chaos_scenarios::schema;

use crate::cli::Described;
use crate::exit::Failure;
use crate::terminal;

/// Prints the schema.
pub fn execute(what: Described) -> Result<u8, Failure> {
    let schema = match what {
        Described::Scenario => schema::scenario(),
        Described::Target => schema::target(),
    };
    terminal::result(&serde_json::to_string_pretty(&schema).map_err(Failure::environment)?);
    Ok(0)
}
