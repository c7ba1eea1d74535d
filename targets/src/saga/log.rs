//! What the manager asks of whatever remembers orders for it.

use futures::future::BoxFuture;
use uuid::Uuid;

use super::definition::{Entry, Position};
use crate::backlog::{DeadLetter, Redriven};
use crate::client::Direction;
use crate::domain::order::Order;
use crate::domain::state::{Reason, State};
use crate::domain::step::Step;
use crate::store::StoreError;
use crate::store::orders::View;

/// Which start of a manager writes; nothing where all are obeyed alike.
pub(crate) type Epoch = Option<i64>;

/// One order on its way through its pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Saga {
    /// Its own id: without idempotency an order may be processed more than once.
    pub(crate) id: Uuid,
    /// What was ordered.
    pub(crate) order: Order,
    /// When the way forward ends, in unix microseconds.
    pub(crate) deadline: i64,
    /// Where it stands.
    pub(crate) position: Position,
    /// The state of the order as it was written down last.
    pub(crate) state: State,
    /// Lines of its log so far.
    pub(crate) lines: usize,
    /// When it goes on after a failure, in unix microseconds.
    pub(crate) due: Option<i64>,
    /// Whether the deadline had passed when it was looked at last.
    pub(crate) late: bool,
}

impl Saga {
    /// A pipeline that nothing has been done of.
    pub(crate) fn start(id: Uuid, order: Order, deadline: i64) -> Self {
        let position = Position::start(order.kind);
        let (state, lines, due, late) = (State::Accepted, 0, None, false);
        Self { id, order, deadline, position, state, lines, due, late }
    }
}

/// What opening a pipeline came to.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It has to be run.
    New(Box<Saga>, View),
    /// The order was stored earlier: this is where it stands.
    Known(View),
    /// The id belongs to a different order.
    Conflict,
}

/// What is written down at once: all of it, or none.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// What happened since, and the intent of what happens next.
    pub(crate) entries: Vec<Entry>,
    /// The state that the order has with that.
    pub(crate) state: State,
    /// Why the business refused it.
    pub(crate) reason: Option<Reason>,
    /// Failed attempts in a row.
    pub(crate) attempts: u32,
    /// When it goes on after a failure.
    pub(crate) due: Option<i64>,
    /// How its run ends with this, if it does.
    pub(crate) end: Option<End>,
}

/// How the run of a pipeline ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Nothing is left to do.
    Finished,
    /// It failed too often.
    SetAside {
        /// What failed.
        step: Step,
        /// Which way.
        direction: Direction,
        /// The latest failure.
        error: String,
    },
}

/// Why something was not written down, or not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A newer manager has taken over: this one may write nothing any more.
    #[error("a newer pipeline manager has taken over")]
    Outdated,
}

/// Pipelines that are not finished, by what keeps them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All that are not finished and not set aside.
    pub(crate) unfinished: i64,
    /// Those of them that wait after a failure.
    pub(crate) waiting: i64,
    /// Set aside.
    pub(crate) dead: i64,
}

/// Remembers where orders stand in their pipelines.
pub(crate) trait SagaLog: Send + Sync + 'static {
    /// Takes over from whichever manager leads so far. With `if_idle`, only if that one has not
    /// told of itself for a while; then nothing may come of it.
    fn take_over(&self, if_idle: bool) -> BoxFuture<'_, Result<Option<i64>, LogError>>;

    /// Tells that the manager of an epoch still leads. `Outdated` when it does not.
    fn keep(&self, epoch: i64) -> BoxFuture<'_, Result<(), LogError>>;

    /// Stores an order and the beginning of its pipeline, which must be found from then on.
    fn open<'a>(
        &'a self,
        epoch: Epoch,
        id: Uuid,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Opened, LogError>>;

    /// Writes down what happened. Returns where the order stands when that has changed.
    fn record<'a>(
        &'a self,
        epoch: Epoch,
        saga: &'a Saga,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Option<View>, LogError>>;

    /// Reads a pipeline that is neither finished nor set aside.
    fn load(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Saga>, LogError>>;

    /// The ids of up to `limit` such pipelines after `after`, in the order of ids.
    fn unfinished(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Uuid>, LogError>>;

    /// Counts them.
    fn count(&self) -> BoxFuture<'_, Result<Counts, LogError>>;

    /// What was set aside.
    fn dead(&self) -> BoxFuture<'_, Result<Vec<DeadLetter>, LogError>>;

    /// Makes up to `limit` pipelines that were set aside unfinished ones again, with all their
    /// attempts; those that were redriven too often stay.
    fn redrive(&self, epoch: Epoch, limit: usize) -> BoxFuture<'_, Result<Redriven, LogError>>;
}

/// A redrive more often than this is taken for a loop.
pub(super) const MOST_REDRIVES: i64 = 3;

/// The name under which a step that was set aside is listed.
pub(super) fn place(step: &str, direction: &str) -> String {
    format!("pipeline.{step}.{direction}")
}
