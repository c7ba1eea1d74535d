//! The base of all images that are built here: found, pulled, or made from Debian's packages where
//! no registry can be reached.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bollard::query_parameters::CreateImageOptionsBuilder;
use bytes::Bytes;
use futures::StreamExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStdout, Command};

use super::pinned::inspect;
use super::{Progress, pull};
use crate::docker::connection::Daemon;
use crate::docker::error::{DockerError, classify};

/// The base image.
pub const BASE: &str = "debian:trixie-slim";
/// The release that it is.
const RELEASE: &str = "trixie";
const MIRROR: &str = "http://deb.debian.org/debian";
/// Bound of one tool.
const TOOL_LIMIT: Duration = Duration::from_secs(900);
/// Bytes that are passed on at once.
const CHUNK: usize = 256 << 10;
/// What a container does not need, as the registry's slim images leave it out too.
const LEFT_OUT: [&str; 9] = [
    "./dev/*",
    "./proc/*",
    "./sys/*",
    "./usr/share/doc/*",
    "./usr/share/man/*",
    "./usr/share/locale/*",
    "./var/cache/apt/*",
    "./var/lib/apt/lists/*",
    "./var/log/*",
];

/// Makes sure that a base image is there; returns its id.
pub async fn ensure_base(
    daemon: &Daemon,
    reference: &str,
    progress: Progress<'_>,
) -> Result<String, DockerError> {
    if let Some(id) = inspect(daemon, reference).await?.and_then(|image| image.id) {
        return Ok(id);
    }
    let pull = match pull::pull(daemon, reference, progress).await {
        Ok(()) => {
            progress(reference, "pulled from its registry");
            None
        }
        Err(DockerError::ImageMissing { reason, .. }) => Some(reason),
        Err(other) => return Err(other),
    };
    if let Some(pull) = pull {
        progress(reference, &format!("cannot be pulled ({pull}): making it with debootstrap"));
        bootstrap(daemon, reference, progress).await.map_err(|bootstrap| {
            let bootstrap = bootstrap.to_string();
            DockerError::NoBaseImage { reference: reference.to_owned(), pull, bootstrap }
        })?;
        progress(reference, "made with debootstrap from Debian's mirror");
    }
    let image = inspect(daemon, reference).await?.and_then(|image| image.id);
    image.ok_or_else(|| DockerError::ImageMissing {
        reference: reference.to_owned(),
        reason: "it was made, and is not there".to_owned(),
    })
}

/// Whether the base image could be made here without a registry, or why not.
pub fn can_bootstrap() -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("debootstrap needs root".to_owned());
    }
    if find("debootstrap").is_some() || find("apt-get").is_some() {
        Ok(())
    } else {
        Err("there is neither debootstrap nor apt-get to install it with".to_owned())
    }
}

async fn bootstrap(
    daemon: &Daemon,
    reference: &str,
    progress: Progress<'_>,
) -> Result<(), DockerError> {
    let refused = |reason: String| DockerError::Request { what: "debootstrap".to_owned(), reason };
    can_bootstrap().map_err(refused)?;
    if find("debootstrap").is_none() {
        progress(reference, "installing debootstrap with apt-get");
        let mut update = Command::new("apt-get");
        tool(update.args(["update", "-qq"]), reference, progress).await?;
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "-qq", "--no-install-recommends", "debootstrap"]);
        tool(install.env("DEBIAN_FRONTEND", "noninteractive"), reference, progress).await?;
    }
    let folder = tempfile::tempdir().map_err(|error| refused(error.to_string()))?;
    let program = find("debootstrap").unwrap_or_else(|| "debootstrap".into());
    let mut make = Command::new(program);
    make.args(["--variant=minbase", RELEASE]).arg(folder.path()).arg(MIRROR);
    tool(&mut make, reference, progress).await?;
    progress(reference, "importing");
    import(daemon, reference, folder.path()).await
}

/// Runs a tool to its end and passes its lines on.
async fn tool(
    command: &mut Command,
    reference: &str,
    progress: Progress<'_>,
) -> Result<(), DockerError> {
    let what = command.as_std().get_program().to_string_lossy().into_owned();
    let refused = |reason: String| DockerError::Request { what: what.clone(), reason };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| refused(error.to_string()))?;
    let mut last = String::new();
    let output = child.stdout.take().ok_or_else(|| refused("it has no output".to_owned()))?;
    let run = async {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            progress(reference, &line);
            last = line;
        }
        child.wait().await
    };
    let status = tokio::time::timeout(TOOL_LIMIT, run).await;
    let status = status
        .map_err(|_| DockerError::Timeout { what: what.clone(), seconds: TOOL_LIMIT.as_secs() })?;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(refused(format!("{status}; its last line: {last}"))),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Makes an image of a folder with a root file system.
async fn import(daemon: &Daemon, reference: &str, folder: &Path) -> Result<(), DockerError> {
    let what = format!("importing {reference}");
    let refused = |reason: String| DockerError::Request { what: what.clone(), reason };
    let mut archive = Command::new("tar");
    archive.arg("-C").arg(folder).args(["--numeric-owner", "--one-file-system"]);
    archive.args(LEFT_OUT.map(|path| format!("--exclude={path}"))).args(["-c", "."]);
    archive.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut archive = archive.spawn().map_err(|error| refused(format!("tar: {error}")))?;
    let output = archive.stdout.take().ok_or_else(|| refused("tar has no output".to_owned()))?;
    let (repository, tag) = reference.rsplit_once(':').unwrap_or((reference, "latest"));
    let options =
        CreateImageOptionsBuilder::default().from_src("-").repo(repository).tag(tag).build();
    let body = bollard::body_try_stream(chunks(output));
    let mut lines = daemon.client.create_image(Some(options), Some(body), None);
    let read = async {
        while let Some(line) = lines.next().await {
            line.map_err(|error| classify(what.clone(), &error))?;
        }
        let status = archive.wait().await.map_err(|error| refused(error.to_string()))?;
        if status.success() { Ok(()) } else { Err(refused(format!("tar: {status}"))) }
    };
    tokio::time::timeout(TOOL_LIMIT, read).await.unwrap_or_else(|_| {
        Err(DockerError::Timeout { what: what.clone(), seconds: TOOL_LIMIT.as_secs() })
    })
}

/// What a program writes, piece by piece.
fn chunks(output: ChildStdout) -> impl futures::Stream<Item = std::io::Result<Bytes>> {
    futures::stream::unfold(output, |mut output| async move {
        let mut chunk = vec![0; CHUNK];
        match output.read(&mut chunk).await {
            Ok(0) => None,
            Ok(length) => {
                chunk.truncate(length);
                Some((Ok(Bytes::from(chunk)), output))
            }
            Err(error) => Some((Err(error), output)),
        }
    })
}

/// Where a program is. Debian keeps administrators' programs out of the path of ordinary users.
fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}
