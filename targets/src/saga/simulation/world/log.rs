//! The log of the made-up world: one order, written whole or not at all.

use futures::future::BoxFuture;
use uuid::Uuid;

use super::{Inner, LogFault, Row, World};
use crate::backlog::{DeadLetter, Redriven};
use crate::domain::order::Order;
use crate::domain::state::State;
use crate::saga::clock::micros;
use crate::saga::definition::Position;
use crate::saga::log::{Change, Counts, End, Epoch, LogError, Opened, Saga, SagaLog};
use crate::saga::runner::DEADLINE;
use crate::store::StoreError;
use crate::store::orders::View;

impl World {
    fn hold(&self, epoch: Epoch) -> Result<(), LogError> {
        if epoch == Some(self.inner().epoch) { Ok(()) } else { Err(LogError::Outdated) }
    }

    /// Writes as a transaction would: whole or not at all, with a clear answer or none.
    async fn write<T>(
        &self,
        epoch: Epoch,
        write: impl FnOnce(&mut Inner) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        self.pass().await;
        let unknown = || Err(StoreError::CommitUnknown("it was asked for".into()).into());
        let result = match self.writing() {
            Some(LogFault::Undone) => return Err(StoreError::Silent.into()),
            Some(LogFault::CommitLost) => return unknown(),
            fault => {
                self.hold(epoch)?;
                let result = write(&mut self.inner());
                if fault.is_some() { unknown() } else { result }
            }
        };
        self.pass().await;
        result
    }

    fn apply(inner: &mut Inner, saga: &Saga, change: &Change) -> Option<View> {
        let row = inner.row.as_mut().filter(|row| row.id == saga.id && !row.finished);
        let row = row.expect("only what is there and not finished is written to");
        assert_eq!(row.entries.len(), saga.lines, "two lead the same pipeline");
        row.entries.extend(&change.entries);
        (row.attempts, row.due, row.state) = (change.attempts, change.due, change.state);
        row.finished = change.end == Some(End::Finished);
        row.dead = matches!(change.end, Some(End::SetAside { .. }));
        let view = inner.view.as_mut().expect("a pipeline has an order");
        let may = change.state.may_start_from().contains(&view.state.as_str());
        if change.state == saga.state || !may {
            return None;
        }
        view.state = change.state.name().into();
        view.reason = change.reason.map(|reason| reason.name().into());
        view.version += 1;
        Some(view.clone())
    }
}

impl SagaLog for World {
    fn take_over(&self, if_idle: bool) -> BoxFuture<'_, Result<Option<i64>, LogError>> {
        Box::pin(async move {
            self.pass().await;
            let epoch = {
                let mut inner = self.inner();
                inner.epoch += i64::from(!if_idle);
                (!if_idle).then_some(inner.epoch)
            };
            self.pass().await;
            Ok(epoch)
        })
    }

    fn keep(&self, epoch: i64) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(async move { self.hold(Some(epoch)) })
    }

    fn open<'a>(
        &'a self,
        epoch: Epoch,
        id: Uuid,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Opened, LogError>> {
        Box::pin(self.write(epoch, move |inner| {
            let now = inner.clock.expect("it lives").now();
            let deadline = now + micros(DEADLINE);
            let (state, reason, version) = (State::Accepted.name().to_owned(), None, 1);
            let view = View { order_id: order.id.clone(), state, reason, version, updated_at: now };
            inner.view = Some(view.clone());
            let (entries, attempts, due) = (Vec::new(), 0, None);
            let (state, finished, dead) = (State::Accepted, false, false);
            inner.row = Some(Row { id, deadline, state, entries, attempts, due, finished, dead });
            Ok(Opened::New(Saga::start(id, order.clone(), deadline).into(), view))
        }))
    }

    fn record<'a>(
        &'a self,
        epoch: Epoch,
        saga: &'a Saga,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Option<View>, LogError>> {
        Box::pin(self.write(epoch, move |inner| Ok(Self::apply(inner, saga, change))))
    }

    fn load(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Saga>, LogError>> {
        Box::pin(async move {
            self.pass().await;
            let inner = self.inner();
            let open = |row: &&Row| row.id == id && !row.finished && !row.dead;
            Ok(inner.row.as_ref().filter(open).map(|row| {
                let mut position = Position::start(self.order.kind);
                row.entries.iter().for_each(|entry| position.apply(*entry));
                position.set_attempts(row.attempts);
                let (state, due, lines) = (row.state, row.due, row.entries.len());
                let (order, deadline) = (self.order.clone(), row.deadline);
                Saga { id, order, deadline, position, state, lines, due, late: false }
            }))
        })
    }

    fn unfinished(
        &self,
        after: Option<Uuid>,
        _limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Uuid>, LogError>> {
        Box::pin(async move {
            self.pass().await;
            let inner = self.inner();
            let open = inner.row.iter().filter(|row| !row.finished && !row.dead);
            Ok(open.map(|row| row.id).filter(|id| Some(*id) > after).collect())
        })
    }

    fn count(&self) -> BoxFuture<'_, Result<Counts, LogError>> {
        Box::pin(async { Ok(Counts::default()) })
    }

    fn dead(&self) -> BoxFuture<'_, Result<Vec<DeadLetter>, LogError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn redrive(&self, epoch: Epoch, _limit: usize) -> BoxFuture<'_, Result<Redriven, LogError>> {
        Box::pin(self.write(epoch, |inner| {
            let dead = inner.row.iter_mut().filter(|row| row.dead);
            let redriven = dead.map(|row| (row.dead, row.attempts) = (false, 0)).count();
            Ok(Redriven { redriven, refused: 0 })
        }))
    }
}
