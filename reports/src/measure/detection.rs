//! How soon the system itself shows that something is wrong, whoever looks.

use crate::judge::Value;
use crate::record::Moment;
use crate::record::run_record::RunRecord;

use super::{absent, pending, times};

/// First internal signal − fault felt: a replica not ready, a failed health check, or pending work
/// that grows. The death of the victim itself is the fault, not its detection.
pub(super) fn detection(record: &RunRecord) -> Value {
    if !times::has_faults(record) {
        return absent("no fault was planned");
    }
    let Some(felt) = times::felt(record) else { return absent("no fault was felt") };
    let signals =
        [unready(record, felt), unhealthy(record, felt), pending::first_growth(record, felt)];
    match signals.into_iter().flatten().min() {
        Some(signal) => Value::Exact(signal.seconds_since(felt)),
        None => absent("no component gave a sign"),
    }
}

fn unready(record: &RunRecord, felt: Moment) -> Option<Moment> {
    let changes = record.readiness.iter().filter(|change| !change.ready && change.at >= felt);
    changes.map(|change| change.at).min()
}

fn unhealthy(record: &RunRecord, felt: Moment) -> Option<Moment> {
    let events = record.container_events.iter().filter(|event| {
        event.happened >= felt && event.action.replace(' ', "") == "health_status:unhealthy"
    });
    events.map(|event| event.happened).min()
}
