//! Packs the own executable into an image: with its shared libraries and their loader, started
//! through that loader, it runs on any base whatever distribution it was built on.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{ContextFile, context};
use crate::docker::error::DockerError;

/// Folder in the image.
const FOLDER: &str = "chaos";
/// The executable's name there.
const NAME: &str = "chaos";
/// The build context says here how the executable is started.
const DOCKERFILE: &str = "Dockerfile";
/// Bound of a tool that is asked.
const TOOL_LIMIT: Duration = Duration::from_secs(60);

/// The file of this process. The path stays valid if the file is replaced while it runs.
pub fn own_executable() -> PathBuf {
    PathBuf::from(format!("/proc/{}/exe", std::process::id()))
}

/// An executable and what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Executable {
    path: PathBuf,
    /// Name in the image → file here; sorted.
    libraries: Vec<(String, PathBuf)>,
    /// The loader's name in the image; none if nothing is loaded.
    loader: Option<String>,
    /// Content hash of all of it, before anything is stripped.
    pub(super) content: String,
}

impl Executable {
    /// Looks at an executable: finds its libraries, and hashes everything.
    pub(super) async fn read(path: &Path) -> Result<Self, DockerError> {
        let bytes = read_file(path).await?;
        let loader = loader(&bytes);
        let mut libraries = match &loader {
            Some(loader) => libraries(loader, path).await?,
            None => Vec::new(),
        };
        libraries.sort();
        let mut parts = vec![bytes];
        for (_, library) in &libraries {
            parts.push(read_file(library).await?);
        }
        let content = tokio::task::spawn_blocking(move || {
            let mut hasher = Sha256::new();
            parts.iter().for_each(|part| hasher.update(part));
            context::digits(&hasher.finalize())
        });
        let content = content.await.map_err(|error| refused(path, &error.to_string()))?;
        let loader = loader.and_then(|loader| name_of(&loader));
        Ok(Self { path: path.to_owned(), libraries, loader, content })
    }

    /// Adds it to a build context: the files, and how it is started.
    pub(super) async fn add_to(&self, files: &mut Vec<ContextFile>) -> Result<(), DockerError> {
        let file = |name: &str, content: Vec<u8>| ContextFile {
            path: Path::new(FOLDER).join(name),
            executable: true,
            content,
        };
        files.push(file(NAME, stripped(&self.path).await?));
        for (name, path) in &self.libraries {
            files.push(file(name, read_file(path).await?));
        }
        let entry = entry_point(self.loader.as_deref());
        for file in files.iter_mut().filter(|file| file.path == Path::new(DOCKERFILE)) {
            file.content = with_entry_point(&file.content, &entry);
        }
        Ok(())
    }
}

fn entry_point(loader: Option<&str>) -> String {
    match loader {
        Some(loader) => format!(
            "ENTRYPOINT [\"/{FOLDER}/{loader}\", \"--library-path\", \"/{FOLDER}\", \"/{FOLDER}/{NAME}\"]"
        ),
        None => format!("ENTRYPOINT [\"/{FOLDER}/{NAME}\"]"),
    }
}

/// A Dockerfile with another entry point: the loader's name differs between processors. It takes
/// the place of the written one, because every further line costs a step of the build.
fn with_entry_point(dockerfile: &[u8], entry: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(dockerfile);
    let is_entry = |line: &&str| line.starts_with("ENTRYPOINT");
    let lines = text.lines().map(|line| if is_entry(&line) { entry } else { line });
    let mut lines: Vec<&str> = lines.collect();
    if !text.lines().any(|line| is_entry(&line)) {
        lines.push(entry);
    }
    (lines.join("\n") + "\n").into_bytes()
}

