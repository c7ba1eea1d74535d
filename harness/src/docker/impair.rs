//! Faults of the network: a container of ours in the network namespace of a replica, which acts on
//! its packets as long as it hears from us. A task follows it, so that a replica that was started
//! anew, in a namespace of its own, meets the same again.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bollard::container::{AttachContainerResults, LogOutput};
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, StartContainerOptions,
};
use chaos_reports::record::Moment;
use chaos_reports::record::event::Event;
use chaos_scenarios::action::Replica;
use chaos_scenarios::action::network::Impairment;
use futures::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::error::{DockerError, classify};
use super::inside;
use super::network::object_name;
use super::site::Site;
use crate::helper::network::protocol::{Counters, Order, Sign, Told};
use crate::port::Proof;

/// The image that has iptables.
pub(super) const IMAGE: &str = "chaos/network";
/// Bound of the start of a container of ours, until it acts.
const START_LIMIT: Duration = Duration::from_secs(10);
/// Bound of its end.
const END_LIMIT: Duration = Duration::from_secs(5);
/// How often it hears from us: it gives up after 5 s.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// What it may use: it keeps no packets, only their numbers.
const MEMORY: i64 = 128 << 20;
const PIDS: i64 = 16;
/// Its share of a crowded processor, where others have 1024: a packet that is late for want of one
/// would be an error of measure.
const CPU_SHARES: i64 = 8192;
/// A line is no longer than this, so that a broken one fills nothing.
const LONGEST_LINE: usize = 64 << 10;

/// What becomes of the packets of one replica.
pub(super) struct Impaired {
    replica: Replica,
    seen: Arc<Mutex<Seen>>,
    end: CancellationToken,
    task: AbortOnDropHandle<bool>,
}

/// What was told of it.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    counters: Counters,
    /// When the first effect was told.
    first: Option<Moment>,
}

/// Lets a replica's packets meet something; one that meets something already is left alone.
pub(super) async fn impair(
    site: &Arc<Site>,
    replica: &Replica,
    impairment: &Impairment,
) -> Result<(), DockerError> {
    let mut all = site.impaired().await;
    if all.iter().any(|other| other.replica == *replica) {
        return Ok(());
    }
    let helper = Helper::start(site, replica, impairment).await?;
    let (seen, end) = (Arc::<Mutex<Seen>>::default(), CancellationToken::new());
    let follower = Follower {
        site: Arc::downgrade(site),
        replica: replica.clone(),
        impairment: impairment.clone(),
        seen: Arc::clone(&seen),
    };
    let task = AbortOnDropHandle::new(tokio::spawn(follower.follow(helper, end.clone())));
    all.push(Impaired { replica: replica.clone(), seen, end, task });
    Ok(())
}

/// Ends that, and makes sure that no rule is left.
pub(super) async fn end(site: &Site, replica: &Replica) -> Result<(), DockerError> {
    let mut all = site.impaired().await;
    let Some(place) = all.iter().position(|other| other.replica == *replica) else {
        return Ok(());
    };
    let Impaired { task, end, .. } = &mut all[place];
    end.cancel();
    let undone = timeout(END_LIMIT * 2, task).await.is_ok_and(|ended| ended.unwrap_or(false));
    if !undone && is_running(site, replica).await {
        sweep(site, replica).await?;
    }
    all.swap_remove(place);
    Ok(())
}

/// Whether there was an effect.
pub(super) async fn felt(site: &Site, replica: &Replica) -> Option<Proof> {
    let all = site.impaired().await;
    let found = all.iter().find(|other| other.replica == *replica)?;
    let seen = *found.seen.lock().unwrap_or_else(PoisonError::into_inner);
    Some(Proof { since: seen.first?, evidence: seen.counters.evidence() })
}

/// Whether nothing is done any more.
pub(super) async fn is_over(site: &Site, replica: &Replica) -> Option<Proof> {
    let all = site.impaired().await;
    let is_over = !all.iter().any(|other| other.replica == *replica);
    let evidence = "our program there removed its rules and ended".to_owned();
    is_over.then(|| Proof { since: site.recorder().now(), evidence })
}

async fn is_running(site: &Site, replica: &Replica) -> bool {
    let state = site.inspect(replica).await.ok().and_then(|inspected| inspected.state);
    state.and_then(|state| state.running).unwrap_or(false)
}

