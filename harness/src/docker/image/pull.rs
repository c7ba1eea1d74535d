//! Finds an image, or pulls it. Where no registry can be reached, that is said soon.

use std::time::Duration;

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::StreamExt;

use super::Progress;
use super::pinned::inspect;
use crate::docker::connection::Daemon;
use crate::docker::error::{self, DockerError, classify};

/// Until the registry answers.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// Between two lines of a pull under way.
const STALL: Duration = Duration::from_secs(60);

/// The id of an image, pulled if it is not there.
pub(super) async fn local_or_pulled(
    daemon: &Daemon,
    reference: &str,
    progress: Progress<'_>,
) -> Result<String, DockerError> {
    if let Some(id) = inspect(daemon, reference).await?.and_then(|image| image.id) {
        return Ok(id);
    }
    pull(daemon, reference, progress).await?;
    let missing = || DockerError::ImageMissing {
        reference: reference.to_owned(),
        reason: "it was pulled, and is not there".to_owned(),
    };
    inspect(daemon, reference).await?.and_then(|image| image.id).ok_or_else(missing)
}

/// Pulls an image.
pub(super) async fn pull(
    daemon: &Daemon,
    reference: &str,
    progress: Progress<'_>,
) -> Result<(), DockerError> {
    progress(reference, "pulling");
    let missing =
        |reason: String| DockerError::ImageMissing { reference: reference.to_owned(), reason };
    let (image, tag) = split(reference);
    let options = CreateImageOptionsBuilder::default().from_image(image).tag(tag).build();
    let mut lines = daemon.client.create_image(Some(options), None, None);
    let mut patience = FIRST_ANSWER;
    loop {
        let line = tokio::time::timeout(patience, lines.next()).await;
        let line =
            line.map_err(|_| missing(format!("nothing came for {} s", patience.as_secs())))?;
        match line {
            None => return Ok(()),
            Some(Ok(line)) => {
                let status = line.status.unwrap_or_default();
                // Every layer tells its bytes many times a second, which nobody reads.
                if line.progress_detail.is_none_or(|detail| detail.current.is_none()) {
                    progress(reference, &status);
                }
            }
            Some(Err(failure)) => {
                return Err(match classify(format!("pulling {reference}"), &failure) {
                    DockerError::Request { .. } => missing(error::reason(&failure)),
                    other => other,
                });
            }
        }
        patience = STALL;
    }
}

/// Name and tag. A name without either would pull every tag there is.
fn split(reference: &str) -> (&str, &str) {
    if reference.contains('@') {
        return (reference, "");
    }
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_one_image() {
        assert_eq!(split("postgres:17"), ("postgres", "17"));
        assert_eq!(split("postgres"), ("postgres", "latest"));
        assert_eq!(split("127.0.0.1:5000/x"), ("127.0.0.1:5000/x", "latest"));
        assert_eq!(split("127.0.0.1:5000/x:3"), ("127.0.0.1:5000/x", "3"));
        assert_eq!(split("x@sha256:0a"), ("x@sha256:0a", ""));
    }
}
