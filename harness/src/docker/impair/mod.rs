//! Faults of the network: a container of ours in the network namespace of a replica, which acts on
//! its packets as long as it hears from us. Several faults on one replica are parts of what one
//! container does. A task follows it, so that a replica that was started anew, in a namespace of its
//! own, meets the same again.

mod follow;
mod helper;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_reports::record::Moment;
use chaos_scenarios::action::network::Impairment;
use chaos_scenarios::action::{Action, Replica};
use chaos_scenarios::plan::Plan;
use futures::future::join_all;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::AbortOnDropHandle;

use self::follow::{Asked, Done, Follower, Known};
use self::helper::failed;
use super::error::DockerError;
use super::provision::CONCURRENT;
use super::site::Site;
use crate::port::Proof;

/// The image that has iptables.
pub(super) const IMAGE: &str = "chaos/network";

/// What becomes of the packets of one replica, and what became of them before.
#[derive(Default)]
pub(super) struct Impaired {
    following: Option<Following>,
    /// What is over, when, and how it ended.
    over: Vec<(Impairment, Moment, String)>,
}

/// What is done there at present, if anything.
struct Following {
    known: Arc<Mutex<Known>>,
    /// Asks the task to have done what is known now.
    ask: mpsc::Sender<Asked>,
    /// Ends with this.
    _task: AbortOnDropHandle<()>,
}

/// Has our program ready at every replica whose packets a plan means, so that a fault acts as soon as
/// it is ordered. Where that fails, it is started with the first fault.
pub(super) async fn prepare(site: &Arc<Site>, plan: &Plan) {
    let actions = plan.timeline.iter().flat_map(|fault| &fault.injection.inject);
    let meant: BTreeSet<&Replica> =
        actions.filter(|action| action.impairs()).map(Action::replica).collect();
    let meant: Vec<&Replica> = meant.into_iter().filter(|it| site.held(it).is_ok()).collect();
    for some in meant.chunks(CONCURRENT) {
        join_all(some.iter().map(|replica| make_ready(site, replica))).await;
    }
}

async fn make_ready(site: &Arc<Site>, replica: &Replica) {
    let place = site.impaired(replica);
    let mut impaired = place.lock().await;
    impaired.following = Following::begin(site, replica, Known::default()).await.ok();
}

/// Lets a replica's packets meet something; if they meet it already, nothing is done.
pub(super) async fn impair(
    site: &Arc<Site>,
    replica: &Replica,
    impairment: &Impairment,
) -> Result<(), DockerError> {
    let place = site.impaired(replica);
    let mut impaired = place.lock().await;
    if let Some(following) = &impaired.following {
        let is_new = lock(&following.known).add(impairment);
        return if is_new { following.change(replica).await.map(drop) } else { Ok(()) };
    }
    let mut known = Known::default();
    known.add(impairment);
    impaired.following = Some(Following::begin(site, replica, known).await?);
    Ok(())
}

/// Ends that, and makes sure that no rule is left where nothing else is done.
pub(super) async fn end(
    site: &Site,
    replica: &Replica,
    impairment: &Impairment,
) -> Result<(), DockerError> {
    let place = site.impaired(replica);
    let mut impaired = place.lock().await;
    let Some(following) = &impaired.following else { return Ok(()) };
    let (is_known, others) = lock(&following.known).without(impairment);
    if !is_known {
        return Ok(());
    }
    let how = match following.change(replica).await? {
        Done::Acting if others => "others are still met there, this is not",
        Done::Acting => "no rule of ours is left there",
        Done::NotRunning => "its network ended with its main process",
    };
    let did = lock(&following.known).remove(impairment);
    impaired.over.push((impairment.clone(), site.recorder().now(), format!("{how}; {did}")));
    Ok(())
}

/// Whether there was an effect.
pub(super) async fn felt(site: &Site, replica: &Replica, impairment: &Impairment) -> Option<Proof> {
    let place = site.impaired(replica);
    let impaired = place.lock().await;
    let known = lock(&impaired.following.as_ref()?.known);
    let (since, evidence) = known.felt(impairment)?;
    Some(Proof { since, evidence })
}

/// Whether it is done no more.
pub(super) async fn is_over(
    site: &Site,
    replica: &Replica,
    impairment: &Impairment,
) -> Option<Proof> {
    let place = site.impaired(replica);
    let impaired = place.lock().await;
    let is_known = |following: &Following| lock(&following.known).has(impairment);
    if impaired.following.as_ref().is_some_and(is_known) {
        return None;
    }
    let last = impaired.over.iter().rfind(|(over, ..)| over == impairment);
    Some(last.map_or_else(
        || Proof { since: site.recorder().now(), evidence: "it was never met there".to_owned() },
        |(_, since, how)| Proof { since: *since, evidence: how.clone() },
    ))
}

impl Following {
    /// Starts our program there, and follows it.
    async fn begin(site: &Arc<Site>, replica: &Replica, known: Known) -> Result<Self, DockerError> {
        let known = Arc::new(Mutex::new(known));
        let helper = follow::begin(site, replica, &known).await?;
        let (ask, asked) = mpsc::channel(1);
        let follower = Follower::new(site, replica, &known, helper, asked);
        let task = AbortOnDropHandle::new(tokio::spawn(follower.follow()));
        Ok(Self { known, ask, _task: task })
    }

    /// Has done what is known now.
    async fn change(&self, replica: &Replica) -> Result<Done, DockerError> {
        let gone = || failed(replica, "nobody follows our program there any more");
        let (reply, replied) = oneshot::channel();
        self.ask.send(reply).await.map_err(|_| gone())?;
        replied.await.map_err(|_| gone())?
    }
}

async fn is_running(site: &Site, replica: &Replica) -> bool {
    let state = site.inspect(replica).await.ok().and_then(|inspected| inspected.state);
    state.and_then(|state| state.running).unwrap_or(false)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
