//! The orders service calls the other services, one after the other, and answers when all is done.
//!
//! An order costs its service two commits: one before the first call, one after the last. That it
//! is RESERVED or CHARGED on its way is not stored: each would cost one more commit while the
//! customer waits, and nobody needs to know it. Going back undoes every step that may have been
//! done, and a step that was never done is undone without effect.
//!
//! The first commit also writes down that the order has to be rolled back, due after the time that
//! any order can take, and the last commit strikes that out. So whoever finds it due knows that the
//! order was left halfway, and whoever no longer finds it knows that the order was taken from him.

mod flow;
mod sweeper;

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use self::flow::Flow;
use self::sweeper::{Owed, Sweeper};
use super::{Ending, RunError, Surface};
use crate::backlog::Backlog;
use crate::chaos_switch::{self, Point};
use crate::client::{CallError, Client};
use crate::domain::order::Order;
use crate::domain::step::{Direction, Step};
use crate::http::audit::{self, Table};
use crate::http::public::{Checkout, PlaceError, order_routes};
use crate::http::steps::{StepAnswer, StepRequest};
use crate::metrics::Metrics;
use crate::role::Role;
use crate::settings::Settings;
use crate::store::Database;
use crate::store::orders::View;
use crate::store::schema::Part;

/// Connections per replica: none is held during a call of a customer's order.
const CONNECTIONS: usize = 12;

const CALLED: [Role; 4] = [Role::Inventory, Role::Payments, Role::Shipping, Role::Notify];
const PARTS: &[Part] = &[Part::Orders, Part::Todos];
const TABLES: &[Table] = &[audit::ORDERS, audit::TODOS];

/// Runs a replica of the orders service to its end.
pub(super) async fn run(settings: Settings, ending: Ending) -> Result<(), RunError> {
    let database = Database::new(&settings.database_url, CONNECTIONS)?;
    let (metrics, tasks) = (Metrics::new(), TaskTracker::new());
    let (safeguards, stop) = (settings.safeguards, &ending.stop);
    let client = Client::new(&CALLED, &settings.addresses, safeguards, metrics.clone(), stop);
    let flow = Flow::new(database.clone(), client, safeguards, metrics.clone());
    if let Some(log) = &flow.log {
        tasks.spawn(Sweeper::new(&flow, log.clone()).run(ending.stop.clone()));
    }
    let backlog: Arc<dyn Backlog> = Arc::new(Owed::new(&flow));
    let orders = Arc::new(Orders { flow: Arc::new(flow), tasks: tasks.clone() });
    let routes = order_routes(database.clone(), orders);
    let (broker, backlog) = (None, Some(backlog));
    Surface { database, metrics, broker, backlog, parts: PARTS, tables: TABLES, routes }
        .serve(&settings, ending)
        .await?;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

/// Takes orders, each in a task of its own: it goes on when its customer hangs up.
struct Orders {
    flow: Arc<Flow>,
    tasks: TaskTracker,
}

impl Checkout for Orders {
    fn place<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<View, PlaceError>> {
        let (flow, order) = (self.flow.clone(), order.clone());
        let placing = self.tasks.spawn(async move { flow.place(order).await });
        Box::pin(async { placing.await.unwrap_or_else(|error| Err(unfinished(&error))) })
    }
}

fn unfinished(reason: &dyn std::fmt::Display) -> PlaceError {
    PlaceError::Unfinished(reason.to_string())
}

/// Asks for a step one way or the other. An answer that does not fit is none.
async fn ask(
    client: &Client,
    (step, direction): (Step, Direction),
    request: &StepRequest,
    deadline: Instant,
) -> Result<(), CallError> {
    let unknown = |reason: String| CallError::Unknown(step.owner().name(), reason);
    let expected = match direction {
        Direction::Forward => StepAnswer::Done,
        Direction::Compensate => {
            let passed = chaos_switch::reach(step.name(), Point::MidCompensation).await;
            passed.map_err(|injected| unknown(injected.to_string()))?;
            StepAnswer::Undone
        }
    };
    let answer = client.call(step, direction, request, deadline).await?;
    if answer == expected { Ok(()) } else { Err(unknown(format!("it answered {answer:?}"))) }
}

#[cfg(test)]
mod tests;
