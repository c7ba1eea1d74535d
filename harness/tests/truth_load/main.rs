//! The load generator against a server whose faults are known exactly, on both engines: what it
//! reports is compared with what truly happened.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::unchecked_time_subtraction,
    reason = "a test"
)]

macro_rules! on_both_engines {
    ($($name:ident),* $(,)?) => {
        mod goose {$(
            #[test]
            fn $name() {
                super::run(super::$name("goose"));
            }
        )*}
        mod direct {$(
            #[test]
            fn $name() {
                super::run(super::$name("direct"));
            }
        )*}
    };
}

mod connections;
mod run;
mod server;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chaos_reports::record::order::{OrderRecord, Outcome};
use chaos_scenarios::workload::Expected;

use run::{Left, Run, plan};
use server::{Mode, Server};

const SECOND: Duration = Duration::from_secs(1);
const HALF: Duration = Duration::from_millis(500);

/// One at a time: they measure time, and goose is one per process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run(test: impl Future<Output = ()>) {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}

async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

fn outcomes(orders: &[&OrderRecord], outcome: Outcome) -> usize {
    orders.iter().filter(|order| order.outcome == outcome).count()
}

on_both_engines!(
    the_rate_holds_through_a_hang_at_100_a_second,
    the_rate_holds_through_a_hang_at_500_a_second,
    two_thousand_a_second_are_sent_on_time,
    every_kind_of_failure_is_told_from_the_others,
    a_stop_in_a_hang_is_prompt_and_loses_nothing,
    what_no_worker_can_take_is_not_sent,
    a_load_that_is_dropped_ends,
    windows_come_while_the_load_runs,
);

async fn the_rate_holds_through_a_hang_at_100_a_second(engine: &str) {
    rate_through_a_hang(engine, 100.0).await;
}

async fn the_rate_holds_through_a_hang_at_500_a_second(engine: &str) {
    rate_through_a_hang(engine, 500.0).await;
}

async fn rate_through_a_hang(engine: &str, rate: f64) {
    let server = Server::start(Mode::COMPLETED);
    let running = Run::start(&plan(engine, rate, SECOND), &server).await;
    wait(SECOND + HALF).await;
    let from = server.set(Mode::Hang);
    wait(3 * SECOND).await;
    let to = server.set(Mode::COMPLETED);
    wait(SECOND + HALF).await;
    let left = running.stop().await;
    left.check_books();
    left.print_lag(&format!("{engine} at {rate}/s through a 3 s hang"));
    assert_eq!(left.record.generator.not_sent, 0);
    let arrived = server.seen();
    for (start, end) in [(from, to), (from - SECOND, from), (to, to + SECOND)] {
        let due = rate * (end - start).as_secs_f64();
        let count = arrived.iter().filter(|at| (start..end).contains(*at)).count() as f64;
        assert!((count / due - 1.0).abs() <= 0.02, "{count} of {due} arrived");
    }
    check_hang(&left, from, to, rate);
}

/// Requests due in the hang are unknown, with latencies at the timeout; the others are good. A
/// request that is under way when the mode changes may be on either side.
fn check_hang(left: &Left, from: Instant, to: Instant, rate: f64) {
    let gap = Duration::from_secs_f64(1.0 / rate) + Duration::from_millis(10);
    let within: Vec<_> = left.due_between(from, to - gap).collect();
    assert_eq!(outcomes(&within, Outcome::Unknown), within.len());
    let unknown = left.sum(|window| window.unknown);
    let due = rate * (to - from).as_secs_f64();
    assert!((unknown as f64 - due).abs() <= 1.0 + rate * 0.01, "{unknown} unknown, {due} due");
    assert_eq!(left.sum(|w| w.good), left.sum(|w| w.due) - unknown);
    let timeouts = left.windows().iter().flat_map(|window| &window.latencies);
    let at_timeout: u64 = timeouts.filter(|(micros, _)| *micros == 1_000_000).map(|(_, n)| n).sum();
    assert_eq!(at_timeout, unknown, "a timeout stands at the timeout");
    let first = left.windows().iter().find_map(|window| window.first_bad).expect("a bad one");
    let truth = from.saturating_duration_since(left.epoch).as_micros();
    let error = u128::from(first.0).abs_diff(truth);
    assert!(error <= gap.as_micros(), "the hang is seen {error} us from where it began");
}

async fn two_thousand_a_second_are_sent_on_time(engine: &str) {
    let server = Server::start(Mode::COMPLETED);
    let running = Run::start(&plan(engine, 2_000.0, SECOND), &server).await;
    let started = Instant::now();
    wait(3 * SECOND).await;
    let elapsed = started.elapsed().as_secs_f64();
    let left = running.stop().await;
    left.check_books();
    left.print_lag(&format!("{engine} at 2000/s"));
    let sent = left.record.generator.sent as f64;
    eprintln!("{engine} at 2000/s: {:.0} sent per second", sent / elapsed);
    // The first arrival is due up to 120 ms after the start.
    assert!((sent / (2_000.0 * (elapsed - 0.06)) - 1.0).abs() < 0.04, "{sent} in {elapsed} s");
    assert!(left.sum(|w| w.good) as f64 > 0.98 * sent);
}

