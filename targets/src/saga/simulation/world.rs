//! What outlives a crash: the log, the services, and the requests on their way.

mod log;

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::Notify;
use tokio::task::yield_now;
use uuid::Uuid;

use super::services::{Case, Fault, Packet, Services};
use crate::client::Direction;
use crate::domain::order::Order;
use crate::domain::state::State;
use crate::domain::step::Step;
use crate::http::public::PlaceError;
use crate::saga::answer::Answer;
use crate::saga::clock::Clock;
use crate::saga::definition::Entry;
use crate::saga::log::Epoch;
use crate::saga::steps::{Reply, Steps};
use crate::store::orders::View;

/// When requests arrive that were given up, and requests that the network repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// When all is settled.
    AtTheEnd,
    /// Before the next life.
    AtTheRestart,
    /// After the next request.
    Soon,
}

impl Delivery {
    pub(super) const ALL: [Self; 3] = [Self::AtTheEnd, Self::AtTheRestart, Self::Soon];
}

/// How a write to the log fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogFault {
    /// It is undone.
    Undone,
    /// Its commit gets no answer, and did not take place.
    CommitLost,
    /// Its commit gets no answer, and took place.
    AnswerLost,
}

impl LogFault {
    pub(super) const ALL: [Self; 3] = [Self::Undone, Self::CommitLost, Self::AnswerLost];
}

#[derive(Debug)]
struct Row {
    id: Uuid,
    deadline: i64,
    state: State,
    entries: Vec<Entry>,
    attempts: u32,
    due: Option<i64>,
    finished: bool,
    dead: bool,
}

#[derive(Debug, Default)]
struct Inner {
    clock: Option<Clock>,
    now: i64,
    passes: u64,
    crash_at: Option<u64>,
    writes: u64,
    failing_write: Option<(u64, LogFault)>,
    write_failed: bool,
    epoch: i64,
    row: Option<Row>,
    view: Option<View>,
    services: Services,
    asked: u32,
    healed: bool,
    late: Vec<Packet>,
    told: Option<Result<View, PlaceError>>,
    held: bool,
}

/// The world around the manager.
#[derive(Debug)]
pub(super) struct World {
    order: Order,
    case: Case,
    delivery: Delivery,
    inner: Mutex<Inner>,
    crash: Notify,
    pub(super) release: Notify,
}

