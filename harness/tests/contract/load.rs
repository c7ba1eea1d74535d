//! Many requests at once, and a change of the implementation among them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::order::request;
use crate::service::{Door, Service};
use crate::shop::Shop;
use crate::stage::{PYTHON, RUST};

/// Callers that each ask for one step after the other.
const CALLERS: usize = 8;
/// How long each implementation serves before the other takes over.
const SERVES: Duration = Duration::from_millis(1_500);
/// A step that was not answered is asked for again after this time.
const AGAIN: Duration = Duration::from_millis(50);
/// Pieces of `HOT-1` there are.
const HOT: i64 = 100;
/// Pieces in each order for it.
const PIECES: i64 = 3;
/// Orders for it: far more than can be met.
const ORDERS: usize = 60;

/// Everybody wants the scarce product at once.
pub(crate) async fn never_more_is_sold_than_there_is(service: &Service) {
    let answers = join_all((0..ORDERS).map(|number| async move {
        let body = request(&format!("hot-{number}"), &[("HOT-1", PIECES), ("SKU-7", 1)]);
        insist(service, &body).await
    }));
    let answers = answers.await;
    let done = answers.iter().filter(|answer| answer["outcome"] == "done").count();
    let refused = answers.iter().filter(|answer| answer["reason"] == "out_of_stock").count();
    let most = usize::try_from(HOT / PIECES).expect("few");
    assert_eq!((done, refused), (most, ORDERS - most), "{}: {answers:?}", service.name);
    let sold = PIECES * i64::try_from(most).expect("few");
    let row = json!({
        "table": "stock", "sku": "HOT-1", "initial": HOT, "available": HOT - sold,
        "reserved": sold, "consumed": 0,
    });
    assert!(rows(service, "/audit/stock").await.contains(&row), "{}", service.name);
}

/// One step, asked for by many at once.
pub(crate) async fn the_same_step_at_once_is_done_once(service: &Service) {
    let body = request("same-1", &[("SKU-8", 1)]);
    let answers = join_all((0..20).map(|_| insist(service, &body))).await;
    for answer in answers {
        assert_eq!(answer, json!({ "outcome": "done" }), "{}", service.name);
    }
    let reserved = rows(service, "/audit/reservations").await;
    let of_it = reserved.iter().filter(|row| row["order"] == "same-1").count();
    assert_eq!(of_it, 1, "{}", service.name);
}

/// Callers go on while one implementation takes over the database from the other, and back: what
/// was acknowledged by either is there once, and is known to both. Returns steps a second of Rust
/// and of Python.
pub(crate) async fn each_takes_over_from_the_other(shop: &Shop, wirings: [&str; 2]) -> [f64; 2] {
    let database = "shared";
    shop.create(database).await;
    let mut rust = shop.start(RUST, wirings[0], database);
    let python = shop.start(PYTHON, wirings[1], database);
    rust.ready().await;
    python.ready().await;
    let first = serve(&rust, 0).await;
    let second = hand_over(&rust, &python, first.done).await;
    rust.start_again().await;
    let third = hand_over(&python, &rust, second.done).await;
    let all = third.done;
    check_all_known(&rust, all).await;
    let session = shop.session(database).await;
    let once = "SELECT count(*), count(DISTINCT order_id) FROM reservations";
    let row = session.query_one(once, &[]).await.expect("the reservations are read");
    let counts: (i64, i64) = (row.get(0), row.get(1));
    let expected = i64::try_from(all).expect("few");
    assert_eq!(counts, (expected, expected), "acknowledged steps and reservations differ");
    rust.stop().await;
    let rust_rate = f64::midpoint(first.rate(), third.rate());
    [rust_rate, second.rate()]
}

/// What was done in a while.
struct Served {
    /// All orders so far: those of the numbers below it.
    done: usize,
    here: usize,
    took: Duration,
}

impl Served {
    fn rate(&self) -> f64 {
        self.here as f64 / self.took.as_secs_f64()
    }
}

/// Callers reserve at one service for a while.
async fn serve(service: &Service, from: usize) -> Served {
    let begun = Instant::now();
    let next = AtomicUsize::new(from);
    let callers = (0..CALLERS).map(|_| async {
        while begun.elapsed() < SERVES {
            let number = next.fetch_add(1, Ordering::Relaxed);
            reserve(&[service], number).await;
        }
    });
    join_all(callers).await;
    let done = next.load(Ordering::Relaxed);
    Served { done, here: done - from, took: begun.elapsed() }
}

/// The one is told to stop while callers are at it; they repeat at the other what got no answer.
async fn hand_over(from: &Service, to: &Service, numbers_from: usize) -> Served {
    let next = AtomicUsize::new(numbers_from);
    let gone = AtomicBool::new(false);
    let callers = (0..CALLERS).map(|_| async {
        while !gone.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            // Either may be asked, as a proxy would that does not know better.
            let services = if number.is_multiple_of(2) { [from, to] } else { [to, from] };
            reserve(&services, number).await;
        }
    });
    let stop = async {
        tokio::time::sleep(AGAIN).await;
        from.stop().await;
        gone.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all(callers), stop);
    serve(to, next.load(Ordering::Relaxed)).await
}

/// Asks for a step until it is answered: who waits for a connection for too long is sent away, with
/// nothing done.
async fn insist(service: &Service, body: &str) -> Value {
    for _ in 0..100 {
        let answer = service.post("/steps/reserve", body).await;
        if answer.status == 200 {
            return answer.json();
        }
        assert!(answer.status == 503 && answer.no_effect, "{}: {answer:?}", service.name);
        tokio::time::sleep(AGAIN).await;
    }
    panic!("{}: no answer to {body}", service.name);
}

/// Asks for a step, one service after the other, until it is done.
async fn reserve(services: &[&Service], number: usize) {
    let body = request(&format!("x-{number}"), &[(&sku(number), 1)]).into_bytes();
    for service in services.iter().cycle().take(100) {
        let sent =
            service.try_send(Method::POST, Door::Public, "/steps/reserve", body.clone()).await;
        match sent {
            Ok(answer) if answer.status == 200 => {
                assert_eq!(answer.json(), json!({ "outcome": "done" }), "{}", service.name);
                return;
            }
            _ => tokio::time::sleep(AGAIN).await,
        }
    }
    panic!("order x-{number} is not taken by anybody");
}

fn sku(number: usize) -> String {
    format!("SKU-{}", number % 20 + 1)
}

/// Steps that the other has done are known here.
async fn check_all_known(service: &Service, all: usize) {
    for number in (0..all).step_by(all / 25 + 1) {
        let body = request(&format!("x-{number}"), &[(&sku(number), 1)]);
        let again = service.post("/steps/reserve", &body).await;
        assert_eq!(again.json(), json!({ "outcome": "done" }), "{}: x-{number}", service.name);
    }
}

async fn rows(service: &Service, path: &str) -> Vec<Value> {
    let text = service.audit(path).await;
    text.lines().map(|line| serde_json::from_str(line).expect("a row")).collect()
}
