//! `chaos logs`: what the containers of a running target have written so far.

use std::path::{Path, PathBuf};

use super::{attach, block_on};
use crate::cli::LogsArguments;
use crate::exit::Failure;
use crate::port::Runtime;
use crate::terminal;

/// Prints the logs, one container after the other, each line with its container.
pub fn execute(arguments: &LogsArguments) -> Result<u8, Failure> {
    block_on(async {
        let (runtime, _) = attach(arguments.target.as_deref()).await?;
        let folder = tempfile::tempdir().map_err(Failure::environment)?;
        runtime.collect_logs(folder.path()).await.map_err(Failure::environment)?;
        for path in files(folder.path()).map_err(Failure::environment)? {
            let name = path.file_stem().map_or_else(String::new, |it| it.to_string_lossy().into());
            if asked(&name, &arguments.components) {
                print(&name, &path).map_err(Failure::environment)?;
            }
        }
        Ok(0)
    })
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder)?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// Whether `orders-1` is one of the asked components (all, if none is asked).
fn asked(replica: &str, components: &[String]) -> bool {
    let component = replica.rsplit_once('-').map_or(replica, |(component, _)| component);
    components.is_empty() || components.iter().any(|it| it == component || it == replica)
}

fn print(name: &str, path: &Path) -> std::io::Result<()> {
    let text = std::fs::read(path)?;
    let lines: Vec<String> = String::from_utf8_lossy(&text)
        .lines()
        .map(|line| format!("{name} | {}", console::strip_ansi_codes(line)))
        .collect();
    if !lines.is_empty() {
        terminal::result(&lines.join("\n"));
    }
    Ok(())
}
