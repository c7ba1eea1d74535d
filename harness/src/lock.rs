//! One experiment at a time on a Docker daemon: two would disturb each other's measures. The lock
//! is the kernel's, so it is free the moment its holder is gone, however it went.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// Shared by all users of a daemon, whatever their own folders for such files are.
const FOLDER: &str = "/tmp";
/// Everybody who may use the daemon must be able to lock.
const MODE: u32 = 0o666;
/// Bytes read of what the holder wrote about itself.
const LONGEST: u64 = 4096;
/// Bytes of a digest that tell daemons apart.
const DIGEST_BYTES: usize = 10;

/// Why the lock was not had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else is at work.
    #[error(
        "another experiment runs on this Docker daemon ({0}): wait until it ends, or stop it with `chaos halt`"
    )]
    Held(Holder),
    /// The lock's file cannot be used.
    #[error("the lock {} cannot be used ({reason}): remove it if nobody needs it", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

/// Who holds the lock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// Number of the process; none if it has not written it yet.
    pub pid: Option<u32>,
    /// How it was started.
    pub command: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.pid {
            Some(pid) => write!(formatter, "process {pid}: {}", self.command),
            None => formatter.write_str("a process that is just starting"),
        }
    }
}

/// The lock of a daemon; free again when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the daemon of this name, without waiting.
    pub fn acquire(daemon: &str) -> Result<Self, LockError> {
        Self::acquire_file(&path(daemon))
    }

    fn acquire_file(path: &Path) -> Result<Self, LockError> {
        let failed = |reason| LockError::File { path: path.to_owned(), reason };
        let mut file = open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(read_holder(&mut file))),
            Err(TryLockError::Error(reason)) => return Err(failed(reason)),
        }
        let command: Vec<String> =
            std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
        let text = format!("{}\n{}\n", std::process::id(), command.join(" "));
        file.set_len(0).and_then(|()| file.write_all(text.as_bytes())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Who holds the lock of the daemon of this name now; none if nobody does.
pub fn holder(daemon: &str) -> Result<Option<Holder>, LockError> {
    holder_of_file(&path(daemon))
}

fn holder_of_file(path: &Path) -> Result<Option<Holder>, LockError> {
    let failed = |reason| LockError::File { path: path.to_owned(), reason };
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read_holder(&mut file))),
        Err(TryLockError::Error(reason)) => Err(failed(reason)),
    }
}

fn path(daemon: &str) -> PathBuf {
    // Names hold colons and folders, which a file name cannot, and may be longer than one.
    let digest = Sha256::digest(daemon.as_bytes());
    let digits = digest.iter().take(DIGEST_BYTES).fold(String::new(), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    Path::new(FOLDER).join(format!("chaos-{digits}.lock"))
}

/// Opens the file, or makes it. In two steps, because kernels refuse to create what another user
/// created in a folder like `/tmp`.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        opened => return opened,
    }
    match options.create_new(true).mode(MODE).open(path) {
        Ok(file) => {
            // Whatever this user's mask is.
            file.set_permissions(PermissionsExt::from_mode(MODE))?;
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path)
        }
        Err(error) => Err(error),
    }
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    // Whoever cannot be read has just begun to write.
    let _ = file.rewind().and_then(|()| file.take(LONGEST).read_to_string(&mut text));
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.parse().ok());
    Holder { pid, command: lines.next().unwrap_or_default().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_one_is_refused_and_told_who_is_at_work() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        assert_eq!(holder_of_file(&path).expect("nobody was here"), None);
        let first = Lock::acquire_file(&path).expect("it is free");
        let Err(LockError::Held(holder)) = Lock::acquire_file(&path) else { panic!("it is held") };
        assert_eq!(holder.pid, Some(std::process::id()));
        assert_eq!(holder_of_file(&path).expect("it is read"), Some(holder));
        drop(first);
        assert_eq!(holder_of_file(&path).expect("it is read"), None);
        Lock::acquire_file(&path).expect("it is free again");
    }

    #[test]
    fn everybody_may_lock() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let _lock = Lock::acquire_file(&path).expect("it is free");
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, MODE);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let error = Lock::acquire_file(Path::new("/proc/no-such-folder/lock")).expect_err("no");
        assert!(error.to_string().contains("/proc/no-such-folder/lock"), "{error}");
    }

    #[test]
    fn daemons_have_locks_of_their_own() {
        let path_of = |name: &str| path(name).display().to_string();
        insta::assert_snapshot!(path_of("H22X:HNBY-/var/lib/docker"), @"/tmp/chaos-0baf28c2fbb216792704.lock");
        assert_ne!(path("a"), path("b"));
    }
}
