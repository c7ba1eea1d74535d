//! The log of pipelines in the manager's own database: it outlives the manager. The row of a
//! pipeline says when it goes on after a failure, so that the table is its retry queue, too.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio_postgres::Row;
use uuid::Uuid;

use super::answer::Answer;
use super::clock::{Clock, micros};
use super::definition::{Entry, Position};
use super::lease;
use super::log::{
    Change, Counts, End, Epoch, LogError, MOST_REDRIVES, Opened, Saga, SagaLog, place,
};
use crate::backlog::{DeadLetter, Redriven};
use crate::client::Direction;
use crate::domain::order::Order;
use crate::domain::state::State;
use crate::domain::step::Step;
use crate::safeguard::Safeguards;
use crate::store::orders::{self, Opening, View};
use crate::store::{Database, StoreError, Unit};

/// Dead letters that are listed at most.
const MOST_LISTED: i64 = 10_000;

/// The log in PostgreSQL.
pub(crate) struct PostgresLog {
    database: Database,
    safeguards: Safeguards,
    clock: Clock,
    deadline: Duration,
}

impl PostgresLog {
    /// A log whose pipelines may go forward for `deadline`.
    pub(crate) fn new(
        database: Database,
        safeguards: Safeguards,
        clock: Clock,
        deadline: Duration,
    ) -> Self {
        Self { database, safeguards, clock, deadline }
    }

    async fn open(&self, epoch: Epoch, id: Uuid, order: &Order) -> Result<Opened, LogError> {
        let unit = self.database.begin().await?;
        lease::hold(&unit, epoch).await?;
        let opened = match orders::open(&unit, order, self.safeguards).await? {
            Opening::Known(view) => Opened::Known(view),
            Opening::Conflict => Opened::Conflict,
            Opening::New(view) => {
                let now = self.clock.now();
                let deadline = now.saturating_add(micros(self.deadline));
                let saga = Saga::start(id, order.clone(), deadline);
                let body = serde_json::to_string(order)
                    .map_err(|error| StoreError::Undone(error.to_string()))?;
                let (kind, state) = (order.kind.name(), saga.state.name());
                let epoch = epoch.unwrap_or_default();
                unit.execute(
                    OPEN,
                    &[&id, &order.id, &kind, &body, &state, &epoch, &deadline, &now],
                )
                .await?;
                Opened::New(saga.into(), view)
            }
        };
        unit.commit().await?;
        Ok(opened)
    }

    async fn record(
        &self,
        epoch: Epoch,
        saga: &Saga,
        change: &Change,
    ) -> Result<Option<View>, LogError> {
        let unit = self.database.begin().await?;
        lease::hold(&unit, epoch).await?;
        let now = self.clock.now();
        let finished = (change.end == Some(End::Finished)).then_some(now);
        let (state, attempts) = (change.state.name(), i64::from(change.attempts));
        let epoch = epoch.unwrap_or_default();
        let row = unit
            .execute(MOVE, &[&saga.id, &state, &epoch, &attempts, &change.due, &now, &finished])
            .await?;
        if row == 0 {
            return Err(StoreError::Undone(format!("pipeline {} is finished", saga.id)).into());
        }
        append(&unit, saga, &change.entries, now).await?;
        if let Some(End::SetAside { step, direction, error }) = &change.end {
            let (step, way) = (step.name(), direction.name());
            unit.execute(SET_ASIDE, &[&saga.id, &step, &way, error, &attempts, &now]).await?;
        }
        let view = if change.state == saga.state {
            None
        } else {
            orders::advance(&unit, &saga.order.id, change.state, change.reason).await?
        };
        unit.commit().await?;
        Ok(view)
    }