/// Removes the rules that a helper left which ended without a word.
async fn sweep(site: &Site, replica: &Replica) -> Result<(), DockerError> {
    let mut helper = Helper::launch(site, replica, &["network-sweep"]).await?;
    match helper.last_word().await {
        Some(Told::Undone) => Ok(()),
        other => Err(failed(replica, &format!("rules may be left: {other:?}"))),
    }
}

fn failed(replica: &Replica, said: &str) -> DockerError {
    DockerError::Inside { replica: replica.clone(), exit_code: -1, said: said.to_owned() }
}

/// The addresses of a component's replicas that run, on the networks of the run.
async fn addresses(site: &Site, component: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    for replica in site.containers().into_keys().filter(|it| it.component == component) {
        let inspected = site.inspect(&replica).await.ok();
        let settings = inspected.and_then(|inspected| inspected.network_settings);
        let networks = settings.and_then(|settings| settings.networks).unwrap_or_default();
        let of = |endpoint: bollard::models::EndpointSettings| {
            endpoint.ip_address?.parse::<Ipv4Addr>().ok()
        };
        found.extend(networks.into_values().filter_map(of));
    }
    found.sort();
    found
}

async fn peers(site: &Site, impairment: &Impairment) -> Option<Vec<Ipv4Addr>> {
    match &impairment.peer {
        Some(peer) => Some(addresses(site, peer).await),
        None => None,
    }
}

/// A container of ours that is attached to.
struct Helper {
    streams: AttachContainerResults,
    /// What it said since its last whole line.
    said: String,
    /// What it was told last of its peer.
    peers: Option<Vec<Ipv4Addr>>,
    replica: Replica,
    started: Moment,
}

impl Helper {
    /// Returns once the rules are set.
    async fn start(
        site: &Site,
        replica: &Replica,
        impairment: &Impairment,
    ) -> Result<Self, DockerError> {
        let mut helper = Self::launch(site, replica, &["network"]).await?;
        helper.peers = peers(site, impairment).await;
        let order = Order { impairment: impairment.clone(), peers: helper.peers.clone() };
        helper.tell(&order).await?;
        match timeout(START_LIMIT, helper.next()).await {
            Ok(Some(Told::Acting)) => Ok(helper),
            Ok(Some(Told::Failed(said))) => Err(failed(replica, &said)),
            Ok(other) => Err(failed(replica, &format!("it ended early: {other:?}"))),
            Err(_) => Err(DockerError::Timeout {
                what: format!("acting on the packets of {replica}"),
                seconds: START_LIMIT.as_secs(),
            }),
        }
    }

