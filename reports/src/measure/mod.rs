//! Every measure as a function of what is known of a run. The same functions look at a growing
//! record, to steer the run, and at a finished one, to judge it: there is no second detector that
//! could disagree.

mod availability;
mod band;
mod capacity;
pub(crate) mod completion;
mod cost;
mod detection;
mod generator;
mod latency;
mod live;
mod loss;
mod pending;
pub mod recovery;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod times;

use chaos_scenarios::measure::{Fate, Measure};

use crate::judge::Value;
use crate::reconcile::Reconciled;
use crate::record::Moment;
use crate::record::run_record::RunRecord;

pub use live::{steady, stop_condition};
use times::Stretch;

/// The value of a measure in its unit; `reconciled` is there once the final state was read.
pub fn value(measure: &Measure, record: &RunRecord, reconciled: Option<&Reconciled>) -> Value {
    let stretch = times::test_interval(record);
    value_within(measure, record, reconciled, stretch)
}

/// The value of a measure; those that are taken over a stretch of time are taken over this one.
fn value_within(
    measure: &Measure,
    record: &RunRecord,
    reconciled: Option<&Reconciled>,
    stretch: Option<Stretch>,
) -> Value {
    let class = headline(record);
    match measure {
        Measure::Availability => availability::good(record, class, stretch),
        Measure::AvailabilityDuringFault => {
            availability::good(record, class, times::during_fault(record))
        }
        Measure::AvailabilityWhole => availability::whole(record, class),
        Measure::AvailabilityAccepted => availability::accepted(record, class, stretch),
        Measure::AvailabilityCompleted => completion::completed(record, reconciled),
        Measure::AvailabilityTime => recovery::time_in_band(record, stretch),
        Measure::AvailabilityOf(class) => availability::good(record, class, stretch),
        Measure::BlastRadius => availability::blast_radius(record),
        Measure::P50 => latency::percentile(record, stretch, 0.50),
        Measure::P95 => latency::percentile(record, stretch, 0.95),
        Measure::P99 => latency::percentile(record, stretch, 0.99),
        Measure::ImpactDelay => recovery::impact_delay(record),
        Measure::Detection => detection::detection(record),
        Measure::Recovery => recovery::recovery(record),
        Measure::RecoveryAfterHeal => recovery::after_heal(record),
        Measure::RecoveryFull => completion::recovery_full(record, reconciled),
        Measure::Restart => restart(record),
        Measure::Relapses => recovery::relapses(record),
        Measure::LostRequests => loss::requests(record),
        Measure::ResilienceLoss => loss::resilience(record),
        Measure::ErrorBudget => loss::error_budget(record),
        Measure::Capacity => capacity::answered(record),
        Measure::CapacityCompleted => capacity::completed(record, reconciled),
        Measure::CpuPerOrder => cost::cpu_per_order(record),
        Measure::Memory => cost::memory(record),
        Measure::Sent => of_orders(reconciled, |known| known.summary.sent as f64),
        Measure::Fate(kind) => fate(reconciled, *kind),
        Measure::Rpo => completion::rpo(record, reconciled),
        Measure::GeneratorLag => generator::lag(record),
        Measure::GeneratorNotSent => generator::not_sent(record),
        Measure::HostMemoryFree => match record.host_memory_free {
            Some(free) => Value::Exact(free as f64),
            None => absent("the free memory of the host was never read"),
        },
        Measure::Elapsed => Value::Exact(record.last.seconds()),
    }
}

/// Every measure that can be asked of a run: the closed list, and the availability of each class.
pub fn all(record: &RunRecord) -> Vec<Measure> {
    let classes = record.plan().map(availability::classes).unwrap_or_default();
    let other = classes.into_iter().filter(|class| class != headline(record));
    Measure::all().chain(other.map(Measure::AvailabilityOf)).collect()
}

/// The class of requests that headlines compare.
pub fn headline(record: &RunRecord) -> &str {
    record.plan().map_or("order", |plan| plan.load.workload.headline.as_str())
}

/// Component ready again − heal effective.
fn restart(record: &RunRecord) -> Value {
    let Some(healed) = times::healed(record) else { return absent("nothing was healed") };
    match times::ready(record) {
        Some(ready) => Value::Exact(ready.seconds_since(healed)),
        None => Value::AtLeast(record.last.seconds_since(healed)),
    }
}

fn of_orders(reconciled: Option<&Reconciled>, of: impl Fn(&Reconciled) -> f64) -> Value {
    reconciled.map_or_else(|| absent("no order was reconciled"), |known| Value::Exact(of(known)))
}

/// How many orders met a fate; unknown where the final state could not be read.
fn fate(reconciled: Option<&Reconciled>, fate: Fate) -> Value {
    match reconciled.and_then(|known| known.unread.as_deref()) {
        Some(reason) if fate != Fate::Unverified => absent(reason),
        _ => of_orders(reconciled, |known| known.count(fate) as f64),
    }
}

fn absent(reason: &str) -> Value {
    Value::Absent(reason.to_owned())
}

/// A moment of the run, from the wall clock of its host (microseconds since 1970).
pub(crate) fn moment_of_wall_clock(record: &RunRecord, wall_clock: i64) -> Moment {
    Moment(u64::try_from(wall_clock.saturating_sub(record.wall_clock)).unwrap_or(0))
}
