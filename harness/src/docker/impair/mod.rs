//! Faults of the network: a container of ours in the network namespace of a replica, which acts on
//! its packets as long as it hears from us. Several faults on one replica are parts of what one
//! container does. A task follows it, so that a replica that was started anew, in a namespace of its
//! own, meets the same again.

mod follow;
mod helper;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_reports::record::Moment;
use chaos_scenarios::action::Replica;
use chaos_scenarios::action::network::Impairment;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use self::follow::{Follower, Known};
use self::helper::{END_LIMIT, Helper, failed};
use super::error::DockerError;
use super::site::Site;
use crate::helper::network::protocol::Told;
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

/// What is done there at present.
struct Following {
    known: Arc<Mutex<Known>>,
    /// Asks the task to have done what is known now.
    ask: mpsc::Sender<oneshot::Sender<Result<(), DockerError>>>,
    /// Returns whether no rule is left for sure; none once it has ended.
    task: Option<AbortOnDropHandle<bool>>,
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
        return if is_new { following.change(replica).await } else { Ok(()) };
    }
    let mut known = Known::default();
    known.add(impairment);
    let known = Arc::new(Mutex::new(known));
    let helper = follow::begin(site, replica, &known).await?;
    let (ask, asked) = mpsc::channel(1);
    let follower = Follower::new(site, replica, &known, helper, asked);
    let task = AbortOnDropHandle::new(tokio::spawn(follower.follow()));
    impaired.following = Some(Following { known, ask, task: Some(task) });
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
    let how = if others {
        following.change(replica).await?;
        "others are still met there, this is not"
    } else {
        impaired.finish(site, replica).await?
    };
    let Some(following) = &impaired.following else { return Ok(()) };
    let did = lock(&following.known).remove(impairment);
    impaired.over.push((impairment.clone(), site.recorder().now(), format!("{how}; {did}")));
    if !others {
        impaired.following = None;
    }
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
    /// Has done what is known now.
    async fn change(&self, replica: &Replica) -> Result<(), DockerError> {
        let gone = || failed(replica, "nobody follows our program there any more");
        let (reply, replied) = oneshot::channel();
        self.ask.send(reply).await.map_err(|_| gone())?;
        replied.await.map_err(|_| gone())?
    }
}

impl Impaired {
    /// Ends our program there; says how it ended.
    async fn finish(
        &mut self,
        site: &Site,
        replica: &Replica,
    ) -> Result<&'static str, DockerError> {
        let Some(following) = &mut self.following else { return Ok("nothing was done") };
        // A task without anybody who could ask it for something ends.
        let (nobody, _) = mpsc::channel(1);
        following.ask = nobody;
        if let Some(task) = following.task.take()
            && timeout(END_LIMIT * 2, task).await.is_ok_and(|ended| ended.unwrap_or(false))
        {
            return Ok("our program there removed its rules and ended");
        }
        if !is_running(site, replica).await {
            return Ok("its network ended with its main process");
        }
        let mut helper = Helper::launch(site, replica, &["network-sweep"]).await?;
        match helper.last_word(|_| {}).await {
            Some(Told::Undone) => Ok("another program of ours made sure that no rule is left"),
            other => Err(failed(replica, &format!("rules may be left: {other:?}"))),
        }
    }
}

async fn is_running(site: &Site, replica: &Replica) -> bool {
    let state = site.inspect(replica).await.ok().and_then(|inspected| inspected.state);
    state.and_then(|state| state.running).unwrap_or(false)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
