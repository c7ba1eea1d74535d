//! Fills a volume with a file that grows until nothing more fits, and goes with this process. It runs
//! beside the victim, in a container that holds the volume: what is written to a memory file system
//! counts as memory of whoever writes it.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::statvfs;
use serde::{Deserialize, Serialize};

use super::{Failure, LIMIT, watch_input};
use crate::terminal;

/// The file that fills a volume.
const FILLER: &str = ".chaos-filler";
/// The file that shows whether anything fits.
const PROBE: &str = ".chaos-probe";
/// Bytes that are taken at once, as long as they fit, and the least that is tried.
const PIECE: usize = 1 << 20;
const LEAST: usize = 4 << 10;
/// Bytes of a write that has to work again.
const PROBED: usize = 64 << 10;
/// How often what others gave back is taken as well.
const LOOK: Duration = Duration::from_millis(50);

/// How full a volume is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filled {
    /// Bytes of ours.
    pub ours: u64,
    /// Whether as much is in use as was asked for.
    pub reached: bool,
    /// Why a write of the least size failed; none if nothing failed so far.
    pub refused: Option<String>,
}

/// Keeps a container running that has nothing to do but hold volumes.
pub(super) fn hold() -> ! {
    loop {
        std::thread::sleep(LIMIT);
    }
}

/// Fills the volume at `folder` up to `percent`, and makes up for what others give back, until the
/// standard input ends.
pub(super) fn fill(folder: &Path, percent: u8) -> Result<String, Failure> {
    let failed = |error: std::io::Error| told(folder, &error);
    let end = watch_input();
    let mut filler = Filler::new(folder).map_err(failed)?;
    let (begun, mut last) = (Instant::now(), None);
    while begun.elapsed() < LIMIT {
        filler.grow(percent, &end).map_err(failed)?;
        if last.as_ref() != Some(&filler.filled) {
            terminal::result(&serde_json::to_string(&filler.filled).unwrap_or_default());
            last = Some(filler.filled.clone());
        }
        match end.recv_timeout(LOOK) {
            Err(RecvTimeoutError::Timeout) => {}
            _ => break,
        }
    }
    let mebibytes = filler.filled.ours >> 20;
    drop(filler);
    Ok(format!("gave {mebibytes} MiB back"))
}

/// Removes what a filler left that was killed, and shows that a write works.
pub(super) fn probe(folder: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| told(folder, &error);
    remove(&folder.join(FILLER)).map_err(failed)?;
    let probe = folder.join(PROBE);
    let written = File::create(&probe).and_then(|mut file| file.write_all(&vec![1; PROBED]));
    remove(&probe).map_err(failed)?;
    written.map_err(failed)?;
    Ok(format!("a write of {} KiB works", PROBED >> 10))
}

fn told(folder: &Path, error: &std::io::Error) -> Failure {
    Failure { exit_code: 1, said: format!("{}: {error}", folder.display()) }
}

fn remove(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The file that fills a volume; it is removed with this.
struct Filler {
    path: PathBuf,
    file: File,
    filled: Filled,
}

impl Drop for Filler {
    fn drop(&mut self) {
        // Whoever undoes the fault looks whether it is gone.
        let _ = remove(&self.path);
    }
}

impl Filler {
    fn new(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join(FILLER);
        let file = File::create(&path)?;
        Ok(Self { path, file, filled: Filled::default() })
    }

    /// Takes space until so much is in use, nothing more fits, or the end is told.
    fn grow(&mut self, percent: u8, end: &Receiver<()>) -> std::io::Result<()> {
        let mut piece = PIECE;
        while piece >= LEAST && end.try_recv() == Err(TryRecvError::Empty) {
            let missing = self.missing(percent)?;
            self.filled.reached = missing == 0;
            if self.filled.reached && percent < 100 {
                return Ok(());
            }
            let wanted = usize::try_from(missing).unwrap_or(PIECE).clamp(LEAST, piece);
            match self.take(wanted) {
                Ok(taken) => self.filled.ours += taken as u64,
                Err(error) if error.kind() == ErrorKind::StorageFull => {
                    if wanted == LEAST {
                        let reason = format!("a write of {} KiB failed: {error}", wanted >> 10);
                        self.filled.refused = Some(reason);
                        self.filled.reached = true;
                    }
                    piece = if wanted > LEAST { (wanted / 2).max(LEAST) } else { 0 };
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes space at the end of the file. All but the last of it is only set aside, which is done
    /// several times as fast as it is written; that nothing fits is shown by a write.
    fn take(&self, wanted: usize) -> std::io::Result<usize> {
        if wanted <= LEAST {
            return self.file.write_at(&[1; LEAST][..wanted], self.filled.ours);
        }
        let end = i64::try_from(self.filled.ours).map_err(std::io::Error::other)?;
        let length = i64::try_from(wanted).map_err(std::io::Error::other)?;
        posix_fallocate(&self.file, end, length)?;
        Ok(wanted)
    }

    /// Bytes that are missing until so much of the volume is in use.
    fn missing(&self, percent: u8) -> std::io::Result<u64> {
        let told = statvfs(self.path.as_path())?;
        let (all, free) = (told.blocks(), told.blocks_available());
        let spared = all * u64::from(100 - percent.min(100)) / 100;
        Ok(free.saturating_sub(spared) * told.fragment_size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_removes_what_a_killed_filler_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let filler = folder.path().join(FILLER);
        fs::write(&filler, [0; 10]).expect("it is written");
        assert_eq!(probe(folder.path()), Ok("a write of 64 KiB works".to_owned()));
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
        assert!(probe(&filler).is_err());
    }

    #[test]
    fn what_is_taken_is_in_use_whether_it_was_set_aside_or_written() {
        use std::os::unix::fs::MetadataExt;

        let folder = tempfile::tempdir().expect("a folder");
        let mut filler = Filler::new(folder.path()).expect("it is made");
        for wanted in [PIECE, LEAST, 3 * LEAST] {
            filler.filled.ours += filler.take(wanted).expect("it fits") as u64;
        }
        let expected = (PIECE + 4 * LEAST) as u64;
        let told = filler.file.metadata().expect("it is there");
        assert_eq!((filler.filled.ours, told.len()), (expected, expected));
        assert!(told.blocks() * 512 >= expected, "{} blocks", told.blocks());
    }

    #[test]
    fn a_filler_goes_with_its_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let filler = Filler::new(folder.path()).expect("it is made");
        assert!(filler.path.exists());
        let path = filler.path.clone();
        drop(filler);
        assert!(!path.exists());
    }
}
