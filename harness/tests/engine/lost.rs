//! The runtime goes away in the middle of a run, as a daemon that is started anew.

use std::sync::Arc;
use std::time::Duration;

use chaos_harness::stop::Stop;
use chaos_reports::record::event::Ending;

use crate::fake::World;
use crate::{Ended, RUN_SECONDS, assert_clean, execute_in, plan};

/// Lets the runtime go away after a while, and come back after another, if it ever does.
async fn lose(after: Duration, back: Option<Duration>) -> Ended {
    let world = Arc::new(World::default());
    let fate = Arc::clone(&world);
    tokio::spawn(async move {
        tokio::time::sleep(after).await;
        fate.away.send_replace(true);
        // Whoever is at work meets that before it is told.
        tokio::time::sleep(Duration::from_millis(300)).await;
        fate.lost.send_replace(Some("the daemon went away".to_owned()));
        if let Some(back) = back {
            tokio::time::sleep(back).await;
            fate.away.send_replace(false);
        }
    });
    execute_in(plan(), world, Stop::default(), Box::new(Vec::new())).await
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_comes_back_ends_the_run_with_its_reason_and_leaves_nothing() {
    for tenths in (10..RUN_SECONDS * 10).step_by(3) {
        let after = Duration::from_millis(tenths * 100 + 37);
        let ended = lose(after, Some(Duration::from_secs(5))).await;
        assert_clean(&ended);
        let failed = ended.record.faults.values().any(|fault| fault.heal_failed.is_some());
        assert!(!failed && ended.record.residue.is_empty(), "{after:?}");
        match &ended.ending {
            Ending::Complete => return,
            Ending::Error { message } => assert_eq!(message, "the daemon went away", "{after:?}"),
            other => panic!("{other:?}"),
        }
    }
    panic!("no run came to its end within {RUN_SECONDS} s");
}

#[tokio::test(start_paused = true)]
async fn a_runtime_that_stays_away_is_not_waited_for_without_end_and_leaves_a_dirty_host() {
    // The fault acts from about the tenth second on.
    let run = lose(Duration::from_secs(12), None);
    let ended = tokio::time::timeout(Duration::from_secs(240), run).await.expect("it is bounded");
    let Ending::Error { message } = &ended.ending else { panic!("{:?}", ended.ending) };
    assert_eq!(message, "the daemon went away");
    assert!(ended.record.faults[&1].heal_failed.is_some());
    assert_eq!(ended.record.residue, ["nobody answers"]);
}
