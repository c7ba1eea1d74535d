//! Follows our program in a replica's network namespace: hears what it did, lets it know that we are
//! there, and begins anew where the replica was started anew.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bollard::models::EndpointSettings;
use chaos_reports::record::Moment;
use chaos_reports::record::event::Event;
use chaos_reports::record::run_record::RunRecord;
use chaos_scenarios::action::Replica;
use chaos_scenarios::action::network::Impairment;
use tokio::sync::{mpsc, oneshot};
use tokio::time::interval;

use super::helper::Helper;
use super::{is_running, lock};
use crate::docker::error::DockerError;
use crate::docker::site::Site;
use crate::helper::network::protocol::{Account, Order, Part, Told};

/// How often our program hears from us: it gives up after 5 s.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Somebody who waits until what is known is done.
pub(super) type Asked = oneshot::Sender<Result<Done, DockerError>>;

/// How it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    /// Our program said so.
    Acting,
    /// Nothing runs whose packets could be meant.
    NotRunning,
}

/// What a replica's packets meet, and what was told of it.
#[derive(Default)]
pub(super) struct Known {
    met: Vec<Met>,
    /// Number of the last part.
    last: u32,
    account: Account,
}

struct Met {
    number: u32,
    impairment: Impairment,
    /// When the first effect was told.
    first: Option<Moment>,
    /// It ends.
    is_ending: bool,
}

impl Known {
    /// Whether it is met.
    pub(super) fn has(&self, impairment: &Impairment) -> bool {
        self.met.iter().any(|met| met.impairment == *impairment)
    }

    /// Adds what is to be met; false where it is met already.
    pub(super) fn add(&mut self, impairment: &Impairment) -> bool {
        let is_new = !self.has(impairment);
        if is_new {
            self.last += 1;
            let (number, impairment) = (self.last, impairment.clone());
            self.met.push(Met { number, impairment, first: None, is_ending: false });
        }
        is_new
    }

    /// Leaves it out of what is to be done; returns whether it was met, and whether others still are.
    pub(super) fn without(&mut self, impairment: &Impairment) -> (bool, bool) {
        let is_known = self.has(impairment);
        for met in self.met.iter_mut().filter(|met| met.impairment == *impairment) {
            met.is_ending = true;
        }
        (is_known, self.met.iter().any(|met| !met.is_ending))
    }

    /// Forgets it; returns what was done, in words.
    pub(super) fn remove(&mut self, impairment: &Impairment) -> String {
        let place = self.met.iter().position(|met| met.impairment == *impairment);
        let number = place.map(|place| self.met.remove(place).number);
        number.map(|number| self.account.evidence(number)).unwrap_or_default()
    }

    /// What is to be done, with the numbers of its parts.
    fn wanted(&self) -> Vec<(u32, Impairment)> {
        let met = self.met.iter().filter(|met| !met.is_ending);
        met.map(|met| (met.number, met.impairment.clone())).collect()
    }

    /// Since when there was an effect, and which.
    pub(super) fn felt(&self, impairment: &Impairment) -> Option<(Moment, String)> {
        let met = self.met.iter().find(|met| met.impairment == *impairment)?;
        Some((met.first?, self.account.evidence(met.number)))
    }

    /// Notes what was told. A part that is gone keeps its last figures.
    fn note(&mut self, account: Account, now: Moment) {
        for met in &mut self.met {
            let acted = account.parts.get(&met.number).is_some_and(|it| it.acted() > 0);
            if acted {
                met.first.get_or_insert(now);
            }
        }
        self.account.parts.extend(account.parts);
        self.account.all = account.all;
    }
}

/// All that is to be done at a replica, with the addresses of the peers as they are now.
async fn parts(
    site: &Site,
    replica: &Replica,
    known: &Mutex<Known>,
) -> Result<Vec<Part>, DockerError> {
    let mut parts = Vec::new();
    let wanted = lock(known).wanted();
    for (number, impairment) in wanted {
        let peers = match impairment.peers.is_empty() {
            true => None,
            false => Some(addresses(site, &impairment.peers).await?),
        };
        let stream = format!("{replica}/{impairment}");
        parts.push(Part { number, impairment, peers, stream });
    }
    Ok(parts)
}

/// The addresses of replicas that run, on the networks of the run. Names are those of components or
/// of replicas. One that is gone has none; one that could not be asked may still have its old one.
async fn addresses(site: &Site, names: &[String]) -> Result<Vec<Ipv4Addr>, DockerError> {
    let mut found = Vec::new();
    let is_meant = |replica: &Replica| {
        names.iter().any(|name| *name == replica.component || *name == replica.to_string())
    };
    for replica in site.containers().into_keys().filter(is_meant) {
        let settings = match site.inspect(&replica).await {
            Err(DockerError::UnknownReplica { .. }) => continue,
            inspected => inspected?.network_settings,
        };
        let networks = settings.and_then(|settings| settings.networks).unwrap_or_default();
        let of = |endpoint: EndpointSettings| endpoint.ip_address?.parse::<Ipv4Addr>().ok();
        found.extend(networks.into_values().filter_map(of));
    }
    found.sort_unstable();
    Ok(found)
}

/// Keeps a replica's packets impaired.
pub(super) struct Follower {
    site: Weak<Site>,
    replica: Replica,
    known: Arc<Mutex<Known>>,
    helper: Option<Helper>,
    /// The start of the replica that was looked at last.
    start: Option<Moment>,
    /// A new start is still to be met.
    is_lost: bool,
    /// It was said that this is not possible yet.
    is_told: bool,
    asked: mpsc::Receiver<Asked>,
}

