//! Many faults over a long time: whoever looks at what is known so far must not do so once per
//! fault and event, or the harness gets slower and slower.

use chaos_harness::stop::Stop;
use chaos_reports::record::event::Ending;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

use crate::fake::World;
use crate::{assert_clean, execute_plan, plan_of};

const MINUTES: u64 = 20;
/// CPU time, milliseconds, in any build: it took three times as much when every fault looked for
/// itself.
const MOST_CPU: i64 = 10_000;

fn scenario() -> String {
    let step = |minute: u64| {
        format!("  - {{at: {}s, for: 8s, fault: {{kill: {{role: broker}}}}}}\n", minute * 60)
    };
    let steps = (0..MINUTES).map(step).collect::<Vec<_>>().concat();
    format!(
        "version: 1\ntitle: The broker dies every minute\n\
         steady-state-hypothesis: {{title: Orders are taken, probes: [availability >= 99%]}}\n\
         method:\n{steps}stop-conditions: [host.memory-free < 1MiB, p95 > 30s]\n"
    )
}

/// Of this thread, which is the engine's own, milliseconds.
fn cpu() -> i64 {
    getrusage(UsageWho::RUSAGE_THREAD).unwrap().user_time().num_milliseconds()
}

#[tokio::test(start_paused = true)]
async fn each_of_many_faults_costs_what_the_first_one_cost() {
    let plan = plan_of(&scenario());
    let before = cpu();
    let ended = execute_plan(plan, World::default(), Stop::default(), Box::new(Vec::new())).await;
    let took = cpu() - before;
    assert_eq!(ended.ending, Ending::Complete);
    assert_clean(&ended);
    let healed = ended.record.faults.values().filter(|fault| fault.healed.is_some()).count();
    assert_eq!(healed as u64, MINUTES);
    eprintln!("{MINUTES} minutes took {took} ms");
    assert!(took < MOST_CPU, "{MINUTES} minutes took {took} ms");
}