impl World {
    pub(super) fn new(case: &Case, delivery: Delivery) -> Self {
        Self {
            order: case.order.clone(),
            case: case.clone(),
            delivery,
            inner: Mutex::new(Inner { now: 1_000_000, ..Inner::default() }),
            crash: Notify::new(),
            release: Notify::new(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    pub(super) fn now(&self) -> i64 {
        self.inner().now
    }

    pub(super) fn begin_life(&self, clock: Clock) {
        self.inner().clock = Some(clock);
        if self.delivery == Delivery::AtTheRestart {
            self.deliver_late();
        }
    }

    pub(super) fn end_life(&self, clock: Clock) {
        self.inner().now = clock.now();
    }

    /// The next life crashes when it waits for the log or a service for this time.
    pub(super) fn crash_at(&self, point: Option<u64>) {
        let mut inner = self.inner();
        (inner.passes, inner.crash_at) = (0, point);
    }

    pub(super) async fn crashed(&self) {
        self.crash.notified().await;
    }

    pub(super) fn fail_write(&self, at: u64, fault: LogFault) {
        self.inner().failing_write = Some((at, fault));
    }

    pub(super) fn write_failed(&self) -> bool {
        self.inner().write_failed
    }

    /// The next request is held back until `release`.
    pub(super) fn hold_next_request(&self) {
        self.inner().held = true;
    }

    pub(super) fn is_held(&self) -> bool {
        !self.inner().held
    }

    pub(super) fn tell(&self, told: Result<View, PlaceError>) {
        self.inner().told = Some(told);
    }

    /// Whether the order is finished, set aside, or not there at all.
    pub(super) fn is_settled(&self) -> bool {
        self.inner().row.as_ref().is_none_or(|row| row.finished || row.dead)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.inner().row.as_ref().is_some_and(|row| row.dead)
    }

    /// From now on no request meets trouble.
    pub(super) fn heal(&self) {
        self.inner().healed = true;
    }

    pub(super) fn deliver_late(&self) {
        let mut inner = self.inner();
        for packet in std::mem::take(&mut inner.late) {
            inner.services.receive(packet, &self.order);
        }
    }

    /// A place where the process may die.
    async fn pass(&self) {
        let dies = {
            let mut inner = self.inner();
            inner.passes += 1;
            inner.crash_at == Some(inner.passes)
        };
        if dies {
            self.crash.notify_one();
            std::future::pending::<()>().await;
        }
        yield_now().await;
    }

    /// Counts a write and says how it fails, if it does.
    fn writing(&self) -> Option<LogFault> {
        let mut inner = self.inner();
        inner.writes += 1;
        let fails = inner.failing_write.filter(|(at, _)| *at == inner.writes);
        inner.write_failed |= fails.is_some();
        fails.map(|(_, fault)| fault)
    }

    fn trouble(&self, step: Step, direction: Direction) -> Option<Fault> {
        let mut inner = self.inner();
        if inner.healed {
            return None;
        }
        if self.case.away == Some(step) && direction == Direction::Forward {
            return Some(Fault::Lost);
        }
        let (at, way, first, fault) = self.case.trouble?;
        if (at, way) != (step, direction) {
            return None;
        }
        inner.asked = inner.asked.saturating_add(1);
        (inner.asked <= first).then_some(fault)
    }

    fn receive(&self, packet: Packet) -> Reply {
        if self.delivery == Delivery::Soon {
            self.deliver_late();
        }
        let mut inner = self.inner();
        let reply = inner.services.receive(packet, &self.order);
        // The network repeats every request, too.
        inner.late.push(packet);
        reply
    }

    /// Every law that must hold at the end.
    pub(super) fn check(&self, crashes: &[u64]) {
        let inner = self.inner();
        let story =
            || format!("{:?} with {:?}, crashes {crashes:?}: {inner:#?}", self.case, self.delivery);
        for (step, row) in &inner.services.rows {
            assert!(row.effects <= 1, "{step:?} was done twice: {}", story());
            assert!(row.undone <= row.effects, "{step:?} was undone too often: {}", story());
        }
        let (Some(row), Some(view)) = (&inner.row, &inner.view) else {
            assert!(inner.services.rows.is_empty(), "effects without an order: {}", story());
            assert!(!matches!(inner.told, Some(Ok(_))), "a promise without an order: {}", story());
            return;
        };
        assert!(row.finished && view.is_final(), "it never ended: {}", story());
        self.check_effects(&inner, view, &story);
        let expected = (self.case.fate.state, self.case.fate.reason);
        let ended = (view.state.as_str(), view.reason.as_deref());
        let spoiled = self.case.trouble.is_some() || self.case.away.is_some();
        let cancelled = spoiled && ended == (State::Cancelled.name(), None);
        assert!(ended == expected || cancelled, "it had to end otherwise: {}", story());
        if let Some(Ok(told)) =
            inner.told.as_ref().filter(|told| told.as_ref().is_ok_and(View::is_final))
        {
            assert_eq!(told, view, "the customer was told something else: {}", story());
        }
    }

    fn check_effects(&self, inner: &Inner, view: &View, story: &dyn Fn() -> String) {
        let kind = self.order.kind;
        let completed = view.state == State::Completed.name();
        for step in kind.steps().iter().chain(kind.finishing()) {
            let row = inner.services.row(*step);
            let left = row.effects - row.undone;
            assert_eq!(left, u32::from(completed), "{step:?} does not agree: {}", story());
            assert!(!(completed && row.compensated), "{step:?} was undone: {}", story());
        }
    }
}

/// A request that has been sent and has not arrived: whoever drops it does not take it back.
struct Flight<'a> {
    world: &'a World,
    packet: Option<Packet>,
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.world.inner().late.extend(self.packet.take());
    }
}

impl Steps for World {
    fn call<'a>(
        &'a self,
        epoch: Epoch,
        _order: &'a Order,
        step: Step,
        direction: Direction,
    ) -> BoxFuture<'a, Reply> {
        Box::pin(async move {
            let packet = Packet { step, direction, epoch: epoch.unwrap_or_default() };
            let mut flight = Flight { world: self, packet: Some(packet) };
            self.pass().await;
            if std::mem::take(&mut self.inner().held) {
                self.release.notified().await;
            }
            let answered = |answer| Reply::Answered(answer, "trouble".into());
            let trouble = self.trouble(step, direction);
            if trouble != Some(Fault::Late) {
                flight.packet = None;
            }
            let reply = match trouble {
                None => self.receive(packet),
                Some(Fault::TurnedAway) => answered(Answer::NothingDone),
                Some(Fault::InVain) => answered(Answer::Never),
                Some(Fault::Lost | Fault::Late) => answered(Answer::Unknown),
                Some(Fault::AnswerLost) => {
                    self.receive(packet);
                    answered(Answer::Unknown)
                }
            };
            drop(flight);
            self.pass().await;
            reply
        })
    }
}

/// How long a held request stays away in tests of two managers.
pub(super) const HELD: Duration = Duration::from_secs(1);