/// The loader that a 64-bit little-endian ELF file names for itself; none for a static one.
fn loader(bytes: &[u8]) -> Option<PathBuf> {
    /// Type of the program header that names the loader.
    const INTERPRETER: u64 = 3;
    let number = |at: usize, length: usize| {
        let part = bytes.get(at..at.checked_add(length)?)?;
        Some(part.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let offset = |at: usize, length: usize| usize::try_from(number(at, length)?).ok();
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (offset(32, 8)?, offset(54, 2)?, offset(56, 2)?);
    let header = (0..count)
        .filter_map(|index| table.checked_add(index * size))
        .find(|header| number(*header, 4) == Some(INTERPRETER))?;
    let (start, length) = (offset(header + 8, 8)?, offset(header + 32, 8)?);
    let path = bytes.get(start..start.checked_add(length)?)?;
    let path = std::str::from_utf8(path).ok()?.trim_end_matches('\0');
    Some(PathBuf::from(path))
}

/// Asks the loader what it would load, itself included.
async fn libraries(
    loader: &Path,
    executable: &Path,
) -> Result<Vec<(String, PathBuf)>, DockerError> {
    let mut command = Command::new(loader);
    command.arg("--list").arg(executable).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(TOOL_LIMIT, command.output())
        .await
        .map_err(|_| refused(executable, "its loader does not answer"))?
        .map_err(|error| refused(executable, &format!("{}: {error}", loader.display())))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(refused(executable, &format!("{}{}", text.trim(), why.trim())));
    }
    let mut libraries = parse_list(&text).map_err(|line| refused(executable, &line))?;
    if let Some(name) = name_of(loader)
        && !libraries.iter().any(|(listed, _)| *listed == name)
    {
        libraries.push((name, loader.to_owned()));
    }
    Ok(libraries)
}

/// Lines such as `libc.so.6 => /lib/libc.so.6 (0x7f…)` or `/lib64/ld-linux.so.2 (0x7f…)`; a line
/// that tells of a missing library is the error.
fn parse_list(text: &str) -> Result<Vec<(String, PathBuf)>, String> {
    let mut libraries = Vec::new();
    for line in text.lines().map(str::trim) {
        let (written, found) = line.split_once(" => ").unwrap_or((line, line));
        if found.starts_with("not found") {
            return Err(format!("its library {written} is not on this machine"));
        }
        // Without a path: what the kernel itself brings along.
        let Some(path) = found.split(" (").next().filter(|path| path.starts_with('/')) else {
            continue;
        };
        let name = name_of(Path::new(written.split(" (").next().unwrap_or(written)));
        libraries.extend(name.map(|name| (name, PathBuf::from(path))));
    }
    Ok(libraries)
}

fn name_of(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

/// The executable without what only a debugger needs; as it is where there is no `strip`.
async fn stripped(path: &Path) -> Result<Vec<u8>, DockerError> {
    let failed = |error: std::io::Error| refused(path, &error.to_string());
    let folder = tempfile::tempdir().map_err(failed)?;
    let target = folder.path().join(NAME);
    let mut command = Command::new("strip");
    command.arg("-o").arg(&target).arg(path).stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(TOOL_LIMIT, command.output()).await {
        Ok(Ok(output)) if output.status.success() => read_file(&target).await,
        _ => read_file(path).await,
    }
}

async fn read_file(path: &Path) -> Result<Vec<u8>, DockerError> {
    tokio::fs::read(path).await.map_err(|error| refused(path, &error.to_string()))
}

fn refused(path: &Path, reason: &str) -> DockerError {
    DockerError::OwnExecutable { path: path.display().to_string(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_a_loader_is_read() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd1)\n\
            \tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f1)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n";
        let names: Vec<String> =
            parse_list(text).expect("complete").into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["libgcc_s.so.1", "libc.so.6", "ld-linux-x86-64.so.2"]);
        let error = parse_list("\tlibssl.so.9 => not found\n").expect_err("one is missing");
        assert_eq!(error, "its library libssl.so.9 is not on this machine");
    }

    #[tokio::test]
    async fn this_executable_is_packed_with_all_it_loads() {
        let path = std::env::current_exe().expect("this executable");
        let executable = Executable::read(&path).await.expect("it is read");
        let mut files = vec![ContextFile {
            path: DOCKERFILE.into(),
            executable: false,
            content: b"FROM x".to_vec(),
        }];
        executable.add_to(&mut files).await.expect("it is packed");
        let own = files.iter().find(|file| file.path == Path::new("chaos/chaos"));
        let own = own.expect("the executable itself");
        assert!(own.content.starts_with(b"\x7fELF"));
        if let Some(loader) = &executable.loader {
            let loader = Path::new(FOLDER).join(loader);
            assert!(files.iter().any(|file| file.path == loader), "{loader:?}");
            let text = String::from_utf8(files[0].content.clone()).expect("a text");
            assert!(text.contains("--library-path"), "{text}");
        }
    }

    #[test]
    fn what_is_no_executable_names_no_loader() {
        assert_eq!(loader(b"#!/bin/sh"), None);
        assert_eq!(loader(b"\x7fELF\x02\x01"), None);
        let mut hostile = b"\x7fELF\x02\x01".to_vec();
        hostile.resize(64, 0xff);
        assert_eq!(loader(&hostile), None);
    }

    #[test]
    fn a_static_executable_is_started_by_itself() {
        let entry = entry_point(None);
        assert_eq!(entry, r#"ENTRYPOINT ["/chaos/chaos"]"#);
        let written = with_entry_point(b"FROM x\nENTRYPOINT [\"/y\"]\nCOPY a /a\n", &entry);
        let text = String::from_utf8(written).expect("a text");
        assert_eq!(text, "FROM x\nENTRYPOINT [\"/chaos/chaos\"]\nCOPY a /a\n");
        assert!(with_entry_point(b"FROM x", &entry).ends_with(b"[\"/chaos/chaos\"]\n"));
    }
}
