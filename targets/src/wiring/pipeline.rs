//! Services that know nothing of each other, led by a manager: it picks the pipeline of an order by
//! its kind and asks for one step after the other. Everything that customers ask for passes it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::time::{Duration, Instant};

use super::{Ending, RunError, Surface};
use crate::client::Client;
use crate::http::audit::{self, Table};
use crate::http::nothing_done;
use crate::http::public::order_routes;
use crate::log::now_micros;
use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::Safeguard;
use crate::saga::{Clock, DEADLINE, Manager, MemoryLog, PostgresLog, SagaLog};
use crate::settings::Settings;
use crate::store::Database;
use crate::store::schema::Part;

/// Connections of the manager, which writes to its log before and after each step.
const CONNECTIONS: usize = 16;
/// Longest time for an answer about a product.
const CATALOG_LIMIT: Duration = Duration::from_secs(1);

const SERVICES: &[Role] = &[Role::Inventory, Role::Payments, Role::Shipping, Role::Notify];
const PARTS: &[Part] = &[Part::Orders, Part::Pipelines];
const TABLES: &[Table] = &[audit::ORDERS, audit::PIPELINES, audit::PIPELINE_LOG];

/// Runs a manager to its end. The services are those of `service`.
pub(super) async fn run(settings: Settings, ending: Ending) -> Result<(), RunError> {
    let (safeguards, stop) = (settings.safeguards, ending.stop.clone());
    let database = Database::new(&settings.database_url, CONNECTIONS)?;
    let metrics = Metrics::new();
    let addresses = &settings.addresses;
    let client = Client::new(SERVICES, addresses, safeguards, metrics.clone(), &stop);
    let client = Arc::new(client);
    let clock = Clock::showing(now_micros());
    let log: Arc<dyn SagaLog> = if safeguards.has(Safeguard::DurableLog) {
        Arc::new(PostgresLog::new(database.clone(), safeguards, clock, DEADLINE))
    } else {
        Arc::new(MemoryLog::new(database.clone(), safeguards))
    };
    let (figures, standing_by) = (metrics.clone(), ending.standing_by.clone());
    let manager = Manager::new(log, client.clone(), safeguards, (clock, figures), standing_by);
    let leading = tokio::spawn(manager.clone().lead(stop));
    let orders = order_routes(database.clone(), Arc::new(manager.clone()));
    let routes = orders.merge(catalog_routes(client));
    let (broker, backlog, parts, tables) = (None, Some(Arc::new(manager) as _), PARTS, TABLES);
    Surface { database, metrics, broker, backlog, parts, tables, routes }
        .serve(&settings, ending)
        .await?;
    // A manager that panicked has nothing left to wait for.
    let _ = leading.await;
    Ok(())
}

/// Products are the inventory's: questions about them are passed on.
fn catalog_routes(client: Arc<Client>) -> Router {
    Router::new().route("/catalog/{sku}", get(catalog)).with_state(client)
}

async fn catalog(State(client): State<Arc<Client>>, uri: Uri) -> Response {
    let deadline = Instant::now() + CATALOG_LIMIT;
    match client.fetch(Role::Inventory, uri.path(), deadline).await {
        Ok((status, body)) => {
            (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        // Whatever became of a question, it has changed nothing.
        Err(error) => nothing_done(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
