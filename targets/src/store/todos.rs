//! What is owed to orders: written down before it is begun and struck out when it is done, so that
//! whoever comes after a crash knows what is left.
//!
//! Whoever changes both locks the rows here before those of the orders, so that nobody waits in a
//! circle.

use std::time::Duration;

use tokio_postgres::Row;

use super::{Database, StoreError, Unit};
use crate::backlog::{DeadLetter, Redriven};
use crate::domain::order::Order;
use crate::domain::state::{Reason, State};
use crate::domain::step::{Direction, Step};
use crate::log::now_micros;

/// What was given up is tried again at most so many times.
const MOST_REDRIVES: i32 = 3;

/// Something that is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Undo all steps of the order, unless whoever began it ends it first.
    RollBack,
    /// Do or undo a step.
    Take(Step, Direction),
}

impl Task {
    /// The name in the table and in audits, for example `compensate-charge`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::RollBack => "roll-back".into(),
            Self::Take(step, direction) => format!("{}-{}", direction.name(), step.name()),
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let direction = match name.split_once('-')? {
            ("forward", _) => Direction::Forward,
            ("compensate", _) => Direction::Compensate,
            _ => return (name == Self::RollBack.name()).then_some(Self::RollBack),
        };
        let step = Step::parse(&name[direction.name().len() + 1..])?;
        Some(Self::Take(step, direction))
    }

    /// Whether the order cannot become final before it is done.
    pub(crate) fn holds_order(self) -> bool {
        match self {
            Self::RollBack => true,
            Self::Take(step, direction) => {
                direction == Direction::Compensate && !step.is_finishing()
            }
        }
    }
}

/// A task of one order.
#[derive(Clone, Debug)]
pub(crate) struct Todo {
    /// What has to be done.
    pub(crate) task: Task,
    /// For which order.
    pub(crate) order: Order,
    /// How often it was tried.
    pub(crate) attempts: u32,
}

impl Todo {
    fn of(row: &Row) -> Result<Self, String> {
        let name: &str = row.get("what");
        let task = Task::parse(name).ok_or_else(|| format!("`{name}` is unknown"))?;
        let order = serde_json::from_str(row.get("request"));
        let order = order.map_err(|error| format!("the order cannot be read: {error}"))?;
        Ok(Self { task, order, attempts: row.get::<_, i32>("attempts").unsigned_abs() })
    }
}

/// Writes down what is owed to an order from `wait` on.
pub(crate) async fn owe(
    unit: &Unit,
    order: &Order,
    tasks: &[Task],
    wait: Duration,
) -> Result<(), StoreError> {
    if tasks.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = tasks.iter().map(|task| task.name()).collect();
    let request = serde_json::to_string(order).expect("an order has only text keys");
    let sql = "INSERT INTO todos (order_id, what, request, due_at)
               SELECT $1, what, $2, $3 FROM unnest($4::text[]) AS names (what)
               ON CONFLICT (order_id, what) DO UPDATE
               SET due_at = excluded.due_at, attempts = 0, given_up = false";
    unit.execute(sql, &[&order.id, &request, &after(wait), &names]).await.map(drop)
}

/// Strikes a task out; false where it is not owed any more.
pub(crate) async fn strike(unit: &Unit, order: &str, task: Task) -> Result<bool, StoreError> {
    let sql = "DELETE FROM todos WHERE order_id = $1 AND what = $2";
    Ok(unit.execute(sql, &[&order, &task.name()]).await? == 1)
}

/// Locks the tasks that are due and that nobody else works on, at most `most`. What cannot be read,
/// because another version wrote it, is given up: it must not stand in the way of the others.
pub(crate) async fn due(unit: &Unit, most: usize) -> Result<Vec<Todo>, StoreError> {
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let sql = "SELECT order_id, what, request, attempts FROM todos
               WHERE due_at <= $1 AND NOT given_up
               ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED";
    let mut due = Vec::new();
    for row in unit.rows(sql, &[&now_micros(), &most]).await? {
        match Todo::of(&row) {
            Ok(todo) => due.push(todo),
            Err(error) => {
                let (id, what): (&str, &str) = (row.get("order_id"), row.get("what"));
                let sql = "UPDATE todos SET last_error = $3, given_up = true
                           WHERE order_id = $1 AND what = $2";
                unit.execute(sql, &[&id, &what, &error]).await?;
            }
        }
    }
    Ok(due)
}

