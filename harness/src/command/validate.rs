//! `chaos validate FILE...`: every mistake of scenario and target files, in place.

use std::path::Path;

use chaos_scenarios::text::Diagnostics;
use chaos_scenarios::{scenario, target};

use crate::cli::{Output, Show, ValidateArguments};
use crate::exit::Failure;
use crate::terminal;

/// Checks the files; 0 if all can be used.
pub fn execute(arguments: &ValidateArguments, show: Show) -> Result<u8, Failure> {
    let mut wrong = Vec::new();
    for path in &arguments.files {
        if let Err(diagnostics) = check(path)? {
            wrong.push(diagnostics);
        }
    }
    if show.output == Output::Json {
        let list: Vec<_> = wrong.iter().flat_map(|file| &file.list).collect();
        terminal::result(&serde_json::to_string(&list).unwrap_or_default());
    }
    if !wrong.is_empty() {
        return Err(Failure::Files(wrong));
    }
    if show.output == Output::Human {
        let count = arguments.files.len();
        terminal::result(&format!(
            "{count} {} valid",
            if count == 1 { "file is" } else { "files are" }
        ));
    }
    Ok(0)
}

fn check(path: &Path) -> Result<Result<(), Diagnostics>, Failure> {
    let (file, name, text) = read(path)?;
    Ok(if is_target(&text) {
        target::decode(&file, &name, &text).map(drop)
    } else {
        scenario::decode(&file, &text).map(drop)
    })
}

/// Display name, short name and text of a file.
pub(super) fn read(path: &Path) -> Result<(String, String, String), Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))?;
    let stem =
        path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let generic = ["compose", "docker-compose"].contains(&stem.as_str());
    let folder = std::path::absolute(path).ok().and_then(|path| {
        path.parent()?.file_name().map(|name| name.to_string_lossy().into_owned())
    });
    let name = folder.filter(|_| generic).unwrap_or(stem);
    Ok((path.display().to_string(), name, text))
}

/// A Compose file has services at its top; a scenario never does.
pub(super) fn is_target(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("services:") || line.starts_with("x-chaos:"))
}
