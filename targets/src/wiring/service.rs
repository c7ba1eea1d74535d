//! A service that is asked for steps over HTTP and knows nothing of whoever asks: the inventory, the
//! payments, the shipping and the notifications of `direct` and `pipeline` alike.

use axum::Router;

use super::{Ending, RunError, Surface};
use crate::http::audit::{self, Table};
use crate::http::public::catalog_routes;
use crate::http::steps;
use crate::metrics::Metrics;
use crate::role::Role;
use crate::settings::Settings;
use crate::store::Database;
use crate::store::schema::Part;

/// Connections per replica.
const CONNECTIONS: usize = 8;

/// Runs one service to its end.
pub(super) async fn run(settings: Settings, ending: Ending) -> Result<(), RunError> {
    let (role, safeguards) = (settings.role, settings.safeguards);
    let database = Database::new(&settings.database_url, CONNECTIONS)?;
    let metrics = Metrics::new();
    let catalog = match role {
        Role::Inventory => catalog_routes(database.clone()),
        _ => Router::new(),
    };
    let routes = steps::routes(database.clone(), role, safeguards).merge(catalog);
    let (broker, backlog, parts, tables) = (None, None, parts(role), tables(role));
    Surface { database, metrics, broker, backlog, parts, tables, routes }
        .serve(&settings, ending)
        .await
}

pub(super) fn parts(role: Role) -> &'static [Part] {
    match role {
        Role::Inventory => &[Part::Steps, Part::Stock],
        Role::Payments => &[Part::Steps, Part::Ledger],
        Role::Shipping => &[Part::Steps, Part::Fulfilment],
        _ => &[Part::Steps, Part::Notifications],
    }
}

fn tables(role: Role) -> &'static [Table] {
    match role {
        Role::Inventory => &[audit::STOCK, audit::RESERVATIONS, audit::STEPS],
        Role::Payments => &[audit::LEDGER, audit::STEPS],
        Role::Shipping => &[audit::SHIPMENTS, audit::GRANTS, audit::STEPS],
        _ => &[audit::STEPS],
    }
}
