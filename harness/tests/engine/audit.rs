//! The final state is read by two auditors, one of them twice.

use chaos_reports::record::event::Ending;
use chaos_reports::record::final_state::Reading;

use crate::fake::World;
use crate::to_the_end;

const AUDIT: &str = "http://broker:9090/audit";
const DATABASE: &str = "postgres://broker:5432/shop";

#[tokio::test(start_paused = true)]
async fn an_audit_is_read_before_and_after_the_database_that_checks_it() {
    let ended = to_the_end(World::default()).await;
    assert_eq!(*ended.world.audits.lock().unwrap(), ["http", "postgres", "http"]);
    let read = [(AUDIT.to_owned(), 1), (DATABASE.to_owned(), 0)];
    assert_eq!(ended.record.audited, read);
    let rows = ended.final_state.expect("it was read");
    let rows: Vec<(String, Reading)> =
        rows.iter().map(|row| (row.row.name(), row.reading)).collect();
    let moved = [("order-3", Reading::Moving), ("order-1", Reading::Gone)];
    assert_eq!(rows, moved.map(|(name, reading)| (name.to_owned(), reading)));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_cannot_be_read_costs_the_run_nothing_else() {
    let world = World { silent_database: true.into(), ..World::default() };
    let ended = to_the_end(world).await;
    assert_eq!(ended.ending, Ending::Complete);
    let failed = [(DATABASE.to_owned(), "it says nothing".to_owned())];
    assert_eq!(ended.record.audit_failed, failed);
    assert_eq!(ended.record.audited, [(AUDIT.to_owned(), 1)]);
}
