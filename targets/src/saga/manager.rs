//! Takes orders, hands each to one task that leads it, and sees to it that only the newest manager
//! does so. One that finds a newer one stands by until that has fallen silent.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Map, Value};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::clock::Clock;
use super::lease::KEEP_PERIOD;
use super::log::{LogError, Opened, SagaLog};
use super::retry::Patience;
use super::runner::{Runner, Waiter};
use super::steps::Steps;
use super::term::Term;
use crate::backlog::{Backlog, DeadLetter, Redriven};
use crate::chaos_switch::{self, Point};
use crate::domain::order::Order;
use crate::http::public::{Checkout, PlaceError};
use crate::log;
use crate::metrics::Metrics;
use crate::safeguard::{Safeguard, Safeguards};
use crate::store::StoreError;
use crate::store::orders::{Opening, View};

/// How long a customer waits for an order to become final before it is only said to be accepted.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Orders that one manager leads at the same time, those that wait after a failure included.
const MOST_PIPELINES: usize = 4_096;
/// Pipelines that are looked up at once after a start.
const PAGE: usize = 256;
/// Pause between two looks for pipelines that nobody leads.
const LOOK_PERIOD: Duration = Duration::from_secs(5);
/// Longest wait of an order for a manager that has just started to lead.
const LEAD_WAIT: Duration = Duration::from_secs(1);
/// Pause between two attempts to lead, in milliseconds.
const LEAD_PAUSE_MILLIS: std::ops::RangeInclusive<u64> = 100..=300;
/// The name of the chaos switch's place for an order as a whole.
const ORDER: &str = "order";

/// Leads orders through their pipelines.
#[derive(Clone)]
pub(crate) struct Manager(Arc<Parts>);

struct Parts {
    runner: Runner,
    log: Arc<dyn SagaLog>,
    leased: bool,
    /// The term, while it leads.
    term: watch::Sender<Option<Term>>,
    standing_by: Arc<AtomicBool>,
    slots: Arc<Semaphore>,
    owned: Mutex<HashSet<Uuid>>,
    /// Somebody asks to look for what nobody leads.
    look: Notify,
    tasks: TaskTracker,
}