    async fn load(&self, id: Uuid) -> Result<Option<Saga>, LogError> {
        let rows = self.database.rows(LOAD, &[&id]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let lines = self.database.rows(LOAD_LOG, &[&id]).await?;
        Ok(Some(read(id, row, &lines).map_err(StoreError::Undone)?))
    }

    async fn redrive(&self, epoch: Epoch, limit: usize) -> Result<Redriven, LogError> {
        let unit = self.database.begin().await?;
        lease::hold(&unit, epoch).await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = unit.rows(REDRIVE, &[&MOST_REDRIVES, &limit]).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.get(0)).collect();
        let again = "UPDATE sagas SET redrives = redrives + 1, attempts = 0, due_at = NULL
                     WHERE id = ANY ($1)";
        unit.execute(again, &[&ids]).await?;
        let rows = unit.rows(REFUSED, &[&MOST_REDRIVES]).await?;
        let refused = rows.first().map_or(0, |row| row.get::<_, i64>(0));
        unit.commit().await?;
        let refused = usize::try_from(refused).unwrap_or(0);
        Ok(Redriven { redriven: ids.len(), refused })
    }
}

impl SagaLog for PostgresLog {
    fn take_over(&self, if_idle: bool) -> BoxFuture<'_, Result<Option<i64>, LogError>> {
        Box::pin(lease::take_over(&self.database, if_idle))
    }

    fn keep(&self, epoch: i64) -> BoxFuture<'_, Result<(), LogError>> {
        Box::pin(lease::keep(&self.database, epoch))
    }

    fn open<'a>(
        &'a self,
        epoch: Epoch,
        id: Uuid,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Opened, LogError>> {
        Box::pin(self.open(epoch, id, order))
    }

    fn record<'a>(
        &'a self,
        epoch: Epoch,
        saga: &'a Saga,
        change: &'a Change,
    ) -> BoxFuture<'a, Result<Option<View>, LogError>> {
        Box::pin(self.record(epoch, saga, change))
    }

    fn load(&self, id: Uuid) -> BoxFuture<'_, Result<Option<Saga>, LogError>> {
        Box::pin(self.load(id))
    }

    fn unfinished(
        &self,
        after: Option<Uuid>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Uuid>, LogError>> {
        Box::pin(async move {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = self.database.rows(UNFINISHED, &[&after, &limit]).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }

    fn count(&self) -> BoxFuture<'_, Result<Counts, LogError>> {
        Box::pin(async move {
            let rows = self.database.rows(COUNT, &[]).await?;
            let count = |index| rows.first().map_or(0, |row| row.get(index));
            Ok(Counts { unfinished: count(0), waiting: count(1), dead: count(2) })
        })
    }

    fn dead(&self) -> BoxFuture<'_, Result<Vec<DeadLetter>, LogError>> {
        Box::pin(async move {
            let rows = self.database.rows(DEAD, &[&MOST_LISTED]).await?;
            Ok(rows.iter().map(dead_letter).collect())
        })
    }

    fn redrive(&self, epoch: Epoch, limit: usize) -> BoxFuture<'_, Result<Redriven, LogError>> {
        Box::pin(self.redrive(epoch, limit))
    }
}

/// Adds lines to the log of a pipeline. Two who write the same line collide on its number.
async fn append(unit: &Unit, saga: &Saga, entries: &[Entry], now: i64) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let lines = i64::try_from(saga.lines).unwrap_or(i64::MAX);
    let steps: Vec<&str> = entries.iter().map(|entry| entry.step.name()).collect();
    let ways: Vec<&str> = entries.iter().map(|entry| entry.direction.name()).collect();
    let attempts: Vec<i64> = entries.iter().map(|entry| i64::from(entry.attempt)).collect();
    let results: Vec<_> = entries.iter().map(|entry| entry.outcome.map(Answer::name)).collect();
    let reason = |entry: &Entry| Some(entry.outcome?.reason()?.name());
    let reasons: Vec<Option<&str>> = entries.iter().map(reason).collect();
    unit.execute(APPEND, &[&saga.id, &lines, &now, &steps, &ways, &attempts, &results, &reasons])
        .await
        .map(drop)
}

