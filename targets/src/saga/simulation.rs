//! The manager in a world that is made up: its log and the services are values in memory, time is
//! paused, and the process dies at every single point where it waits for either of them.
//!
//! Each life of the manager is a runtime of its own. Dropping the runtime drops whatever was under
//! way, as a crash does; the world stays, and the next life finds it as it is.

mod services;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::services::{Case, late_arrivals};
use self::world::{Delivery, HELD, LogFault, World};
use super::clock::Clock;
use super::manager::Manager;
use crate::backlog::Backlog as _;
use crate::domain::order::Kind;
use crate::domain::state::State;
use crate::http::public::{Checkout as _, PlaceError};
use crate::metrics::Metrics;
use crate::trial::all_but;

/// A life that has not settled its order by then never will.
const LONGEST_LIFE: Duration = Duration::from_mins(10);
/// Pause between two looks at whether a life has settled its order.
const LOOK: Duration = Duration::from_millis(100);
/// How often dead letters are tried again, once the services are well.
const REDRIVES: usize = 3;
/// Of the points at which a life crashes, every so many-th is followed by a second crash.
const STRIDE: u64 = 97;

/// A life has fewer points than this at which it may crash.
const MOST_POINTS: u64 = 10_000;

/// What a life of the manager does besides going on with what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    Take,
    Nothing,
    Redrive,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Settled,
    Crashed,
}

fn manager(world: &Arc<World>, clock: Clock, standing_by: &Arc<AtomicBool>) -> Manager {
    let figures = (clock, Metrics::new());
    Manager::new(world.clone(), world.clone(), all_but(""), figures, standing_by.clone())
}

/// One life: works until all is settled or it crashes.
fn live(world: &Arc<World>, work: Work) -> Ended {
    fastrand::seed(7);
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let clock = Clock::showing(world.now());
        world.begin_life(clock);
        let manager = manager(world, clock, &Arc::default());
        tokio::spawn(manager.clone().lead(CancellationToken::new()));
        let ended = tokio::select! {
            settled = timeout(LONGEST_LIFE, settle(world, &manager, work)) => {
                assert!(settled.is_ok(), "never settled: {world:#?}");
                Ended::Settled
            }
            () = world.crashed() => Ended::Crashed,
        };
        world.end_life(clock);
        ended
    })
}

async fn settle(world: &World, manager: &Manager, work: Work) {
    match work {
        // Whatever the customer is told is compared with the end.
        Work::Take => world.tell(manager.place(world.order()).await),
        Work::Nothing => {}
        Work::Redrive => {
            while manager.redrive().await.is_err() {
                sleep(LOOK).await;
            }
        }
    }
    while !world.is_settled() {
        sleep(LOOK).await;
    }
}

/// Lives until all is settled, crashing at the given points, one for each life; then lets what is
/// still on its way arrive, tries dead letters again, and checks the end. Returns whether every
/// crash took place.
fn play(world: &Arc<World>, crashes: &[u64]) -> bool {
    let mut lives = 0;
    for crash in crashes.iter().copied().map(Some).chain([None]) {
        world.crash_at(crash);
        let work = if lives == 0 { Work::Take } else { Work::Nothing };
        match live(world, work) {
            Ended::Crashed => lives += 1,
            Ended::Settled => break,
        }
    }
    world.crash_at(None);
    late_arrivals(world);
    world.heal();
    for _ in 0..REDRIVES {
        if world.is_dead() {
            live(world, Work::Redrive);
        }
    }
    late_arrivals(world);
    world.check(crashes);
    lives == crashes.len()
}

/// Crashes at every point of a case, and at every point of the life after some of those.
fn crash_everywhere(case: &Case, delivery: Delivery) -> usize {
    let crash = |crashes: &[u64]| play(&Arc::new(World::new(case, delivery)), crashes);
    let mut tried = 0;
    for first in (1..MOST_POINTS).take_while(|first| crash(&[*first])) {
        tried += 1;
        if first % STRIDE == 0 && delivery == Delivery::Soon {
            tried += (1..MOST_POINTS).take_while(|second| crash(&[first, *second])).count();
        }
    }
    tried
}

#[test]
fn whatever_crashes_no_effect_is_doubled_and_every_order_ends() {
    let cases = Case::all();
    let mut tried = 0;
    for case in &cases {
        for delivery in Delivery::ALL {
            assert!(play(&Arc::new(World::new(case, delivery)), &[]), "{case:?}");
            tried += crash_everywhere(case, delivery);
        }
    }
    println!("{} cases, {tried} crash points tried", cases.len());
    assert!(tried > 5_000, "only {tried}: the manager does not meet the crash points");
}

#[test]
fn a_log_that_fails_at_any_write_is_read_again() {
    let mut tried = 0;
    for case in Case::all() {
        for fault in LogFault::ALL {
            for at in 1.. {
                let world = Arc::new(World::new(&case, Delivery::Soon));
                world.fail_write(at, fault);
                play(&world, &[]);
                if !world.write_failed() {
                    break;
                }
                tried += 1;
            }
        }
    }
    println!("{tried} failures of the log tried");
    assert!(tried > 1_000, "only {tried}: the manager does not write");
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_wakes_after_another_took_over_does_nothing_more() {
    for kind in Kind::ALL {
        let world = Arc::new(World::new(&Case::good(kind), Delivery::AtTheEnd));
        let clock = Clock::showing(world.now());
        world.begin_life(clock);
        let stands_by = Arc::new(AtomicBool::new(false));
        let first = manager(&world, clock, &stands_by);
        tokio::spawn(first.clone().lead(CancellationToken::new()));
        world.hold_next_request();
        let (customer, order) = (first.clone(), world.order().clone());
        let told = tokio::spawn(async move { customer.place(&order).await });
        while !world.is_held() {
            sleep(LOOK).await;
        }
        let second = manager(&world, clock, &Arc::default());
        tokio::spawn(second.lead(CancellationToken::new()));
        while !world.is_settled() {
            sleep(LOOK).await;
        }
        world.release.notify_one();
        sleep(HELD).await;
        assert!(stands_by.load(Ordering::Relaxed), "it does not know that another leads");
        let refused = first.place(world.order()).await;
        assert!(matches!(refused, Err(PlaceError::Refused(_))), "{refused:?}");
        // The order was durable when its manager lost the lead: the promise holds.
        let told = told.await.unwrap().unwrap();
        assert_eq!(told.state, State::Accepted.name());
        late_arrivals(&world);
        world.check(&[]);
    }
}
