//! The engine goose: its users are the workers, each of which takes one arrival per transaction.
//! What goose does of its own (pacing, guessing at omitted requests, telnet, reports, its output)
//! is off; its request count is the cross-check of ours.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::goose::GooseAttack;
use ::goose::client::GooseClientBuilder;
use ::goose::config::GooseConfiguration;
use ::goose::goose::{
    GooseRequest, GooseUser, Scenario, Transaction, TransactionError, TransactionFunction,
    TransactionResult,
};
use ::goose::metrics::GooseMetrics;
use tokio::sync::{Mutex, Notify};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Work;
use super::client::{Sent, client, exchange};
use crate::port::PortError;

/// goose's switch to stop is one per process, so there is one attack at a time.
static ATTACK: Mutex<()> = Mutex::const_new(());
/// A user without work gives goose a chance to stop it this often.
const IDLE: Duration = Duration::from_secs(1);
/// A user that has seen the end of the work waits this long for goose to stop it.
const AFTER_END: Duration = Duration::from_millis(50);
/// From the start of the last user until goose has set its counts back to zero, which it does as
/// soon as all users stand. Its timers run in the same thread as this one and are due earlier.
const SETTLING: Duration = Duration::from_millis(100);
/// Users started per second.
const USERS_PER_SECOND: &str = "20000";

/// Runs an attack until `stop`; `started` is told once all users wait for work. Returns the number
/// of requests that goose counted.
pub(super) async fn drive(
    work: &Arc<Work>,
    started: impl FnOnce(),
    stop: &CancellationToken,
) -> Result<u64, PortError> {
    let _only = ATTACK.lock().await;
    let users = Arc::new(Users { standing: AtomicUsize::new(0), all: Notify::new() });
    let client = client(&work.entry, work.users)?;
    let attack = attack(work, &client, &users).map_err(|error| failed(&error))?;
    tokio::select! {
        metrics = attack.execute() => metrics.map(|m| requests(&m)).map_err(|e| failed(&e)),
        never = supervise(&users, started, stop) => match never {},
    }
}

fn failed(error: &::goose::GooseError) -> PortError {
    PortError(format!("the load engine goose failed: {error}; try --engine direct"))
}

struct Users {
    standing: AtomicUsize,
    all: Notify,
}

async fn supervise(
    users: &Users,
    started: impl FnOnce(),
    stop: &CancellationToken,
) -> std::convert::Infallible {
    users.all.notified().await;
    sleep(SETTLING).await;
    started();
    stop.cancelled().await;
    // Earlier it would have no effect: goose clears its switch when an attack starts.
    ::goose::trigger_killswitch("the load is over");
    std::future::pending().await
}

fn attack(
    work: &Arc<Work>,
    client: &reqwest::Client,
    users: &Arc<Users>,
) -> Result<GooseAttack, ::goose::GooseError> {
    let start = Transaction::new(stand_up(work, client, users)).set_on_start();
    let scenario = Scenario::new("load")
        .register_transaction(start)
        .register_transaction(Transaction::new(take_one(work)));
    // goose makes a client before ours takes its place; this way it needs no certificates for it.
    let unused = GooseClientBuilder::new().without_cookies().accept_invalid_certs(true);
    let attack = GooseAttack::initialize_with_config(configuration(work)?)?
        .set_client_builder_without_cookies(unused)?;
    Ok(attack.register_scenario(scenario))
}

fn configuration(work: &Work) -> Result<GooseConfiguration, ::goose::GooseError> {
    let users = work.users.to_string();
    GooseConfiguration::parse_args_default(&[
        "--host",
        &work.entry,
        "--users",
        &users,
        "--increase-rate",
        USERS_PER_SECOND,
        "--quiet",
        "--no-telnet",
        "--no-print-metrics",
        "--no-transaction-metrics",
        "--no-scenario-metrics",
    ])
}

fn stand_up(work: &Arc<Work>, client: &reqwest::Client, users: &Arc<Users>) -> TransactionFunction {
    let (work, client, users) = (Arc::clone(work), client.clone(), Arc::clone(users));
    Arc::new(move |user| {
        user.client = client.clone();
        if users.standing.fetch_add(1, Ordering::Relaxed) + 1 == work.users {
            users.all.notify_one();
        }
        Box::pin(async { Ok(()) })
    })
}

fn take_one(work: &Arc<Work>) -> TransactionFunction {
    let work = Arc::clone(work);
    Arc::new(move |user| {
        let work = Arc::clone(&work);
        Box::pin(async move { work_once(&work, user).await })
    })
}

async fn work_once(work: &Work, user: &mut GooseUser) -> TransactionResult {
    match timeout(IDLE, work.queue.take()).await {
        Err(_) => {}
        Ok(None) => sleep(AFTER_END).await,
        Ok(Some(arrival)) => {
            let class = arrival.template().class.clone();
            // Every user has the same client.
            let client = user.client.clone();
            let send = async |builder| send(user, &class, builder).await;
            work.guarded(exchange(&client, &work.entry, arrival, send)).await;
        }
    }
    Ok(())
}

async fn send(user: &mut GooseUser, class: &str, builder: reqwest::RequestBuilder) -> Sent {
    let request = GooseRequest::builder().name(class).set_request_builder(builder).build();
    match user.request(request).await {
        Ok(answer) => answer.response.map_or_else(Sent::Failed, Sent::Answered),
        Err(error) => match *error {
            TransactionError::Reqwest(error) => Sent::Failed(error),
            other => Sent::EngineFailed(other.to_string()),
        },
    }
}

fn requests(metrics: &GooseMetrics) -> u64 {
    let counts = metrics.requests.values().map(|of| of.success_count + of.fail_count);
    counts.sum::<usize>() as u64
}
