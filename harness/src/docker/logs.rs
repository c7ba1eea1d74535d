//! Reads the logs of containers, bounded in size and time.

use std::path::Path;
use std::time::Duration;

use bollard::query_parameters::LogsOptionsBuilder;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use super::connection::Daemon;
use super::error::{DockerError, classify};

/// Bound of reading one log.
const LIMIT: Duration = Duration::from_secs(20);
/// Bytes of one log that are kept.
const LARGEST: usize = 64 << 20;
/// Lines that explain the death of a container.
const LAST_LINES: &str = "20";

/// Writes the log of a container, every line with its time, to a file.
pub(super) async fn write(daemon: &Daemon, id: &str, path: &Path) -> Result<(), DockerError> {
    tokio::time::timeout(LIMIT, write_unbounded(daemon, id, path)).await.unwrap_or_else(|_| {
        let what = format!("reading the log of container {id}");
        Err(DockerError::Timeout { what, seconds: LIMIT.as_secs() })
    })
}

async fn write_unbounded(daemon: &Daemon, id: &str, path: &Path) -> Result<(), DockerError> {
    let failed = |error: std::io::Error| DockerError::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    };
    let file = tokio::fs::File::create(path).await.map_err(failed)?;
    let mut file = tokio::io::BufWriter::new(file);
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).timestamps(true).build();
    let mut lines = daemon.client.logs(id, Some(options));
    let mut written = 0;
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| classify("reading a log", &error))?.into_bytes();
        file.write_all(&line).await.map_err(failed)?;
        written += line.len();
        if written > LARGEST {
            let note = format!("[cut after {LARGEST} bytes]\n");
            file.write_all(note.as_bytes()).await.map_err(failed)?;
            break;
        }
    }
    file.flush().await.map_err(failed)
}

/// The last lines of a container's log; what went wrong if there are none.
pub(super) async fn last_lines(daemon: &Daemon, id: &str) -> String {
    let options = LogsOptionsBuilder::default().stdout(true).stderr(true).tail(LAST_LINES).build();
    let lines = daemon.client.logs(id, Some(options));
    let text =
        lines.filter_map(|line| async { line.ok() }).fold(String::new(), |text, line| async move {
            text + &String::from_utf8_lossy(line.as_ref())
        });
    match tokio::time::timeout(LIMIT, text).await {
        Ok(text) if text.trim().is_empty() => "(nothing was written)".to_owned(),
        Ok(text) => text.trim_end().to_owned(),
        Err(_) => "(the log could not be read in time)".to_owned(),
    }
}