    async fn launch(site: &Site, replica: &Replica, words: &[&str]) -> Result<Self, DockerError> {
        let failed = |error| classify(format!("acting on the packets of {replica}"), &error);
        let client = &site.daemon().client;
        let victim = site.held(replica)?.id;
        let started = site.recorder().now();
        let context = &site.maker.context;
        let name = object_name(&context.run, &format!("network-{replica}-{}", started.0));
        let body = ContainerCreateBody {
            image: Some(site.maker.image(IMAGE).to_owned()),
            entrypoint: Some(site.maker.entry.clone()),
            cmd: Some(["helper"].iter().chain(words).map(|&word| word.to_owned()).collect()),
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
        let options = AttachContainerOptionsBuilder::default();
        let options = options.stdin(true).stdout(true).stderr(true).stream(true).build();
        let streams = client.attach_container(&id, Some(options)).await.map_err(failed)?;
        client.start_container(&id, None::<StartContainerOptions>).await.map_err(failed)?;
        let (said, peers) = (String::new(), None);
        Ok(Self { streams, said, peers, replica: replica.clone(), started })
    }

    async fn tell(&mut self, what: &impl serde::Serialize) -> Result<(), DockerError> {
        let mut line = serde_json::to_vec(what).unwrap_or_default();
        line.push(b'\n');
        let input = &mut self.streams.input;
        let written = async {
            input.write_all(&line).await?;
            input.flush().await
        };
        let told = timeout(HEARTBEAT, written).await;
        let told = told.map_err(|_| "it takes no input".to_owned());
        told.and_then(|written| written.map_err(|error| error.to_string()))
            .map_err(|said| failed(&self.replica, &said))
    }

    /// What it says next; none when it has ended. Nothing is lost when this is not waited for.
    async fn next(&mut self) -> Option<Told> {
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

    /// Ends its input; returns what it says last.
    async fn last_word(&mut self) -> Option<Told> {
        let _ = timeout(HEARTBEAT, self.streams.input.shutdown()).await;
        let (deadline, mut last) = (Instant::now() + END_LIMIT, None);
        while let Ok(Some(told)) = timeout_at(deadline, self.next()).await {
            last = Some(told);
        }
        last
    }
}

/// Keeps a replica's packets impaired.
struct Follower {
    site: Weak<Site>,
    replica: Replica,
    impairment: Impairment,
    seen: Arc<Mutex<Seen>>,
}

impl Follower {
    /// Goes on until the end; returns whether the rules are known to be removed.
    async fn follow(self, helper: Helper, end: CancellationToken) -> bool {
        let mut since = helper.started;
        let mut helper = Some(helper);
        let mut beat = interval(HEARTBEAT);
        loop {
            let said = async {
                match helper.as_mut() {
                    Some(helper) => helper.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = end.cancelled() => break,
                said = said => if let Some(told) = said {
                    self.note(told);
                } else {
                    helper = None;
                    self.write_down("our program on the packets of", "has ended");
                },
                _ = beat.tick() => self.look_after(&mut helper, &mut since).await,
            }
        }
        let Some(mut helper) = helper else { return false };
        helper.last_word().await == Some(Told::Undone)
    }

    fn note(&self, told: Told) {
        let Some(site) = self.site.upgrade() else { return };
        match told {
            Told::Did(counters) => {
                let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.counters = counters;
                if counters.acted() > 0 {
                    seen.first.get_or_insert_with(|| site.recorder().now());
                }
            }
            Told::Failed(said) => {
                self.write_down("our program on the packets of", &format!("failed: {said}"));
            }
            Told::Acting | Told::Undone => {}
        }
    }

    fn write_down(&self, what: &str, how: &str) {
        if let Some(site) = self.site.upgrade() {
            let text = format!("{what} {} {how}", self.replica);
            site.recorder().emit(Event::Note { text });
        }
    }

    /// A sign of life, with new addresses of the peer; and a new helper for a replica that was
    /// started anew. One that died stays dead, since its end is the end of the fault.
    async fn look_after(&self, helper: &mut Option<Helper>, since: &mut Moment) {
        let Some(site) = self.site.upgrade() else { return };
        if self.restarted(&site, *since) {
            *helper = None;
            if is_running(&site, &self.replica).await {
                *helper = self.again(&site).await;
                *since = helper.as_ref().map_or(*since, |helper| helper.started);
            }
            return;
        }
        let Some(living) = helper.as_mut() else { return };
        let now = peers(&site, &self.impairment).await;
        let changed = now.is_some() && now != living.peers;
        let sign = Sign { peers: now.clone().filter(|_| changed) };
        if living.tell(&sign).await.is_ok() && changed {
            living.peers = now;
            self.write_down("the peer has other addresses, so the rules of", "were set anew");
        }
    }

    fn restarted(&self, site: &Site, since: Moment) -> bool {
        site.recorder().read(|record| {
            let mut events = record.container_events.iter().rev();
            events.any(|told| {
                told.action == "start" && told.replica == self.replica && told.happened > since
            })
        })
    }

    async fn again(&self, site: &Site) -> Option<Helper> {
        match Helper::start(site, &self.replica, &self.impairment).await {
            Ok(helper) => {
                let begun = site.recorder().read(|record| {
                    let mut events = record.container_events.iter().rev();
                    let of = events
                        .find(|told| told.action == "start" && told.replica == self.replica)?;
                    Some(of.happened)
                });
                let gap = begun.map_or(0.0, |begun| site.recorder().now().seconds_since(begun));
                let how = format!("are impaired again, {gap:.2} s after its last start");
                self.write_down("the packets of", &how);
                Some(helper)
            }
            Err(error) => {
                self.write_down("the packets of", &format!("are not impaired: {error}"));
                None
            }
        }
    }
}