impl Manager {
    /// A manager that leads nothing yet.
    pub(crate) fn new(
        log: Arc<dyn SagaLog>,
        steps: Arc<dyn Steps>,
        safeguards: Safeguards,
        (clock, metrics): (Clock, Metrics),
        standing_by: Arc<AtomicBool>,
    ) -> Self {
        let patience = Patience::of(safeguards);
        Self(Arc::new(Parts {
            runner: Runner::new(log.clone(), steps, patience, (clock, metrics)),
            log,
            leased: safeguards.has(Safeguard::Lease),
            term: watch::Sender::new(None),
            standing_by,
            slots: Arc::new(Semaphore::new(MOST_PIPELINES)),
            owned: Mutex::default(),
            look: Notify::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Leads until `stop`, then waits for what is still going well.
    pub(crate) async fn lead(self, stop: CancellationToken) {
        let mut another_leads = false;
        while !stop.is_cancelled() {
            if let Some(term) = self.begin(another_leads, &stop).await {
                self.0.standing_by.store(false, Ordering::Relaxed);
                self.0.term.send_replace(Some(term.clone()));
                tokio::join!(self.resume(&term), self.keep(&term));
                self.0.term.send_replace(None);
                another_leads = term.is_outdated();
                self.0.standing_by.store(another_leads, Ordering::Relaxed);
                if another_leads {
                    log::event("a newer pipeline manager leads", &[]);
                }
            }
            let pause = Duration::from_millis(fastrand::u64(LEAD_PAUSE_MILLIS));
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Begins a term: at the start of the process in place of whoever leads, later only where
    /// nobody has told of leading for a while.
    async fn begin(&self, if_idle: bool, stop: &CancellationToken) -> Option<Term> {
        if !self.0.leased {
            return Some(Term::new(None, stop.clone()));
        }
        let epoch = self.0.log.take_over(if_idle).await.ok()??;
        log::event("leading", &[("epoch", &epoch)]);
        Some(Term::new(Some(epoch), stop.clone()))
    }

    /// Goes on with everything that an earlier manager has left, and looks again from time to time:
    /// whatever nobody leads, for whichever reason, is found. Where several may lead, that would be
    /// found which another one leads, so it is looked for only on request.
    async fn resume(&self, term: &Term) {
        while !term.is_over() {
            self.go_on_with_all(term).await;
            tokio::select! {
                () = self.0.look.notified() => {}
                () = sleep(LOOK_PERIOD), if self.0.leased => {}
                () = term.over() => {}
            }
        }
    }

    async fn go_on_with_all(&self, term: &Term) {
        let mut after = None;
        while !term.is_over() {
            match self.0.log.unfinished(after, PAGE).await {
                Ok(ids) if ids.is_empty() => return,
                Ok(ids) => {
                    after = ids.last().copied();
                    for id in ids {
                        let Some(owner) = self.own(id) else { continue };
                        let Some(slot) = self.slot(term).await else { return };
                        self.go_on(term, owner, slot);
                    }
                }
                Err(_) => sleep(Duration::from_millis(fastrand::u64(LEAD_PAUSE_MILLIS))).await,
            }
        }
    }

    async fn slot(&self, term: &Term) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            slot = self.0.slots.clone().acquire_owned() => slot.ok(),
            () = term.over() => None,
        }
    }

    /// Tells again and again that this manager leads, until it no longer does.
    async fn keep(&self, term: &Term) {
        while !term.is_over() {
            tokio::select! {
                () = sleep(KEEP_PERIOD) => {}
                () = term.over() => return,
            }
            let Some(epoch) = term.epoch else { continue };
            if let Err(LogError::Outdated) = self.0.log.keep(epoch).await {
                term.outdate();
            }
        }
    }

    /// Goes on with a pipeline of the log, in a task of its own.
    fn go_on(&self, term: &Term, owner: Owner, slot: OwnedSemaphorePermit) {
        let (manager, term) = (self.clone(), term.clone());
        self.0.tasks.spawn(async move {
            manager.0.runner.tend(&term, (owner.id, None), None).await;
            drop((slot, owner));
        });
    }

    /// Makes the caller the only one who leads a pipeline; nothing where somebody does already.
    fn own(&self, id: Uuid) -> Option<Owner> {
        let mut owned = self.0.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.insert(id).then(|| Owner { manager: self.clone(), id })
    }

    /// The term of this manager; it may just be beginning.
    async fn term(&self) -> Result<Term, PlaceError> {
        let refused = || PlaceError::Refused("this pipeline manager does not lead".into());
        if self.0.standing_by.load(Ordering::Relaxed) {
            return Err(refused());
        }
        let mut terms = self.0.term.subscribe();
        let begun = timeout(LEAD_WAIT, terms.wait_for(Option::is_some)).await;
        let term = begun.map_err(|_| refused())?.map_err(|_| refused())?.clone();
        term.filter(|term| !term.is_outdated()).ok_or_else(refused)
    }

    /// Takes an order and waits a while for its end.
    async fn take(&self, order: &Order) -> Result<View, PlaceError> {
        let patience = Instant::now() + ANSWER_WITHIN;
        let term = self.term().await?;
        let slot = self.0.slots.clone().try_acquire_owned();
        let slot = slot.map_err(|_| PlaceError::Refused("too many orders are open".into()))?;
        let ((opened, was_opened), (ended, has_ended)) = (oneshot::channel(), oneshot::channel());
        // A task of its own: the order is led whether or not the customer stays.
        let leading = self.clone().open_and_lead(term, slot, order.clone(), (opened, ended));
        self.0.tasks.spawn(leading);
        let broke_off = |_| PlaceError::Unfinished("its task broke off".into());
        match was_opened.await.map_err(broke_off)?? {
            Opening::Known(view) => Ok(view),
            Opening::Conflict => Err(PlaceError::Conflict),
            Opening::New(view) => match timeout_at(patience, has_ended).await {
                Ok(Ok(Ok(view))) => Ok(view),
                Ok(Ok(Err(error))) => Err(PlaceError::Unfinished(error)),
                // It takes longer, or another manager goes on with it.
                Ok(Err(_)) | Err(_) => Ok(view),
            },
        }
    }

    async fn open_and_lead(
        self,
        term: Term,
        slot: OwnedSemaphorePermit,
        order: Order,
        (opened, ended): (oneshot::Sender<Result<Opening, PlaceError>>, Waiter),
    ) {
        let id = Uuid::now_v7();
        let _held = (slot, self.own(id));
        let (answer, saga) = match self.open(&term, id, &order).await {
            Ok(Opened::New(saga, view)) => (Ok(Opening::New(view)), Some(*saga)),
            Ok(Opened::Known(view)) => (Ok(Opening::Known(view)), None),
            Ok(Opened::Conflict) => (Ok(Opening::Conflict), None),
            Err(error) => (Err(error), None),
        };
        // Where nobody knows whether it is stored, the log will tell.
        let maybe = matches!(answer, Err(PlaceError::Store(StoreError::CommitUnknown(_))));
        // The customer may have left.
        let _ = opened.send(answer);
        if maybe || saga.is_some() {
            self.0.runner.tend(&term, (id, saga), Some(ended)).await;
        }
    }

    async fn open(&self, term: &Term, id: Uuid, order: &Order) -> Result<Opened, PlaceError> {
        let injected = |error: chaos_switch::Injected| PlaceError::Refused(error.to_string());
        chaos_switch::reach(ORDER, Point::BeforeTx).await.map_err(injected)?;
        match self.0.log.open(term.epoch, id, order).await {
            Ok(opened) => {
                // A failure that was asked for here has no answer to spoil: the order is led.
                let _ = chaos_switch::reach(ORDER, Point::AfterCommit).await;
                Ok(opened)
            }
            Err(LogError::Store(error)) => Err(error.into()),
            Err(LogError::Outdated) => {
                term.outdate();
                Err(PlaceError::Refused(LogError::Outdated.to_string()))
            }
        }
    }

    async fn redrive_dead(&self) -> Result<Redriven, String> {
        let Some(term) = self.0.term.borrow().clone() else {
            if self.0.standing_by.load(Ordering::Relaxed) {
                // The manager that leads does it.
                return Ok(Redriven { redriven: 0, refused: 0 });
            }
            return Err("this pipeline manager does not lead yet".into());
        };
        let redriven = self.0.log.redrive(term.epoch, MOST_PIPELINES).await;
        // Whatever the answer, the log says what has to be gone on with.
        self.0.look.notify_one();
        redriven.map_err(|error| error.to_string())
    }
}

/// Ends the ownership of a pipeline with its task.
struct Owner {
    manager: Manager,
    id: Uuid,
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut owned = self.manager.0.owned.lock().unwrap_or_else(PoisonError::into_inner);
        owned.remove(&self.id);
    }
}

impl Checkout for Manager {
    fn place<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<View, PlaceError>> {
        Box::pin(self.take(order))
    }
}

impl Backlog for Manager {
    fn pending(&self) -> BoxFuture<'_, Result<Map<String, Value>, StoreError>> {
        Box::pin(async {
            let counts = match self.0.log.count().await {
                Ok(counts) => counts,
                Err(LogError::Store(error)) => return Err(error),
                Err(LogError::Outdated) => return Ok(Map::new()),
            };
            let owned = self.0.owned.lock().unwrap_or_else(PoisonError::into_inner).len();
            let led = i64::try_from(owned).unwrap_or(i64::MAX);
            let mut pending = Map::new();
            pending.insert("pipelines".into(), counts.unfinished.max(led).into());
            pending.insert("retry".into(), counts.waiting.into());
            pending.insert("dead".into(), counts.dead.into());
            Ok(pending)
        })
    }

    fn dead(&self) -> BoxFuture<'_, Result<Vec<DeadLetter>, String>> {
        Box::pin(async { self.0.log.dead().await.map_err(|error| error.to_string()) })
    }

    fn redrive(&self) -> BoxFuture<'_, Result<Redriven, String>> {
        Box::pin(self.redrive_dead())
    }
}
