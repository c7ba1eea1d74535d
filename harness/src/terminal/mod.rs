//! What a person sees. Results go to standard output, everything else to standard error; colours
//! only where they are shown and wanted.

pub mod diagnostic;
pub mod images;
pub mod progress;
pub mod table;

use std::io::Write;

use crate::cli::{Color, Show};

/// Sets up colours for the whole process.
pub fn prepare(show: Show) {
    let choice = match show.color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
    if let Some(colors) = forced(show.color) {
        console::set_colors_enabled(colors);
        console::set_colors_enabled_stderr(colors);
    }
    diagnostic::install();
}

fn forced(color: Color) -> Option<bool> {
    match color {
        Color::Auto if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) => {
            Some(false)
        }
        Color::Auto => None,
        Color::Always => Some(true),
        Color::Never => Some(false),
    }
}

/// Prints a result on standard output. A closed pipe ends the output, not the command.
pub fn result(text: &str) {
    let mut stdout = anstream::stdout().lock();
    let _ = writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush());
}

/// Tells something on standard error.
pub fn tell(text: &str) {
    let mut stderr = anstream::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}

/// Tells an error on standard error.
pub fn error(text: &str) {
    let word = console::style("error:").red().bold().for_stderr();
    tell(&format!("{word} {text}"));
}
