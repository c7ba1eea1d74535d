//! A container of ours in the network namespace of a replica, spoken to over its attached standard
//! input and output.

use std::time::Duration;

use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use chaos_reports::record::Moment;
use chaos_scenarios::action::Replica;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout, timeout_at};

use super::IMAGE;
use crate::docker::error::{DockerError, classify};
use crate::docker::inside;
use crate::docker::network::object_name;
use crate::docker::site::Site;
use crate::helper::network::protocol::{Account, Order, Part, Told};

/// Bound of an order, until it is carried out; the first includes the start.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Bound of a line to it.
const TELL_LIMIT: Duration = Duration::from_millis(500);
/// What it may use: it keeps no packets, only their numbers.
const MEMORY: i64 = 64 << 20;
const PIDS: i64 = 16;
/// Its share of a crowded processor, where others have 1024: a packet that is late for want of one
/// would be an error of measure.
const CPU_SHARES: i64 = 8192;
/// A line is no longer than this, so that a broken one fills nothing.
const LONGEST_LINE: usize = 64 << 10;

/// A container of ours that is attached to.
pub(super) struct Helper {
    streams: AttachContainerResults,
    /// What it said since its last whole line.
    said: String,
    replica: Replica,
    /// What it was ordered to do last.
    pub(super) parts: Vec<Part>,
    /// When it was begun.
    pub(super) started: Moment,
}

impl Helper {
    /// Returns once the rules are set.
    pub(super) async fn start(
        site: &Site,
        replica: &Replica,
        parts: Vec<Part>,
    ) -> Result<Self, DockerError> {
        let mut helper = Self::launch(site, replica).await?;
        helper.order(parts, |_| {}).await?;
        Ok(helper)
    }

    /// Orders all that is done from now on, and waits until it is; hands over what it says of the
    /// time before.
    pub(super) async fn order(
        &mut self,
        parts: Vec<Part>,
        mut note: impl FnMut(Account),
    ) -> Result<(), DockerError> {
        self.tell(&Order::Do(parts.clone())).await?;
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match timeout_at(deadline, self.next()).await {
                Ok(Some(Told::Acting)) => break,
                Ok(Some(Told::Did(account))) => note(account),
                Ok(Some(Told::Failed(said))) => return Err(failed(&self.replica, &said)),
                Ok(other) => {
                    return Err(failed(&self.replica, &format!("it ended early: {other:?}")));
                }
                Err(_) => {
                    return Err(DockerError::Timeout {
                        what: format!("acting on the packets of {}", self.replica),
                        seconds: START_LIMIT.as_secs(),
                    });
                }
            }
        }
        self.parts = parts;
        Ok(())
    }

    async fn launch(site: &Site, replica: &Replica) -> Result<Self, DockerError> {
        let failed = |error| classify(format!("acting on the packets of {replica}"), &error);
        let client = &site.daemon().client;
        let victim = site.held(replica)?.id;
        let started = site.recorder().now();
        let context = &site.maker.context;
        let name = object_name(&context.run, &format!("network-{replica}-{}", started.0));
        let body = ContainerCreateBody {
            image: Some(site.maker.image(IMAGE).to_owned()),
            entrypoint: Some(site.maker.entry.clone()),
            cmd: Some(["helper", "network"].map(str::to_owned).into()),
            user: Some("0:0".to_owned()),
            open_stdin: Some(true),
            // Its input ends with our connection, however we end.
            stdin_once: Some(true),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            labels: Some(context.labels.clone()),
            host_config: Some(HostConfig {
                network_mode: Some(format!("container:{victim}")),
                auto_remove: Some(true),
                cap_drop: Some(vec!["ALL".to_owned()]),
                // Rules and queues; and packets with headers of their own, for copies.
                cap_add: Some(vec!["NET_ADMIN".to_owned(), "NET_RAW".to_owned()]),
                security_opt: Some(vec!["no-new-privileges:true".to_owned()]),
                readonly_rootfs: Some(true),
                memory: Some(MEMORY),
                memory_swap: Some(MEMORY),
                pids_limit: Some(PIDS),
                cpu_shares: Some(CPU_SHARES),
                mounts: Some(vec![inside::volume(&context.run, true)]),
                tmpfs: Some([("/run".to_owned(), "size=1m".to_owned())].into()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let id = client.create_container(Some(options), body).await.map_err(failed)?.id;
        let streams = match attach(client, &id).await {
            Ok(streams) => streams,
            Err(error) => {
                // What was never started is not removed by itself.
                let options = RemoveContainerOptionsBuilder::default().force(true).build();
                let _ = client.remove_container(&id, Some(options)).await;
                return Err(failed(error));
            }
        };
        let (said, parts) = (String::new(), Vec::new());
        Ok(Self { streams, said, replica: replica.clone(), parts, started })
    }

    pub(super) async fn tell(&mut self, what: &Order) -> Result<(), DockerError> {
        let mut line = serde_json::to_vec(what).unwrap_or_default();
        line.push(b'\n');
        let input = &mut self.streams.input;
        let written = async {
            input.write_all(&line).await?;
            input.flush().await
        };
        let told = timeout(TELL_LIMIT, written).await;
        let told = told.map_err(|_| "it takes no input".to_owned());
        told.and_then(|written| written.map_err(|error| error.to_string()))
            .map_err(|said| failed(&self.replica, &said))
    }

    /// What it says next; none when it has ended. Nothing is lost when this is not waited for.
    pub(super) async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(end) = self.said.find('\n') {
                let line: String = self.said.drain(..=end).collect();
                let told = serde_json::from_str(&line).ok();
                return Some(told.unwrap_or_else(|| Told::Failed(line.trim().to_owned())));
            }
            let part: LogOutput = self.streams.output.next().await?.ok()?;
            self.said.push_str(&String::from_utf8_lossy(&part.into_bytes()));
            if self.said.len() > LONGEST_LINE {
                return None;
            }
        }
    }
}

/// Starts a container with its streams in our hands.
async fn attach(
    client: &Docker,
    id: &str,
) -> Result<AttachContainerResults, bollard::errors::Error> {
    let options = AttachContainerOptionsBuilder::default();
    let options = options.stdin(true).stdout(true).stderr(true).stream(true).build();
    let streams = client.attach_container(id, Some(options)).await?;
    client.start_container(id, None::<StartContainerOptions>).await?;
    Ok(streams)
}

pub(super) fn failed(replica: &Replica, said: &str) -> DockerError {
    DockerError::Inside { replica: replica.clone(), exit_code: -1, said: said.to_owned() }
}
