//! Faults that overlap on one replica: what one of them does, the end of the other does not undo.

use chaos_harness::stop::Stop;
use chaos_reports::record::event::Ending;
use chaos_scenarios::action::Action;

use crate::fake::World;
use crate::{SCENARIO, assert_clean, broker, execute_plan, plan_of};

#[tokio::test(start_paused = true)]
async fn a_victim_that_another_fault_holds_down_is_not_started() {
    let limited = "  - {at: 1s, for: 2s, fault: {cpu: {role: broker, limit: 0.1}}}\nexpect";
    let plan = plan_of(&SCENARIO.replace("expect", limited));
    let ended = execute_plan(plan, World::default(), Stop::default(), Box::new(Vec::new())).await;
    assert_eq!(ended.ending, Ending::Complete);
    assert_clean(&ended);
    let limit = |millicores| Action::LimitCpu { replica: broker(), millicores };
    let kill = Action::Kill { replica: broker(), signal: "KILL".to_owned() };
    let start = Action::Start { replica: broker() };
    let applied = ended.world.applied.lock().unwrap().clone();
    assert_eq!(applied, [kill, limit(Some(100)), limit(None), start]);
    let limited = &ended.record.faults[&2];
    assert!(limited.healed.is_some() && limited.heal_failed.is_none());
}
