//! `chaos`: one line per command; each lives in a file of its own.

use std::process::ExitCode;

use chaos_harness::cli::{Cli, Command};
use chaos_harness::{command, exit};
use clap::Parser;

fn main() -> ExitCode {
    let Cli { command, show } = Cli::parse();
    chaos_harness::terminal::prepare(show);
    let outcome = match command {
        Command::Run(arguments) => command::run::execute(&arguments, show),
        Command::Plan(arguments) => command::plan::execute(&arguments, show),
        Command::List(arguments) => command::list::execute(arguments, show),
        Command::Validate(arguments) => command::validate::execute(&arguments, show),
        Command::Schema { what } => command::schema::execute(what),
        Command::Report(arguments) => command::report::execute(&arguments, show),
        Command::Up(arguments) => command::up::execute(&arguments, show),
        Command::Down(arguments) => command::down::execute(&arguments, show),
        Command::Logs(arguments) => command::logs::execute(&arguments),
        Command::Redrive(arguments) => command::redrive::execute(&arguments, show),
        Command::Clean(arguments) => command::clean::execute(arguments, show),
        Command::Halt => command::halt::execute(),
        Command::Doctor(arguments) => command::doctor::execute(arguments, show),
        Command::Images => command::images::execute(show),
        Command::Completions { shell } => command::completions::execute(shell),
        Command::Helper(task) => return chaos_harness::helper::main(task),
        Command::TruthStub => return chaos_harness::calibration::stub::main(),
        Command::Refapp { role } => return chaos_targets::main(&role),
    };
    exit::code(outcome)
}
