//! The entry point: one process is one role, chosen by name.

use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::{log, mutant, wiring};

/// Enough to serve a few hundred requests a second without hiding what a small machine does.
const WORKER_THREADS: usize = 2;
/// How long requests and messages in progress may take to finish after SIGTERM.
const DRAIN_DEADLINE: Duration = Duration::from_secs(4);
/// How long the runtime may take to end what is left after that.
const LEAVE_DEADLINE: Duration = Duration::from_millis(500);

/// Which part of the application a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Role {
    /// All of it: the monolith.
    App,
    /// Takes orders and knows where they stand.
    Orders,
    /// Owns the stock.
    Inventory,
    /// Owns the ledger.
    Payments,
    /// Owns parcels and grants.
    Shipping,
    /// Tells customers.
    Notify,
    /// Leads orders through the steps of the services.
    PipelineManager,
}

impl Role {
    /// Every role there is.
    pub(crate) const ALL: [Self; 7] = [
        Self::App,
        Self::Orders,
        Self::Inventory,
        Self::Payments,
        Self::Shipping,
        Self::Notify,
        Self::PipelineManager,
    ];

    /// The name on the command line, in queue names and in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Orders => "orders",
            Self::Inventory => "inventory",
            Self::Payments => "payments",
            Self::Shipping => "shipping",
            Self::Notify => "notify",
            Self::PipelineManager => "pipeline-manager",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Runs one role of the reference application until SIGTERM or SIGINT.
///
/// `role` is one of `app`, `orders`, `inventory`, `payments`, `shipping`, `notify` and
/// `pipeline-manager`; everything else comes from the environment (`ARCHITECTURE`, `DATABASE_URL`,
/// `AMQP_URL`, `PUBLIC_PORT`, `ADMIN_PORT`, `SERVICES`, `MODE`, `SAFEGUARDS_OFF`, `CHAOS_SWITCH`).
/// Services are called by the names of their roles at the public port, unless `SERVICES` says where
/// they are (`inventory=127.0.0.1:8081,…`). The exit code is 0 after a signal, 2 for a wrong role or
/// setting, 1 when a port cannot be had.
pub fn main(role: &str) -> ExitCode {
    let settings = match Settings::from_env(role) {
        Ok(settings) => settings,
        Err(error) => {
            log::event("wrong setting", &[("error", &error)]);
            return ExitCode::from(2);
        }
    };
    let runtime =
        match Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                log::event("no runtime", &[("error", &error)]);
                return ExitCode::FAILURE;
            }
        };
    let code = runtime.block_on(run(settings));
    runtime.shutdown_timeout(LEAVE_DEADLINE);
    code
}

async fn run(settings: Settings) -> ExitCode {
    let stop = CancellationToken::new();
    tokio::spawn(cancel_on_signal(stop.clone()));
    let (role, safeguards) = (settings.role.name(), settings.safeguards);
    log::event("started", &[("role", &role), ("safeguards", &safeguards)]);
    if !settings.mutants.is_empty() {
        log::event("exam: defects are planted", &[("mutants", &format!("{:?}", settings.mutants))]);
        mutant::plant(settings.mutants.clone());
    }
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_DEADLINE).await;
    };
    tokio::select! {
        result = wiring::run(settings, stop.clone()) => match result {
            Ok(()) => log::event("stopped", &[("role", &role)]),
            Err(error) => {
                log::event("failed", &[("role", &role), ("error", &error)]);
                return ExitCode::FAILURE;
            }
        },
        () = deadline => log::event("stopped with work in progress", &[("role", &role)]),
    }
    ExitCode::SUCCESS
}

/// The first process of a container gets no default action for signals, so both are handled.
async fn cancel_on_signal(stop: CancellationToken) {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    if let (Ok(mut terminate), Ok(mut interrupt)) = signals {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.cancel();
    }
}
