//! Builds images by Docker's API from archives in memory, and only when no image of the same
//! content is there.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::time::Duration;

use bollard::query_parameters::{
    BuildImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptions, TagImageOptionsBuilder,
};
use bytes::Bytes;
use futures::StreamExt;

use super::own_executable::Executable;
use super::pinned::inspect;
use super::{ContextFile, OURS, Progress, context};
use crate::docker::connection::Daemon;
use crate::docker::error::{self, DockerError, classify};

/// Folder of the image that holds the own executable.
const OWN: &str = "chaos";
/// Bound of one build.
const LIMIT: Duration = Duration::from_secs(1800);
/// Lines of a failed build that are shown.
const LAST_LINES: usize = 25;
/// Images of the own executable that are kept: each is as large as the executable, and every
/// compilation makes another.
const KEPT: usize = 3;

/// Builds images on top of one base.
pub(super) struct Builder<'a> {
    pub(super) daemon: &'a Daemon,
    /// Id of the base image.
    pub(super) base: String,
    /// What becomes the image of the own executable.
    pub(super) executable: &'a Path,
    pub(super) progress: Progress<'a>,
}

/// What an image is built from.
pub(super) struct Source {
    files: Vec<ContextFile>,
    executable: Option<Executable>,
}

impl Builder<'_> {
    /// Makes sure that `chaos/<name>` is there and current; returns its content tag.
    pub(super) async fn ensure(&self, name: &str) -> Result<String, DockerError> {
        let (tag, source) = self.tag(name).await?;
        let reference = format!("{OURS}{name}");
        let present = inspect(self.daemon, &tag).await?;
        if present.is_none() {
            (self.progress)(&reference, "building");
            let archive = source.archive().await?;
            build_archive(self.daemon, &tag, archive, self.progress).await?;
            (self.progress)(&reference, "built");
        }
        let alias = inspect(self.daemon, &reference).await?.and_then(|image| image.id);
        if present.is_none() || alias != present.and_then(|image| image.id) {
            self.alias(&reference, &tag).await?;
        }
        if name == OWN {
            self.forget_old(&reference).await;
        }
        Ok(tag)
    }

    /// The content tag of `chaos/<name>`, and what it is built from.
    pub(super) async fn tag(&self, name: &str) -> Result<(String, Source), DockerError> {
        let files = context::files(name).ok_or_else(|| DockerError::UnknownImage {
            reference: format!("{OURS}{name}"),
            known: super::built_here().join(", "),
        })?;
        let executable = match name {
            OWN => Some(Executable::read(self.executable).await?),
            _ => None,
        };
        let own = executable.as_ref().map_or("", |executable| executable.content.as_str());
        let content = context::hash(&files, &[&self.base, own]);
        Ok((format!("{OURS}{name}:{content}"), Source { files, executable }))
    }

    async fn alias(&self, reference: &str, tag: &str) -> Result<(), DockerError> {
        let options = TagImageOptionsBuilder::default().repo(reference).tag("latest").build();
        let tagged = self.daemon.client.tag_image(tag, Some(options)).await;
        tagged.map_err(|error| classify(format!("naming {tag} {reference}:latest"), &error))
    }

    /// Removes all but the newest images of a name. One that is in use stays, whatever its age.
    async fn forget_old(&self, reference: &str) {
        let filters = HashMap::from([("reference", vec![reference])]);
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        let Ok(mut images) = self.daemon.client.list_images(Some(options)).await else { return };
        images.sort_by_key(|image| std::cmp::Reverse(image.created));
        let tags = images.iter().skip(KEPT).flat_map(|image| &image.repo_tags);
        // Tags of other forms are a person's.
        for tag in tags.filter(|tag| context::is_content_tag(tag, reference)) {
            // Refused while a container uses it.
            let _ = self.daemon.client.remove_image(tag, None::<RemoveImageOptions>, None).await;
        }
    }
}

/// Builds an image from an archive with a Dockerfile.
pub async fn build_archive(
    daemon: &Daemon,
    tag: &str,
    archive: Vec<u8>,
    progress: Progress<'_>,
) -> Result<(), DockerError> {
    let reference = tag.rsplit_once(':').map_or(tag, |(reference, _)| reference);
    let options = BuildImageOptionsBuilder::default().t(tag).rm(true).forcerm(true);
    let body = bollard::body_full(Bytes::from(archive));
    let mut lines = daemon.client.build_image(options.build(), None, Some(body));
    let mut output = VecDeque::with_capacity(LAST_LINES);
    let read = async {
        while let Some(line) = lines.next().await {
            let line = line?.stream.unwrap_or_default();
            for line in line.lines().filter(|line| !line.trim().is_empty()) {
                progress(reference, line);
                if output.len() == LAST_LINES {
                    output.pop_front();
                }
                output.push_back(line.to_owned());
            }
        }
        Ok::<_, bollard::errors::Error>(())
    };
    let result = tokio::time::timeout(LIMIT, read).await.map_err(|_| {
        let what = format!("building {reference}");
        DockerError::Timeout { what, seconds: LIMIT.as_secs() }
    })?;
    result.map_err(|failure| match classify(format!("building {reference}"), &failure) {
        DockerError::Request { .. } => DockerError::BuildFailed {
            reference: reference.to_owned(),
            reason: error::reason(&failure),
            output: output.make_contiguous().join("\n"),
        },
        other => other,
    })
}

impl Source {
    async fn archive(mut self) -> Result<Vec<u8>, DockerError> {
        if let Some(executable) = &self.executable {
            executable.add_to(&mut self.files).await?;
        }
        context::archive(&self.files).map_err(|error| DockerError::File {
            path: "build context".to_owned(),
            reason: error.to_string(),
        })
    }
}
