//! How the parts are put together: one file per architecture, and what all of them need.

mod broker;
mod monolith;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::http::admin::Admin;
use crate::http::audit::Table;
use crate::http::health::Readiness;
use crate::http::{PortError, public, serve};
use crate::log;
use crate::messaging::Broker;
use crate::metrics::Metrics;
use crate::role::Role;
use crate::settings::Settings;
use crate::store::schema::{Part, lay_out};
use crate::store::{Database, StoreError};

/// Pause between two attempts to lay out the tables, in milliseconds.
const LAYOUT_PAUSE_MILLIS: std::ops::RangeInclusive<u64> = 100..=500;

/// Why a process cannot run at all. A dependency that is away is not a reason.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The database URL cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A port cannot be had.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Runs the role until `stop`.
pub(crate) async fn run(settings: Settings, stop: CancellationToken) -> Result<(), RunError> {
    match settings.role {
        Role::App => monolith::run(settings, stop).await,
        Role::Orders | Role::Inventory | Role::Payments | Role::Shipping | Role::Notify => {
            broker::run(settings, stop).await
        }
    }
}

/// What one process shows on its two ports.
struct Surface {
    database: Database,
    metrics: Metrics,
    broker: Option<Broker>,
    parts: &'static [Part],
    tables: &'static [Table],
    routes: Router,
}

impl Surface {
    /// Opens both ports at once and lays out the tables as soon as the database is there: a
    /// process is alive before it is ready.
    async fn serve(self, settings: &Settings, stop: CancellationToken) -> Result<(), RunError> {
        let laid_out = Arc::new(AtomicBool::new(false));
        let (database, broker) = (self.database, self.broker);
        tokio::spawn(keep_laying_out(database.clone(), self.parts, laid_out.clone()));
        let readiness = Readiness { database: database.clone(), laid_out, broker: broker.clone() };
        let admin = Admin { database, broker, tables: self.tables };
        let admin = admin.door(readiness.clone(), self.metrics.clone());
        let public = public::door(self.routes, readiness, self.metrics);
        tokio::try_join!(
            serve(settings.public_port, public, stop.clone()),
            serve(settings.admin_port, admin, stop),
        )?;
        Ok(())
    }
}

async fn keep_laying_out(database: Database, parts: &'static [Part], done: Arc<AtomicBool>) {
    while let Err(error) = lay_out(&database, parts).await {
        log::event("tables not laid out yet", &[("error", &error)]);
        sleep(Duration::from_millis(fastrand::u64(LAYOUT_PAUSE_MILLIS))).await;
    }
    done.store(true, Ordering::Relaxed);
    log::event("tables laid out", &[]);
}
