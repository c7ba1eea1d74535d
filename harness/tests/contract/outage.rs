//! How the service begins without its database, fails when that goes silent, and ends.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use tokio_postgres::Client;

use crate::order::request;
use crate::service::{Door, Service};

/// A process that was told to stop has ended within this time.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// It says that it stops within this time, long before its ports close.
const NOTICE_LIMIT: Duration = Duration::from_millis(700);
/// A request that waits for a lock has surely reached the database after this time.
const UNDERWAY: Duration = Duration::from_millis(300);
/// The deadline of a transaction, and what it may take to notice.
const WORK: std::ops::Range<Duration> = Duration::from_millis(2_500)..Duration::from_millis(4_000);

/// Everything that needs the database says so, and that nothing was done.
pub(crate) async fn nothing_works_without_a_database(service: &Service) {
    let alive = service.wait_for("/healthz", STOP_LIMIT, |answer| answer.status == 200).await;
    assert_eq!(alive.json(), json!({ "alive": true, "stopping": false }));
    let ready = service.get(Door::Public, "/readyz").await;
    let told = json!({ "database": "the tables are not laid out yet" });
    assert_eq!((ready.status, ready.json()["dependencies"].clone()), (503, told));
    let step = service.post("/steps/reserve", &request("n-1", &[("SKU-1", 1)])).await;
    let mut answers = vec![step];
    for (door, path) in
        [(Door::Public, "/catalog/SKU-1"), (Door::Admin, "/audit"), (Door::Admin, "/audit/steps")]
    {
        answers.push(service.get(door, path).await);
    }
    for answer in answers {
        assert!(answer.status == 503 && answer.no_effect, "{}: {answer:?}", service.name);
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.starts_with("the database cannot be reached: "), "{}: {error}", service.name);
    }
    // What can be told without a database is told.
    assert_eq!(service.get(Door::Public, "/catalog/SKU-99").await.status, 404);
    assert_eq!(service.post("/steps/reserve", "{").await.status, 400);
}

/// A database that does not answer is given up within its deadline, and nothing is left.
pub(crate) async fn a_silent_database_is_given_up(service: &Service, session: &mut Client) {
    let held = session.transaction().await.expect("a transaction");
    held.batch_execute("LOCK TABLE stock").await.expect("a lock");
    let begun = Instant::now();
    let answer = service.post("/steps/reserve", &request("q-1", &[("SKU-9", 1)])).await;
    let took = begun.elapsed();
    held.rollback().await.expect("the lock is given back");
    assert!(answer.status == 503 && answer.no_effect, "{}: {answer:?}", service.name);
    let told = "the database did not answer in time, and the transaction was undone";
    assert_eq!(answer.json(), json!({ "error": told }));
    assert!(WORK.contains(&took), "{}: given up after {took:?}", service.name);
    assert!(!service.audit("/audit/steps").await.contains("q-1"), "{}", service.name);
    let again = service.post("/steps/reserve", &request("q-1", &[("SKU-9", 1)])).await;
    assert_eq!(again.json(), json!({ "outcome": "done" }), "{}", service.name);
}

/// Told to stop, it says so and still serves, finishes what is in progress, and leaves with 0.
pub(crate) async fn a_stop_is_announced_and_lets_requests_finish(
    service: &Service,
    session: &mut Client,
) {
    let held = session.transaction().await.expect("a transaction");
    held.batch_execute("LOCK TABLE stock IN EXCLUSIVE MODE").await.expect("a lock");
    let body = request("t-1", &[("SKU-9", 1)]);
    let in_flight = service.post("/steps/reserve", &body);
    let rest = async {
        tokio::time::sleep(UNDERWAY).await;
        let begun = Instant::now();
        service.container.terminate();
        service.wait_for("/healthz", NOTICE_LIMIT, |answer| answer.status == 503).await;
        let told = service.get(Door::Public, "/healthz").await;
        assert_eq!(told.json(), json!({ "alive": true, "stopping": true }), "{}", service.name);
        let offer = service.get(Door::Public, "/catalog/SKU-1").await;
        assert_eq!(offer.status, 200, "{}: it still serves", service.name);
        // Ports close, while the request is still waiting for the lock.
        let closed = async {
            let probe = || service.try_send(Method::GET, Door::Public, "/healthz", Vec::new());
            while probe().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(STOP_LIMIT, closed).await.expect("ports close before the end");
        held.rollback().await.expect("the lock is given back");
        begun
    };
    let (answer, begun) = tokio::join!(in_flight, rest);
    assert_eq!(answer.json(), json!({ "outcome": "done" }), "{}: {answer:?}", service.name);
    assert_eq!(service.container.ended().await, 0, "{}", service.container.log());
    let took = begun.elapsed();
    assert!(took < STOP_LIMIT, "{}: it took {took:?} to stop", service.name);
}
