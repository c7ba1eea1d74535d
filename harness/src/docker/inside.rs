//! Our own program inside the containers of others: faults that must act there are done by it. It
//! comes from a volume of the run that is mounted read-only at `/chaos`, so it is there whatever
//! the image, and `chaos clean` finds it by its label.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest};
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use chaos_scenarios::action::Replica;
use chaos_scenarios::target::Component;
use futures::{Stream, StreamExt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio_util::task::AbortOnDropHandle;

use super::connection::Daemon;
use super::container::RunContext;
use super::error::{DockerError, classify};
use super::image::pinned;
use super::network::object_name;

/// The image that holds our program.
pub(super) const IMAGE: &str = "chaos/chaos";
/// Where its files are, in the image and in every container.
const FOLDER: &str = "/chaos";
/// Name of the volume, and of the container that fills it.
const NAME: &str = "own-program";
/// Memory of that container, bytes: the least that Docker takes.
const FILLER_MEMORY: i64 = 6 << 20;
/// Bound of a task that ends by itself.
const TASK_LIMIT: Duration = Duration::from_secs(10);
/// The last word of one that is told to end is waited for this long.
const LAST_WORD: Duration = Duration::from_secs(2);
/// A line is no longer than this, so that a broken one fills nothing.
const LONGEST_LINE: usize = 64 << 10;
/// Pause between two looks whether one has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The mount of our program; none for containers that have it in their image.
pub(super) fn mount(context: &RunContext, component: &Component) -> Option<Mount> {
    let own = component.image.starts_with(IMAGE) || component.image.contains(":-chaos/chaos}");
    (context.acts_inside && !own).then(|| volume(&context.run, true))
}

/// The volume of our program.
pub(super) fn volume(run: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(object_name(run, NAME)),
        target: Some(FOLDER.to_owned()),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

/// How our program is started, as its image says.
pub(super) async fn entry(daemon: &Daemon, image: &str) -> Result<Vec<String>, DockerError> {
    let found = pinned::inspect(daemon, image).await?;
    let entry = found.and_then(|image| image.config?.entrypoint);
    entry.filter(|words| !words.is_empty()).ok_or_else(|| DockerError::ImageMissing {
        reference: image.to_owned(),
        reason: "it does not say how it is started".to_owned(),
    })
}

/// Makes the volume of a run. Docker copies into an empty volume what the image has at its place
/// when a container is made with it; that container is never started.
pub(super) async fn fill(
    daemon: &Daemon,
    context: &RunContext,
    image: &str,
) -> Result<(), DockerError> {
    let what = "making the volume of the own program";
    let name = object_name(&context.run, NAME);
    let request = VolumeCreateRequest {
        name: Some(name.clone()),
        labels: Some(context.labels.clone()),
        ..VolumeCreateRequest::default()
    };
    let made = daemon.client.create_volume(request).await;
    made.map_err(|error| classify(what, &error))?;
    let body = filler(context, image);
    let options = CreateContainerOptionsBuilder::default().name(&name).build();
    let created = daemon.client.create_container(Some(options), body).await;
    let id = created.map_err(|error| classify(what, &error))?.id;
    let options = RemoveContainerOptionsBuilder::default().force(true).build();
    let removed = daemon.client.remove_container(&id, Some(options)).await;
    removed.map_err(|error| classify(what, &error))
}

/// The container that fills the volume: it could do nothing if it were started.
fn filler(context: &RunContext, image: &str) -> ContainerCreateBody {
    ContainerCreateBody {
        image: Some(image.to_owned()),
        labels: Some(context.labels.clone()),
        host_config: Some(HostConfig {
            mounts: Some(vec![volume(&context.run, false)]),
            network_mode: Some("none".to_owned()),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
            readonly_rootfs: Some(true),
            memory: Some(FILLER_MEMORY),
            memory_swap: Some(FILLER_MEMORY),
            pids_limit: Some(1),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// A task of our program in a container, as Docker is asked for it.
pub(super) fn task(entry: &[String], words: &[&str]) -> CreateExecOptions<String> {
    let helper = ["helper"].iter().chain(words).map(|&word| word.to_owned());
    CreateExecOptions {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(entry.iter().cloned().chain(helper).collect()),
        ..CreateExecOptions::default()
    }
}

/// Runs a task to its end; returns what it said, or why it failed.
pub(super) async fn run(
    daemon: &Daemon,
    replica: &Replica,
    id: &str,
    task: CreateExecOptions<String>,
) -> Result<String, DockerError> {
    run_within(TASK_LIMIT, daemon, replica, id, task).await
}

/// The same with another bound.
pub(super) async fn run_within(
    limit: Duration,
    daemon: &Daemon,
    replica: &Replica,
    id: &str,
    task: CreateExecOptions<String>,
) -> Result<String, DockerError> {
    let what = || format!("acting inside {replica}");
    let failed = |error: bollard::errors::Error| classify(what(), &error);
    let done = async {
        let exec = daemon.client.create_exec(id, task).await.map_err(failed)?.id;
        let started = daemon.client.start_exec(&exec, None).await.map_err(failed)?;
        let StartExecResults::Attached { mut output, input } = started else {
            return Ok(String::new());
        };
        let mut said = String::new();
        while let Some(Ok(part)) = output.next().await {
            said.push_str(&text(part));
        }
        drop(input);
        let ended = daemon.client.inspect_exec(&exec).await.map_err(failed)?;
        match ended.exit_code {
            Some(0) => Ok(said),
            code => Err(DockerError::Inside {
                replica: replica.clone(),
                exit_code: code.unwrap_or(-1),
                said: said.trim().to_owned(),
            }),
        }
    };
    let timed_out = |_| DockerError::Timeout { what: what(), seconds: limit.as_secs() };
    tokio::time::timeout(limit, done).await.map_err(timed_out)?
}

/// A task that goes on until it is dropped: then its standard input ends.
pub(super) struct Running {
    /// Docker's id of it.
    pub(super) exec: String,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    last: Arc<Mutex<String>>,
    reader: AbortOnDropHandle<()>,
}

/// Starts a task that goes on; returns once it has said something, or why it does not.
pub(super) async fn start(
    daemon: &Daemon,
    replica: &Replica,
    id: &str,
    task: CreateExecOptions<String>,
) -> Result<Running, DockerError> {
    let what = || format!("acting inside {replica}");
    let failed = |error: bollard::errors::Error| classify(what(), &error);
    let begun = async {
        let exec = daemon.client.create_exec(id, task).await.map_err(failed)?.id;
        let streams = daemon.client.start_exec(&exec, None).await.map_err(failed)?;
        let StartExecResults::Attached { mut output, input } = streams else {
            return Err(DockerError::Request { what: what(), reason: "it ran alone".to_owned() });
        };
        let said = output.next().await.and_then(Result::ok).map(text).unwrap_or_default();
        if goes_on(daemon, &exec).await {
            let last = Arc::new(Mutex::new(String::new()));
            let reading = read_lines(said, output, Arc::clone(&last));
            let reader = AbortOnDropHandle::new(tokio::spawn(reading));
            return Ok(Running { exec, input, last, reader });
        }
        let said = said.trim().to_owned();
        Err(DockerError::Inside { replica: replica.clone(), exit_code: -1, said })
    };
    let timed_out = |_| DockerError::Timeout { what: what(), seconds: TASK_LIMIT.as_secs() };
    tokio::time::timeout(TASK_LIMIT, begun).await.map_err(timed_out)?
}

/// Keeps the last line that a task said, until it says no more.
async fn read_lines(
    mut said: String,
    mut output: impl Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin,
    last: Arc<Mutex<String>>,
) {
    loop {
        if let Some((lines, rest)) = said.rsplit_once('\n') {
            let line = lines.lines().next_back().unwrap_or_default().to_owned();
            *last.lock().unwrap_or_else(PoisonError::into_inner) = line;
            said = rest.to_owned();
        }
        match output.next().await {
            Some(Ok(part)) if said.len() < LONGEST_LINE => said.push_str(&text(part)),
            _ => return,
        }
    }
}

impl Running {
    /// The last line that it said; empty before it said any.
    pub(super) fn last(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends its input, and waits until it has ended; returns what it said last.
    pub(super) async fn end(
        mut self,
        daemon: &Daemon,
        replica: &Replica,
    ) -> Result<String, DockerError> {
        let _ = tokio::time::timeout(LAST_WORD, self.input.shutdown()).await;
        let _ = tokio::time::timeout(LAST_WORD, &mut self.reader).await;
        let last = self.last();
        let Self { exec, input, reader, .. } = self;
        // Both ends are one connection: without it, Docker ends the input in any case.
        drop((input, reader));
        let ended = async {
            while goes_on(daemon, &exec).await {
                tokio::time::sleep(LOOK).await;
            }
            last
        };
        tokio::time::timeout(TASK_LIMIT, ended).await.map_err(|_| DockerError::Timeout {
            what: format!("ending what acts inside {replica}"),
            seconds: TASK_LIMIT.as_secs(),
        })
    }
}

/// Whether a task still runs. One that is gone with its container does not.
pub(super) async fn goes_on(daemon: &Daemon, exec: &str) -> bool {
    let asked = daemon.client.inspect_exec(exec).await;
    asked.is_ok_and(|exec| exec.running.unwrap_or(false))
}

fn text(part: LogOutput) -> String {
    String::from_utf8_lossy(&part.into_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::container::tests::context;
    use super::*;

    #[test]
    fn what_fills_the_volume_may_do_nothing() {
        let host = filler(&context(), IMAGE).host_config.expect("given");
        assert_eq!(host.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(host.security_opt, Some(vec!["no-new-privileges:true".to_owned()]));
        assert_eq!((host.cap_add, host.readonly_rootfs), (None, Some(true)));
        assert_eq!((host.memory, host.memory_swap), (Some(FILLER_MEMORY), Some(FILLER_MEMORY)));
        assert_eq!((host.pids_limit, host.port_bindings), (Some(1), None));
        assert_eq!(host.network_mode.as_deref(), Some("none"));
    }
}
