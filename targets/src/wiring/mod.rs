//! How the parts are put together: one file per architecture, and what all of them need.

mod broker;
mod direct;
mod monolith;
mod pipeline;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::backlog::Backlog;
use crate::http::admin::Admin;
use crate::http::audit::Table;
use crate::http::health::Readiness;
use crate::http::{PortError, public, serve};
use crate::log;
use crate::messaging::Broker;
use crate::metrics::Metrics;
use crate::role::Role;
use crate::settings::{Settings, Wiring};
use crate::store::schema::{Part, lay_out};
use crate::store::{Database, StoreError};

/// Pause between two attempts to lay out the tables, in milliseconds.
const LAYOUT_PAUSE_MILLIS: std::ops::RangeInclusive<u64> = 100..=500;

/// How long `/healthz` says that the process is stopping before its ports close: longer than two of
/// the proxy's checks.
const NOTICE: Duration = Duration::from_millis(1_200);

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

/// When a process ends: first it only says so, then it does.
#[derive(Clone)]
struct Ending {
    /// The process has been told to stop and says so to the proxy.
    announced: CancellationToken,
    /// Requests and messages in progress are finished, and no new ones are taken.
    stop: CancellationToken,
    /// Another process does the work of this one, until it falls silent.
    standing_by: Arc<AtomicBool>,
}

impl Ending {
    /// Passes a stop on once the proxy has had time to notice it.
    fn after_notice(announced: CancellationToken) -> Self {
        let standing_by = Arc::default();
        let ending = Self { announced, stop: CancellationToken::new(), standing_by };
        let Self { announced, stop, .. } = ending.clone();
        tokio::spawn(async move {
            announced.cancelled().await;
            sleep(NOTICE).await;
            stop.cancel();
        });
        ending
    }
}

/// Runs the role until `stop`.
pub(crate) async fn run(settings: Settings, stop: CancellationToken) -> Result<(), RunError> {
    let ending = Ending::after_notice(stop);
    match (settings.wiring, settings.role) {
        (Wiring::Monolith, _) => monolith::run(settings, ending).await,
        (Wiring::Broker, _) => broker::run(settings, ending).await,
        (Wiring::Direct, Role::Orders) => direct::run(settings, ending).await,
        (Wiring::Pipeline, Role::PipelineManager) => pipeline::run(settings, ending).await,
        (Wiring::Direct | Wiring::Pipeline, _) => service::run(settings, ending).await,
    }
}

/// What one process shows on its two ports.
struct Surface {
    database: Database,
    metrics: Metrics,
    broker: Option<Broker>,
    backlog: Option<Arc<dyn Backlog>>,
    parts: &'static [Part],
    tables: &'static [Table],
    routes: Router,
}

impl Surface {
    /// Opens both ports at once and lays out the tables as soon as the database is there: a
    /// process is alive before it is ready.
    async fn serve(self, settings: &Settings, ending: Ending) -> Result<(), RunError> {
        let laid_out = Arc::new(AtomicBool::new(false));
        let (database, broker) = (self.database, self.broker);
        tokio::spawn(keep_laying_out(database.clone(), self.parts, laid_out.clone()));
        let readiness = Readiness {
            database: database.clone(),
            laid_out,
            broker,
            stopping: ending.announced,
            standing_by: ending.standing_by,
        };
        let (backlog, chaos_switch) = (self.backlog, settings.chaos_switch);
        let admin = Admin { database, backlog, tables: self.tables, chaos_switch };
        let admin = admin.door(readiness.clone(), self.metrics.clone());
        let public = public::door(self.routes, readiness, self.metrics);
        tokio::try_join!(
            serve(settings.public_port, public, ending.stop.clone()),
            serve(settings.admin_port, admin, ending.stop),
        )?;
        Ok(())
    }
}

async fn keep_laying_out(database: Database, parts: &'static [Part], done: Arc<AtomicBool>) {
    let mut failing = false;
    while let Err(error) = lay_out(&database, parts).await {
        if !std::mem::replace(&mut failing, true) {
            log::event("tables not laid out yet", &[("error", &error)]);
        }
        sleep(Duration::from_millis(fastrand::u64(LAYOUT_PAUSE_MILLIS))).await;
    }
    done.store(true, Ordering::Relaxed);
    log::event("tables laid out", &[]);
}
