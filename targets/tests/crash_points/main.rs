//! The crash-point matrix: one process aborts at one place while one order goes through, is started
//! again, and what is left of the order in the end must be exactly what the table says. Processes,
//! PostgreSQL and RabbitMQ are real. What an architecture without safeguards gets wrong stands in
//! the table, too: it must really happen.
//!
//! These tests are ignored unless asked for, and then need `CHAOS_TEST_DATABASE_URL` and, for the
//! architecture with a broker, `CHAOS_TEST_AMQP_URL`; `ci/with-services` gives them both.
#![allow(clippy::print_stdout, reason = "how many points passed is the result")]

mod database;
mod http;
mod order;
mod queues;
mod shop;
mod table;

use std::collections::BTreeMap;

use shop::Shop;
use table::CrashPoint;

/// The value of a variable that a test needs.
fn needed(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: this test needs it"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CHAOS_TEST_DATABASE_URL and CHAOS_TEST_AMQP_URL"]
async fn an_order_ends_as_it_must_after_a_crash_at_a_few_places() {
    check(table::read().into_iter().filter(|point| point.is_picked).collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn an_order_ends_as_it_must_after_a_crash_at_every_place_of_the_monolith() {
    check(table::read_of("monolith")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; needs CHAOS_TEST_DATABASE_URL"]
async fn an_order_ends_as_it_must_after_a_crash_at_every_place_of_direct() {
    check(table::read_of("direct")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; needs CHAOS_TEST_DATABASE_URL and CHAOS_TEST_AMQP_URL"]
async fn an_order_ends_as_it_must_after_a_crash_at_every_place_of_the_broker() {
    check(table::read_of("broker")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; needs CHAOS_TEST_DATABASE_URL"]
async fn an_order_ends_as_it_must_after_a_crash_at_every_place_of_the_pipeline() {
    check(table::read_of("pipeline")).await;
}

/// Tries crash points, those of one architecture and mode on the same processes.
async fn check(points: Vec<CrashPoint>) {
    let all = points.len();
    let mut groups: BTreeMap<(String, &str), Vec<CrashPoint>> = BTreeMap::new();
    for point in points {
        groups.entry((point.architecture.clone(), point.mode)).or_default().push(point);
    }
    let mut failures = Vec::new();
    for ((architecture, mode), points) in groups {
        let before = failures.len();
        if architecture == "broker" {
            queues::delete_all().await;
        }
        let mut shop = Shop::open(&architecture, mode).await;
        for (number, point) in points.iter().enumerate() {
            if let Err(error) = pass(&mut shop, point, number).await {
                failures
                    .push(format!("{architecture}@{mode} {} {}: {error}", point.service, point.at));
            }
        }
        let passed = points.len() + before - failures.len();
        println!("{architecture}@{mode}: crash points {passed} / {}", points.len());
        if architecture == "broker" {
            queues::delete_all().await;
        }
    }
    println!("crash points passed {} / {all}", all - failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

async fn pass(shop: &mut Shop, point: &CrashPoint, number: usize) -> Result<(), String> {
    let id = format!("crash-{number}");
    let body = point.order.body(&id);
    shop.arm(&point.service, &point.at, point.nth).await;
    let answer = shop.order(&body).await;
    if point.is_answered().is_some_and(|expected| answer.is_some() != expected) {
        return Err(format!("the customer was answered {answer:?}"));
    }
    shop.revive(&point.service).await?;
    order::abandon(&shop.databases(), &id).await;
    if point.again && shop.order(&body).await.is_none() {
        return Err("the customer got no answer to the second attempt".into());
    }
    shop.until_at_rest().await;
    let end = order::end(&shop.databases(), &id).await;
    if end == point.end {
        return Ok(());
    }
    let differs = |(what, value): (&String, &String)| {
        let expected = &point.end[what];
        (value != expected).then(|| format!("{what} is {value}, not {expected}"))
    };
    Err(end.iter().filter_map(differs).collect::<Vec<_>>().join(", "))
}