async fn every_kind_of_failure_is_told_from_the_others(engine: &str) {
    const NO_EFFECT: Mode = Mode::Answer(503, "X-Effect: none\r\n", "full");
    let faults = [
        (NO_EFFECT, Outcome::Fail, Some(503)),
        (Mode::Answer(503, "", "gone"), Outcome::Unknown, Some(503)),
        (Mode::Answer(502, "X-Effect: none\r\n", ""), Outcome::Unknown, Some(502)),
        (Mode::Answer(404, "", ""), Outcome::Wrong, Some(404)),
        (Mode::Answer(201, "", r#"{"state":"REJECTED"}"#), Outcome::Wrong, Some(201)),
        (Mode::Reset, Outcome::Unknown, None),
        (Mode::Tear, Outcome::Unknown, Some(201)),
        (Mode::Refuse, Outcome::Fail, None),
        (Mode::Answer(202, "", r#"{"state":"ACCEPTED"}"#), Outcome::Ok, Some(202)),
    ];
    let left = check_faults(engine, &faults).await;
    let fail = left.sum(|w| w.fail);
    assert!((98..=102).contains(&fail), "two faults of half a second without effect: {fail}");
    let refused = left
        .orders
        .iter()
        .find_map(|order| order.error.as_deref().filter(|error| error.contains("refused")));
    assert!(refused.is_some(), "the error says why");
}

/// Puts a server through modes of half a second each, and requires an outcome and a status of every
/// request that was due in each.
async fn check_faults(engine: &str, faults: &[(Mode, Outcome, Option<u16>)]) -> Left {
    let server = Server::start(Mode::COMPLETED);
    let running = Run::start(&plan(engine, 100.0, SECOND), &server).await;
    wait(HALF).await;
    let mut spans = Vec::new();
    for (mode, ..) in faults {
        let from = server.set(mode.clone());
        wait(HALF).await;
        spans.push((from, Instant::now()));
    }
    server.set(Mode::COMPLETED);
    wait(HALF).await;
    let left = running.stop().await;
    left.check_books();
    // One request may be under way at either edge.
    let edge = Duration::from_millis(12);
    for ((mode, outcome, status), (from, to)) in faults.iter().zip(spans) {
        let orders: Vec<_> = left.due_between(from + edge, to - edge).collect();
        assert!((44..=50).contains(&orders.len()), "{} in {mode:?}", orders.len());
        for order in orders {
            assert_eq!((order.outcome, order.status), (*outcome, *status), "{mode:?}: {order:?}");
            assert_eq!(order.expect, Expected::Completed);
        }
    }
    left
}

async fn a_stop_in_a_hang_is_prompt_and_loses_nothing(engine: &str) {
    let server = Server::start(Mode::Hang);
    let timeout = 2 * SECOND;
    let running = Run::start(&plan(engine, 100.0, timeout), &server).await;
    wait(SECOND).await;
    let open = running.orders_in_flight();
    assert!((80..=100).contains(&open), "{open} are open");
    let left = running.stop().await;
    eprintln!("{engine}: stop in a hang took {:?}", left.stop);
    assert!(left.stop <= timeout + SECOND, "the stop took {:?}", left.stop);
    left.check_books();
    assert_eq!(left.sum(|w| w.unknown), left.sum(|w| w.due));
    assert!(left.sum(|w| w.due) >= 85);
}

async fn what_no_worker_can_take_is_not_sent(engine: &str) {
    let server = Server::start(Mode::Hang);
    let mut plan = plan(engine, 100.0, SECOND);
    plan.users = 5;
    let running = Run::start(&plan, &server).await;
    wait(3 * SECOND + HALF).await;
    let left = running.stop().await;
    left.check_books();
    let (sent, not_sent) = (left.record.generator.sent, left.record.generator.not_sent);
    assert!((10..=40).contains(&sent), "five workers, a second each: {sent}");
    assert!(not_sent > 250, "{not_sent}");
    let reasons = left.orders.iter().filter(|order| order.outcome == Outcome::NotSent);
    assert!(reasons.clone().all(|order| order.start.is_none() && order.error.is_some()));
    assert_eq!(reasons.count() as u64, not_sent);
}

async fn a_load_that_is_dropped_ends(engine: &str) {
    let server = Server::start(Mode::COMPLETED);
    let running = Run::start(&plan(engine, 100.0, SECOND), &server).await;
    wait(HALF).await;
    drop(running);
    wait(SECOND).await;
    let seen = server.seen().len();
    assert!(seen > 20, "{seen}");
    wait(HALF).await;
    assert_eq!(server.seen().len(), seen, "nothing is sent any more");
}

async fn windows_come_while_the_load_runs(engine: &str) {
    let server = Server::start(Mode::COMPLETED);
    let running = Run::start(&plan(engine, 100.0, SECOND), &server).await;
    wait(2 * SECOND).await;
    let now = running.recorder.now();
    let (last, seconds) = running.recorder.read(|record| {
        let windows = &record.windows["order"];
        (windows.last().expect("a window").end(), record.generator.seconds)
    });
    assert!(last.plus(350_000) >= now, "the last window ended {last}, now is {now}");
    assert!(last <= now, "no window is told before it is over");
    assert!(seconds >= 1);
    let left = running.stop().await;
    left.check_books();
    let full = left.windows().iter().filter(|window| window.due == 10).count();
    assert!(full + 2 >= left.windows().len(), "an even load fills windows evenly");
}