impl Follower {
    pub(super) fn new(
        site: &Arc<Site>,
        replica: &Replica,
        known: &Arc<Mutex<Known>>,
        helper: Helper,
        asked: mpsc::Receiver<Asked>,
    ) -> Self {
        Self {
            site: Arc::downgrade(site),
            replica: replica.clone(),
            known: Arc::clone(known),
            start: Some(helper.started),
            helper: Some(helper),
            is_lost: false,
            is_told: false,
            asked,
        }
    }

    /// Goes on until nobody can ask for anything. Our program ends with its input, which is here.
    pub(super) async fn follow(mut self) {
        let Some(recorder) = self.site.upgrade().map(|site| site.recorder().clone()) else {
            return;
        };
        let mut beat = interval(HEARTBEAT);
        loop {
            let (replica, before) = (self.replica.clone(), self.start);
            let started = recorder
                .until(|record| last_start(record, &replica).filter(|at| Some(*at) > before));
            tokio::select! {
                asked = self.asked.recv() => match asked {
                    Some(reply) => { let _ = reply.send(self.change().await); }
                    None => break,
                },
                said = said(&mut self.helper) => self.hear(said),
                start = started => {
                    self.lose(start);
                    self.look_after().await;
                }
                _ = beat.tick() => self.look_after().await,
            }
        }
    }

    /// Has done what is known now.
    async fn change(&mut self) -> Result<Done, DockerError> {
        let Some(site) = self.site.upgrade() else { return Ok(Done::NotRunning) };
        let now = || site.recorder().now();
        if let Some(helper) = &mut self.helper {
            let parts = parts(&site, &self.replica, &self.known).await?;
            helper.order(parts, |account| lock(&self.known).note(account, now())).await?;
            return Ok(Done::Acting);
        }
        // What does not run has no packets; they meet it when it is started.
        self.is_lost = true;
        if !is_running(&site, &self.replica).await {
            return Ok(Done::NotRunning);
        }
        // A new one first removes what another one may have left.
        self.helper = Some(begin(&site, &self.replica, &self.known).await?);
        self.is_lost = false;
        Ok(Done::Acting)
    }

    fn hear(&mut self, said: Option<Told>) {
        let Some(site) = self.site.upgrade() else { return };
        match said {
            Some(Told::Did(account)) => {
                lock(&self.known).note(account, site.recorder().now());
            }
            Some(Told::Failed(said)) => {
                self.note("our program on the packets of", &format!("failed: {said}"));
            }
            Some(Told::Acting | Told::Undone) => {}
            // One that died stays dead, since its end is the end of the fault.
            None => {
                self.helper = None;
                if !lock(&self.known).wanted().is_empty() {
                    self.note("our program on the packets of", "has ended");
                }
            }
        }
    }

    /// The replica was started, in a network namespace of its own: our program there is in the old
    /// one.
    fn lose(&mut self, start: Moment) {
        self.start = Some(start);
        self.helper = None;
        (self.is_lost, self.is_told) = (true, false);
    }

    /// A sign of life, or an order with new addresses of the peers; and a new program for a replica
    /// that was started anew.
    async fn look_after(&mut self) {
        let Some(site) = self.site.upgrade() else { return };
        if self.is_lost {
            self.begin_anew(&site).await;
            return;
        }
        if self.helper.is_none() {
            return;
        }
        let parts = parts(&site, &self.replica, &self.known).await;
        let Some(helper) = &mut self.helper else { return };
        let numbers = |parts: &[Part]| parts.iter().map(|part| part.number).collect::<Vec<_>>();
        // A part that comes or goes is asked for; here it is about addresses alone.
        let moved = parts
            .ok()
            .filter(|parts| *parts != helper.parts && numbers(parts) == numbers(&helper.parts));
        let Some(parts) = moved else {
            let _ = helper.tell(&Order::GoOn).await;
            return;
        };
        let now = || site.recorder().now();
        let known = &self.known;
        if helper.order(parts, |account| lock(known).note(account, now())).await.is_ok() {
            self.note("the peers have other addresses, so the rules of", "were set anew");
        }
    }

    async fn begin_anew(&mut self, site: &Site) {
        if !is_running(site, &self.replica).await {
            return;
        }
        match begin(site, &self.replica, &self.known).await {
            Ok(helper) => {
                (self.helper, self.is_lost) = (Some(helper), false);
                if lock(&self.known).wanted().is_empty() {
                    return;
                }
                let begun = self.start.unwrap_or_else(|| site.recorder().now());
                let gap = site.recorder().now().seconds_since(begun);
                let how = format!("are impaired again, {gap:.2} s after its last start");
                self.note("the packets of", &how);
            }
            // It may have ended again meanwhile, and is tried again with the next beat.
            Err(error) if !self.is_told => {
                self.is_told = true;
                self.note("the packets of", &format!("are not impaired yet: {error}"));
            }
            Err(_) => {}
        }
    }

    fn note(&self, what: &str, how: &str) {
        if let Some(site) = self.site.upgrade() {
            let text = format!("{what} {} {how}", self.replica);
            site.recorder().emit(Event::Note { text });
        }
    }
}

/// Starts our program at a replica with all that is to be done there.
pub(super) async fn begin(
    site: &Site,
    replica: &Replica,
    known: &Mutex<Known>,
) -> Result<Helper, DockerError> {
    let parts = parts(site, replica, known).await?;
    Helper::start(site, replica, parts).await
}

/// What a program says next; for ever nothing where there is none.
async fn said(helper: &mut Option<Helper>) -> Option<Told> {
    match helper {
        Some(helper) => helper.next().await,
        None => std::future::pending().await,
    }
}

fn last_start(record: &RunRecord, replica: &Replica) -> Option<Moment> {
    let events = record.container_events.iter();
    let starts = events.filter(|told| told.action == "start" && told.replica == *replica);
    starts.map(|told| told.happened).max()
}
