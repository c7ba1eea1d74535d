//! `chaos completions SHELL`: a script that completes commands and options.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::exit::Failure;
use crate::terminal;

/// Prints the script.
pub fn execute(shell: Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "chaos", &mut script);
    terminal::result(&String::from_utf8_lossy(&script));
    Ok(0)
}
