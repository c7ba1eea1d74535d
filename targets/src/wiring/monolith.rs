//! One process does everything, in one transaction per order: either all of it is there or none.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{Ending, RunError, Surface};
use crate::chaos_switch::{self, Point};
use crate::domain::order::Order;
use crate::domain::state::State;
use crate::http::audit::{self, Table};
use crate::http::public::{Checkout, PlaceError, catalog_routes, order_routes};
use crate::metrics::Metrics;
use crate::safeguard::Safeguards;
use crate::settings::Settings;
use crate::step::{self, Outcome, notify};
use crate::store::orders::{self, Opening, View};
use crate::store::schema::Part;
use crate::store::{Database, Unit};

/// Connections per replica: enough for a few hundred orders a second.
const CONNECTIONS: usize = 16;

const PARTS: &[Part] =
    &[Part::Orders, Part::Stock, Part::Ledger, Part::Fulfilment, Part::Notifications];
const TABLES: &[Table] = &[
    audit::ORDERS,
    audit::STOCK,
    audit::RESERVATIONS,
    audit::LEDGER,
    audit::SHIPMENTS,
    audit::GRANTS,
];

/// Runs a replica to its end.
pub(super) async fn run(settings: Settings, ending: Ending) -> Result<(), RunError> {
    let database = Database::new(&settings.database_url, CONNECTIONS)?;
    let metrics = Metrics::new();
    let checkout = Arc::new(Monolith {
        database: database.clone(),
        metrics: metrics.clone(),
        safeguards: settings.safeguards,
    });
    let routes = order_routes(database.clone(), checkout).merge(catalog_routes(database.clone()));
    let (broker, backlog) = (None, None);
    Surface { database, metrics, broker, backlog, parts: PARTS, tables: TABLES, routes }
        .serve(&settings, ending)
        .await
}

struct Monolith {
    database: Database,
    metrics: Metrics,
    safeguards: Safeguards,
}

impl Checkout for Monolith {
    fn place<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<View, PlaceError>> {
        Box::pin(self.place_in_one_transaction(order))
    }
}

impl Monolith {
    async fn place_in_one_transaction(&self, order: &Order) -> Result<View, PlaceError> {
        chaos_switch::reach("order", Point::BeforeTx).await?;
        let unit = self.database.begin().await?;
        let opened = match orders::open(&unit, order, self.safeguards).await? {
            Opening::New(view) => view,
            Opening::Known(view) => {
                unit.commit().await?;
                return Ok(view);
            }
            Opening::Conflict => {
                unit.commit().await?;
                return Err(PlaceError::Conflict);
            }
        };
        let (state, reason) = match process(&unit, order).await? {
            Outcome::Done => (State::Completed, None),
            Outcome::Refused(reason) => (State::Rejected, Some(reason)),
        };
        let closed = orders::advance(&unit, &order.id, state, reason).await?;
        notify::tell(&unit, order, state).await?;
        unit.commit().await?;
        chaos_switch::reach("order", Point::AfterCommit).await?;
        self.metrics.orders.with_label_values(&[state.name()]).inc();
        Ok(closed.unwrap_or(opened))
    }
}

/// All steps of the kind, and on a refusal the way back through those that were done.
async fn process(unit: &Unit, order: &Order) -> Result<Outcome, PlaceError> {
    let steps = order.kind.steps();
    for (position, step) in steps.iter().enumerate() {
        let outcome = step::forward(unit, *step, order).await?;
        if let Outcome::Refused(_) = outcome {
            for done in steps[..position].iter().rev() {
                step::compensate(unit, *done, order).await?;
                chaos_switch::reach(done.name(), Point::MidCompensation).await?;
            }
            return Ok(outcome);
        }
    }
    for step in order.kind.finishing() {
        step::forward(unit, *step, order).await?;
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests;