/// Notes down that a task failed: it is tried again after `wait`, or given up without one.
pub(crate) async fn postpone(
    unit: &Unit,
    todo: &Todo,
    error: &str,
    wait: Option<Duration>,
) -> Result<(), StoreError> {
    let sql =
        "UPDATE todos SET attempts = attempts + 1, last_error = $3, due_at = $4, given_up = $5
               WHERE order_id = $1 AND what = $2";
    let due = after(wait.unwrap_or_default());
    let (id, name) = (&todo.order.id, todo.task.name());
    unit.execute(sql, &[id, &name, &error, &due, &wait.is_none()]).await.map(drop)
}

/// Locks orders, always in the same sequence: whoever strikes out the last task of an order must
/// see that it is the last.
pub(crate) async fn lock_orders(unit: &Unit, ids: &[&str]) -> Result<(), StoreError> {
    let sql = "SELECT 1 FROM orders WHERE id = ANY ($1) ORDER BY id FOR UPDATE";
    unit.rows(sql, &[&ids]).await.map(drop)
}

/// The state that an order ends in once nothing of it is left, or nothing while something is.
pub(crate) async fn end_of(unit: &Unit, id: &str) -> Result<Option<State>, StoreError> {
    let sql = "SELECT reason FROM orders WHERE id = $1 AND NOT EXISTS
                   (SELECT 1 FROM todos WHERE order_id = $1 AND what LIKE 'compensate-%')";
    let rows = unit.rows(sql, &[&id]).await?;
    let reason = |row: &Row| row.get::<_, Option<&str>>("reason").and_then(Reason::parse);
    let end = |refused: bool| if refused { State::Rejected } else { State::Cancelled };
    Ok(rows.first().map(|row| end(reason(row).is_some())))
}

/// The number of tasks that are owed and of those that were given up. What only has to be done if
/// its order is abandoned is not owed yet.
pub(crate) async fn count(database: &Database) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT count(*) FILTER (WHERE NOT given_up AND (what <> $1 OR due_at <= $2)),
                   count(*) FILTER (WHERE given_up) FROM todos";
    let rows = database.rows(sql, &[&Task::RollBack.name(), &now_micros()]).await?;
    Ok(rows.first().map_or((0, 0), |row| (row.get(0), row.get(1))))
}

/// The tasks that were given up.
pub(crate) async fn dead(database: &Database) -> Result<Vec<DeadLetter>, StoreError> {
    let sql = "SELECT order_id, what, attempts, last_error FROM todos WHERE given_up
               ORDER BY order_id, what";
    let rows = database.rows(sql, &[]).await?;
    let letter = |row: &Row| {
        let (order, what): (String, String) = (row.get(0), row.get(1));
        DeadLetter {
            table: "dead",
            id: format!("{order}/{what}"),
            order,
            queue: "todos".into(),
            reason: row.get::<_, Option<String>>(3).unwrap_or_default(),
            attempts: row.get::<_, i32>(2).unsigned_abs() as usize,
        }
    };
    Ok(rows.iter().map(letter).collect())
}

/// Makes tasks that were given up due again, each a bounded number of times.
pub(crate) async fn redrive(database: &Database) -> Result<Redriven, StoreError> {
    let unit = database.begin().await?;
    let sql =
        "UPDATE todos SET given_up = false, attempts = 0, redrives = redrives + 1, due_at = $1
               WHERE given_up AND redrives < $2";
    let redriven = unit.execute(sql, &[&now_micros(), &MOST_REDRIVES]).await?;
    let rows = unit.rows("SELECT count(*) FROM todos WHERE given_up", &[]).await?;
    unit.commit().await?;
    let refused: i64 = rows.first().map_or(0, |row| row.get(0));
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Redriven { redriven: count(redriven), refused: count(refused.unsigned_abs()) })
}

/// The time after a wait, in unix microseconds.
fn after(wait: Duration) -> i64 {
    now_micros().saturating_add(i64::try_from(wait.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::Task;
    use crate::domain::step::{Direction, Step};

    #[test]
    fn names_are_read_back_and_only_steps_that_leave_something_hold_an_order() {
        for step in Step::ALL {
            for direction in [Direction::Forward, Direction::Compensate] {
                let task = Task::Take(step, direction);
                assert_eq!(Task::parse(&task.name()), Some(task));
                let leaves = step != Step::Consume && step != Step::Notify;
                assert_eq!(task.holds_order(), leaves && direction == Direction::Compensate);
            }
        }
        assert_eq!(Task::parse("roll-back"), Some(Task::RollBack));
        for unknown in ["", "compensate", "forward-", "compensate-everything", "roll-forward"] {
            assert_eq!(Task::parse(unknown), None, "{unknown}");
        }
    }
}