/// Rebuilds a pipeline from its row and its log. An error says what cannot be read.
fn read(id: Uuid, row: &Row, lines: &[Row]) -> Result<Saga, String> {
    let body: String = row.get("body");
    let order: Order = serde_json::from_str(&body).map_err(|error| format!("{id}: {error}"))?;
    let state: String = row.get("state");
    let state = State::parse(&state).ok_or_else(|| format!("{id} has the state `{state}`"))?;
    let mut position = Position::start(order.kind);
    for line in lines {
        position.apply(entry(line).ok_or_else(|| format!("{id} has an unknown line"))?);
    }
    position.set_attempts(u32::try_from(row.get::<_, i64>("attempts")).unwrap_or(0));
    let (deadline, due) = (row.get("deadline"), row.get("due_at"));
    let lines = lines.len();
    Ok(Saga { id, order, deadline, position, state, lines, due, late: false })
}

fn entry(line: &Row) -> Option<Entry> {
    let step = Step::parse(line.get("step"))?;
    let direction = match line.get("direction") {
        "forward" => Direction::Forward,
        "compensate" => Direction::Compensate,
        _ => return None,
    };
    let attempt = u32::try_from(line.get::<_, i64>("attempt")).ok()?;
    let outcome = match line.get::<_, Option<&str>>("result") {
        Some(name) => Some(Answer::parse(name, line.get("reason"))?),
        None => None,
    };
    Some(Entry { step, direction, attempt, outcome })
}

fn dead_letter(row: &Row) -> DeadLetter {
    DeadLetter {
        table: "dead",
        id: row.get::<_, Uuid>("saga").to_string(),
        order: row.get("order_id"),
        queue: place(row.get("step"), row.get("direction")),
        reason: row.get("reason"),
        attempts: usize::try_from(row.get::<_, i64>("attempts")).unwrap_or(0),
    }
}

const OPEN: &str = "
INSERT INTO sagas (id, order_id, kind, body, state, epoch, deadline, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

const MOVE: &str = "
UPDATE sagas SET state = $2, epoch = $3, attempts = $4, due_at = $5, updated_at = $6, finished_at = $7
WHERE id = $1 AND finished_at IS NULL";

const APPEND: &str = "
INSERT INTO saga_log (saga, line, at, step, direction, attempt, result, reason)
SELECT $1, $2 + line, $3, step, direction, attempt, result, reason
FROM unnest($4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[]) WITH ORDINALITY
     AS lines (step, direction, attempt, result, reason, line)";

const SET_ASIDE: &str = "
INSERT INTO saga_dead (saga, step, direction, reason, attempts, at)
VALUES ($1, $2, $3, $4, $5, $6)";

const LOAD: &str = "
SELECT body, state, deadline, attempts, due_at FROM sagas
WHERE id = $1 AND finished_at IS NULL AND NOT EXISTS (SELECT FROM saga_dead WHERE saga = $1)";

const LOAD_LOG: &str = "
SELECT step, direction, attempt, result, reason FROM saga_log WHERE saga = $1 ORDER BY line";

const UNFINISHED: &str = "
SELECT id FROM sagas
WHERE finished_at IS NULL AND ($1::uuid IS NULL OR id > $1)
      AND NOT EXISTS (SELECT FROM saga_dead WHERE saga = id)
ORDER BY id LIMIT $2";

const COUNT: &str = "
SELECT count(*), count(due_at), (SELECT count(*) FROM saga_dead) FROM sagas
WHERE finished_at IS NULL AND NOT EXISTS (SELECT FROM saga_dead WHERE saga = id)";

const DEAD: &str = "
SELECT saga, order_id, step, direction, reason, saga_dead.attempts
FROM saga_dead JOIN sagas ON sagas.id = saga ORDER BY saga LIMIT $1";

const REDRIVE: &str = "
DELETE FROM saga_dead WHERE saga IN (
    SELECT saga FROM saga_dead JOIN sagas ON sagas.id = saga
    WHERE redrives < $1 ORDER BY saga LIMIT $2 FOR UPDATE OF saga_dead SKIP LOCKED)
RETURNING saga";

const REFUSED: &str = "
SELECT count(*) FROM saga_dead JOIN sagas ON sagas.id = saga WHERE redrives >= $1";
