//! `chaos validate FILE...`: every mistake of scenario and target files, in place.

use std::io::Read;
use std::path::Path;

use chaos_scenarios::text::tree::LENGTH_LIMIT;
use chaos_scenarios::text::{Diagnostics, Place};
use chaos_scenarios::{scenario, target};

use crate::cli::{Output, Show, ValidateArguments};
use crate::exit::Failure;
use crate::terminal;

/// Checks the files; 0 if all can be used.
pub fn execute(arguments: &ValidateArguments, show: Show) -> Result<u8, Failure> {
    let mut wrong = Vec::new();
    for path in &arguments.files {
        wrong.extend(check(path).err());
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

fn check(path: &Path) -> Result<(), Diagnostics> {
    let File { shown: file, name, text } = read(path)?;
    if is_target(&text) {
        target::decode(&file, &name, &text).map(drop)
    } else {
        scenario::decode(&file, &text).map(drop)
    }
}

/// A file that somebody named.
pub(super) struct File {
    /// The name that mistakes are shown with.
    pub(super) shown: String,
    /// A short name for what it describes.
    pub(super) name: String,
    /// What is in it.
    pub(super) text: String,
}

/// Reads a file, no further than any may be long; what is no file might be read without an end.
pub(super) fn read(path: &Path) -> Result<File, Diagnostics> {
    let file = path.display().to_string();
    let refused = |reason: &dyn std::fmt::Display| {
        let mut wrong = Diagnostics::new(&file, "");
        wrong.add(Place::default(), format!("{file} cannot be read: {reason}"));
        wrong
    };
    let kind = std::fs::metadata(path).map_err(|error| refused(&error))?;
    if !kind.is_file() {
        let what = if kind.is_dir() { "it is a folder" } else { "it is no plain file" };
        return Err(refused(&what));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|opened| opened.take(LENGTH_LIMIT as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| refused(&error))?;
    let text = text(&file, bytes)?;
    Ok(File { name: short_name(path), shown: file, text })
}

/// Bytes as text. Of a file that is too long the end may be half a character: that it is too long
/// is said later.
fn text(file: &str, bytes: Vec<u8>) -> Result<String, Diagnostics> {
    let is_whole = bytes.len() <= LENGTH_LIMIT;
    String::from_utf8(bytes).or_else(|error| {
        let start = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        if !is_whole {
            return Ok(text);
        }
        let mut wrong = Diagnostics::new(file, &text);
        let place = Place { start, end: start + '\u{fffd}'.len_utf8() };
        wrong.add(place, "this is not UTF-8").help = Some("save the file as UTF-8".to_owned());
        Err(wrong)
    })
}

fn short_name(path: &Path) -> String {
    let stem =
        path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let generic = ["compose", "docker-compose"].contains(&stem.as_str());
    let folder = std::path::absolute(path).ok().and_then(|path| {
        path.parent()?.file_name().map(|name| name.to_string_lossy().into_owned())
    });
    folder.filter(|_| generic).unwrap_or(stem)
}

/// A Compose file has services at its top; a scenario never does.
pub(super) fn is_target(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("services:") || line.starts_with("x-chaos:"))
}
