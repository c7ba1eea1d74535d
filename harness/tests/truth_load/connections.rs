//! Connections that are slow, torn, shut, or not made at all, and bodies that are: both engines must
//! see the same, and send the same.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use chaos_reports::record::order::Outcome;

use super::run::{Left, Run, plan};
use super::server::{Mode, Server};
use super::{HALF, SECOND, check_faults, run, wait};

on_both_engines!(
    every_way_to_answer_is_read_alike,
    a_body_that_never_ends_is_unknown_at_the_timeout,
    a_calm_load_keeps_its_connections,
    a_connection_that_closes_while_nobody_uses_it_costs_no_request,
    a_connection_that_is_not_made_is_certain,
    a_name_that_nobody_has_is_certain,
);

const OK: &str = r#"{"state":"COMPLETED"}"#;

async fn every_way_to_answer_is_read_alike(engine: &str) {
    let answers = [
        (Mode::Drip(OK, Duration::from_millis(2)), Outcome::Ok, Some(201)),
        (Mode::Chunked(OK), Outcome::Ok, Some(201)),
        (Mode::Large(1024 * 1024 + 1), Outcome::Unknown, Some(201)),
        (Mode::HalfClose(OK), Outcome::Ok, Some(201)),
        (Mode::Answer(201, "connection: close\r\n", OK), Outcome::Ok, Some(201)),
        (Mode::Garbage, Outcome::Unknown, None),
        (Mode::Shut, Outcome::Unknown, None),
        (Mode::Answer(302, "location: /elsewhere\r\n", ""), Outcome::Wrong, Some(302)),
    ];
    let left = check_faults(engine, &answers).await;
    let told = |text: &str| {
        left.orders.iter().any(|order| order.error.as_ref().is_some_and(|it| it.contains(text)))
    };
    assert!(told("longer than 1048576 bytes"), "the error says what was too long");
}

async fn a_body_that_never_ends_is_unknown_at_the_timeout(engine: &str) {
    let server = Server::start(Mode::Drip(OK, SECOND));
    let running = Run::start(&plan(engine, 50.0, HALF), &server).await;
    wait(2 * SECOND).await;
    let left = running.stop().await;
    left.check_books();
    for order in &left.orders {
        assert_eq!((order.outcome, order.status), (Outcome::Unknown, Some(201)), "{order:?}");
    }
    let latencies = left.windows().iter().flat_map(|window| &window.latencies);
    let timeout = u64::try_from(HALF.as_micros()).unwrap();
    assert!(latencies.clone().all(|(micros, _)| *micros == timeout), "they stand at the timeout");
    assert!(latencies.count() > 10);
}

/// Goose's users and the workers of the other engine share connections, not each its own.
async fn a_calm_load_keeps_its_connections(engine: &str) {
    let server = Server::start(Mode::COMPLETED);
    let running = Run::start(&plan(engine, 200.0, SECOND), &server).await;
    wait(3 * SECOND).await;
    let left = running.stop().await;
    left.check_books();
    let (requests, connections) = (server.seen().len(), server.connections());
    assert!(requests > 500, "{requests}");
    assert!(connections <= requests / 20, "{connections} connections for {requests} requests");
}

async fn a_connection_that_closes_while_nobody_uses_it_costs_no_request(engine: &str) {
    let server = Server::start(Mode::Brief(OK, Duration::from_millis(50)));
    let running = Run::start(&plan(engine, 5.0, SECOND), &server).await;
    wait(4 * SECOND).await;
    let left = running.stop().await;
    left.check_books();
    let (due, connections) = (left.sum(|w| w.due), server.connections());
    assert!(due >= 18, "{due}");
    assert_eq!(left.sum(|w| w.good), due, "each found a connection that stands");
    assert!(connections as u64 >= due, "{connections} connections for {due} requests");
}

/// A listener whose queue of connections is full drops whatever asks for one more.
async fn a_connection_that_is_not_made_is_certain(engine: &str) {
    let full = tokio::net::TcpSocket::new_v4().unwrap();
    full.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = full.local_addr().unwrap();
    let listener: TcpListener = full.listen(1).unwrap().into_std().unwrap();
    let limit = Duration::from_millis(100);
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, limit) {
        queued.push(stream);
    }
    let left = load_at(engine, &format!("http://{address}")).await;
    drop((listener, queued));
    check_all_fail(&left);
}

async fn a_name_that_nobody_has_is_certain(engine: &str) {
    check_all_fail(&load_at(engine, "http://nobody.invalid:8080").await);
}

async fn load_at(engine: &str, url: &str) -> Left {
    let running = Run::start_at(&plan(engine, 20.0, SECOND), url).await;
    wait(SECOND).await;
    running.stop().await
}

fn check_all_fail(left: &Left) {
    left.check_books();
    assert!(left.orders.len() >= 15, "{}", left.orders.len());
    for order in &left.orders {
        assert_eq!((order.outcome, order.status), (Outcome::Fail, None), "{order:?}");
        assert!(order.start.is_some() && order.error.is_some(), "{order:?}");
    }
}

#[test]
fn both_engines_write_the_same_request() {
    run(async {
        let mut heads = Vec::new();
        for engine in ["goose", "direct"] {
            let server = Server::start(Mode::COMPLETED);
            let running = Run::start(&plan(engine, 20.0, SECOND), &server).await;
            wait(HALF).await;
            running.stop().await.check_books();
            let head = server.last_head().replace(&server.url()["http://".len()..], "SERVER");
            heads.push(head);
        }
        assert_eq!(heads[0], heads[1]);
        assert!(heads[1].starts_with("POST /orders HTTP/1.1\r\n"), "{}", heads[1]);
        assert!(heads[1].contains("host: SERVER"), "{}", heads[1]);
    });
}
