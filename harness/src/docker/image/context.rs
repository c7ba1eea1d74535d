//! The folders of images, embedded in the binary, as build contexts: their content hash and their
//! tar archive. Both leave out times and owners, so that the same files give the same image.

use std::io;
use std::path::Path;

use include_dir::{Dir, DirEntry, include_dir};
use sha2::{Digest, Sha256};

use super::ContextFile;
use crate::docker::label::hexadecimal;

static FOLDERS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../docker");

/// Sources of a service that stand elsewhere, by the name of the image that they are added to.
static SOURCES: [(&str, Dir<'_>); 1] =
    [("inventory-python", include_dir!("$CARGO_MANIFEST_DIR/../targets/inventory-python"))];

/// What Python leaves beside sources that have run.
const COMPILED: &str = "__pycache__";

/// Hexadecimal digits of a content hash in a tag.
const DIGITS: usize = 12;

/// The names of all folders.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FOLDERS.dirs().filter_map(|folder| folder.path().to_str())
}

/// The files of a folder, sorted by path; none if there is no such folder.
pub(super) fn files(name: &str) -> Option<Vec<ContextFile>> {
    let folder = FOLDERS.get_dir(name)?;
    let mut files = Vec::new();
    collect(folder, folder.path(), &mut files);
    for (_, sources) in SOURCES.iter().filter(|(image, _)| *image == name) {
        collect(sources, sources.path(), &mut files);
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Some(files)
}

fn collect(folder: &Dir<'_>, root: &Path, files: &mut Vec<ContextFile>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) if inner.path().ends_with(COMPILED) => {}
            DirEntry::Dir(inner) => collect(inner, root, files),
            DirEntry::File(file) => {
                let path = file.path().strip_prefix(root).unwrap_or(file.path()).to_owned();
                let content = file.contents().to_vec();
                // Modes are not embedded; what may be executed says so in its first line.
                let executable = content.starts_with(b"#!");
                files.push(ContextFile { path, executable, content });
            }
        }
    }
}

/// The hash of files, and of what else an image depends on.
pub(super) fn hash(files: &[ContextFile], others: &[&str]) -> String {
    let mut hasher = Sha256::new();
    let mut add = |bytes: &[u8]| {
        // With its length, so that no two lists of parts run into the same bytes.
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    for other in others {
        add(other.as_bytes());
    }
    for file in files {
        add(file.path.as_os_str().as_encoded_bytes());
        add(&[u8::from(file.executable)]);
        add(&file.content);
    }
    digits(&hasher.finalize())
}

/// The first digits of a hash.
pub(super) fn digits(hash: &[u8]) -> String {
    hexadecimal(&hash[..hash.len().min(DIGITS / 2)])
}

/// Whether a tag names the content of an image `name`.
pub(super) fn is_content_tag(tag: &str, name: &str) -> bool {
    let content = tag.strip_prefix(name).and_then(|tag| tag.strip_prefix(':'));
    content.is_some_and(|content| {
        content.len() == DIGITS && content.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The files as a tar archive.
pub(super) fn archive(files: &[ContextFile]) -> io::Result<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(if file.executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        header.set_cksum();
        builder.append_data(&mut header, &file.path, file.content.as_slice())?;
    }
    builder.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, content: &str) -> ContextFile {
        ContextFile {
            path: path.into(),
            executable: content.starts_with("#!"),
            content: content.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_hash_changes_with_every_part() {
        let files = [file("Dockerfile", "FROM x"), file("entrypoint", "#!/bin/sh")];
        let hash_of = |files: &[ContextFile]| hash(files, &["base"]);
        let hash_before = hash_of(&files);
        assert_eq!(hash_before.len(), DIGITS);
        assert_eq!(hash_before, hash_of(&files.clone()));
        let renamed = [file("Dockerfile2", "FROM x"), files[1].clone()];
        let mode = [files[0].clone(), ContextFile { executable: false, ..files[1].clone() }];
        let moved = [file("Dockerfile", "FROM"), file(" xentrypoint", "#!/bin/sh")];
        for other in [hash_of(&renamed), hash_of(&mode), hash_of(&moved), hash(&files, &["new"])] {
            assert_ne!(hash_before, other);
        }
    }

    #[test]
    fn tags_of_content_are_told_from_those_of_people() {
        assert!(is_content_tag("chaos/chaos:0123456789ab", "chaos/chaos"));
        for other in ["chaos/chaos:latest", "chaos/chaos:0123", "chaos/chaos", "x:0123456789ab"] {
            assert!(!is_content_tag(other, "chaos/chaos"), "{other}");
        }
    }

    #[test]
    fn an_archive_holds_files_with_their_modes() {
        let files = [file("Dockerfile", "FROM x"), file("bin/entrypoint", "#!/bin/sh")];
        let bytes = archive(&files).expect("it fits");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries: Vec<(String, u32)> = archive
            .entries()
            .expect("an archive")
            .map(|entry| {
                let entry = entry.expect("an entry");
                let path = entry.path().expect("a path").display().to_string();
                (path, entry.header().mode().expect("a mode"))
            })
            .collect();
        assert_eq!(
            entries,
            [("Dockerfile".to_owned(), 0o644), ("bin/entrypoint".to_owned(), 0o755)]
        );
    }

    #[test]
    fn embedded_folders_have_a_dockerfile_each() {
        for name in names() {
            let files = files(name).expect("it is embedded");
            assert!(files.iter().any(|file| file.path == Path::new("Dockerfile")), "{name}");
        }
        assert!(files("no-such-image").is_none());
    }

    #[test]
    fn sources_that_stand_elsewhere_are_in_the_context() {
        let files = files("inventory-python").expect("it is embedded");
        let has = |path: &str| files.iter().any(|file| file.path == Path::new(path));
        assert!(has("Dockerfile") && has("inventory/__main__.py"), "{files:?}");
        assert!(files.iter().all(|file| file.path.extension() != Some("pyc".as_ref())));
    }
}
