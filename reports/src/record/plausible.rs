//! What no harness writes. A journal that says such things was changed or damaged; it is refused
//! here, once and line by line, so that measures and charts may add, subtract and make room for
//! every window without asking.

use chaos_scenarios::plan::Plan;
use chaos_scenarios::quantity::Span;

use super::Moment;
use super::event::{CpuKept, Entry, Event};
use super::window::{Late, Sparse, WINDOW_MICROS, Window};

/// No run lasts longer, microseconds: a timeline takes two hours at most, all other phases minutes.
pub const LONGEST_RUN: u64 = 24 * 3_600 * 1_000_000;
/// No count and no amount in one line is higher.
const HIGHEST: u64 = 1 << 40;
/// Memory in bytes has a bound of its own.
const MOST_BYTES: u64 = 1 << 50;

/// What is wrong with a line, if something is.
pub(super) fn check(entry: &Entry) -> Result<(), String> {
    moment("at", entry.at)?;
    match &entry.event {
        Event::Started { plan, .. } => plan_lasts(plan),
        Event::Container { happened, .. } => moment("happened", *happened),
        Event::Window(window) => adds_up(window),
        Event::Generator { due, sent, not_sent, lag, cpu, orders_in_flight } => {
            for (name, count) in [
                ("due", *due),
                ("sent", *sent),
                ("not_sent", *not_sent),
                ("cpu", *cpu),
                ("orders_in_flight", *orders_in_flight),
            ] {
                at_most(name, count, HIGHEST)?;
            }
            sparse("lag", lag).map(drop)
        }
        Event::LoadEnded { engine_requests, panics } => {
            at_most("engine_requests", *engine_requests, HIGHEST)?;
            at_most("panics", *panics, HIGHEST)
        }
        Event::Usage { cpu, memory, .. } => {
            at_most("cpu", *cpu, HIGHEST)?;
            at_most("memory", *memory, MOST_BYTES)
        }
        Event::HarnessCpu(CpuKept { elapsed, stolen, pressed }) => {
            at_most("elapsed", *elapsed, HIGHEST)?;
            at_most("stolen", *stolen, HIGHEST)?;
            at_most("pressed", pressed.unwrap_or(0), HIGHEST)
        }
        Event::HostMemory { free } => at_most("free", *free, MOST_BYTES),
        Event::FaultFelt { effective, .. } => moment("effective", *effective),
        Event::FaultHealed { effective, ready, .. } => {
            moment("effective", *effective)?;
            ready.map_or(Ok(()), |ready| moment("ready", ready))
        }
        Event::Audited { rows, .. } => at_most("rows", *rows, HIGHEST),
        // Counts of pending work are the target's own words, whatever they are.
        Event::Pending { .. }
        | Event::DrainIncomplete { .. }
        | Event::PhaseStarted { .. }
        | Event::ContainerCreated { .. }
        | Event::Readiness { .. }
        | Event::CanarySent { .. }
        | Event::LoadStarted { .. }
        | Event::FaultArmed { .. }
        | Event::FaultInjected { .. }
        | Event::FaultNotFelt { .. }
        | Event::FaultHealing { .. }
        | Event::HealFailed { .. }
        | Event::AuditFailed { .. }
        | Event::Note { .. }
        | Event::Residue { .. }
        | Event::Dismantled
        | Event::Ended { .. } => Ok(()),
    }
}

fn at_most(name: &str, count: u64, most: u64) -> Result<(), String> {
    if count <= most { Ok(()) } else { Err(format!("`{name}` is {count}, at most {most} can be")) }
}

fn moment(name: &str, moment: Moment) -> Result<(), String> {
    at_most(name, moment.0, LONGEST_RUN)
}

fn span(name: &str, span: Span) -> Result<(), String> {
    at_most(name, span.micros(), LONGEST_RUN)
}

fn plan_lasts(plan: &Plan) -> Result<(), String> {
    let phases = &plan.phases;
    for (name, length) in [
        ("warm-up", phases.warm_up),
        ("baseline", phases.baseline),
        ("test", phases.test),
        ("horizon", phases.horizon),
        ("recovery_limit", phases.recovery_limit),
        ("keep", phases.keep),
        ("drain_limit", phases.drain_limit),
        ("timeout", plan.load.workload.timeout),
    ] {
        span(name, length)?;
    }
    plan.load.stages.iter().try_for_each(|stage| span("from", stage.from))?;
    for fault in &plan.timeline {
        span("at", fault.at)?;
        fault.until.map_or(Ok(()), |until| span("until", until))?;
        fault.after.map_or(Ok(()), |after| span("plus", after.plus))?;
    }
    Ok(())
}

/// Counts of a sparse histogram, in all.
fn sparse(name: &str, values: &Sparse) -> Result<u64, String> {
    values.iter().try_fold(0_u64, |sum, (value, count)| {
        at_most(name, *value, LONGEST_RUN)?;
        at_most(name, *count, HIGHEST)?;
        sum.checked_add(*count).ok_or_else(|| format!("`{name}` counts too many"))
    })
}

fn adds_up(window: &Window) -> Result<(), String> {
    at_most("index", window.index, LONGEST_RUN / WINDOW_MICROS)?;
    let outcomes =
        [window.good, window.slow, window.wrong, window.fail, window.unknown, window.not_sent];
    let due: u64 = outcomes.into_iter().map(u64::from).sum();
    if due != u64::from(window.due) {
        return Err(format!("{} requests were due, and {due} have an outcome", window.due));
    }
    at_most("acknowledged", u64::from(window.acknowledged), due)?;
    at_most("latencies", sparse("latencies", &window.latencies)?, due)?;
    let edges = [window.first_bad, window.last_bad, window.first_good, window.last_good];
    edges.into_iter().flatten().try_for_each(|edge| moment("edge", edge))?;
    window.late.iter().try_for_each(|Late { due, end, .. }| {
        moment("end", *end)?;
        at_most("due", due.0, end.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(event: Event) -> String {
        check(&Entry { seq: 1, at: Moment(0), event }).expect_err("no harness writes that")
    }

    #[test]
    fn what_no_harness_writes_is_told() {
        let window = Window { due: 3, good: 2, ..Window::default() };
        assert_eq!(wrong(Event::Window(window)), "3 requests were due, and 2 have an outcome");
        let window = Window { index: u64::MAX, ..Window::default() };
        assert!(wrong(Event::Window(window)).starts_with("`index` is 18446744073709551615"));
        let late = vec![Late { due: Moment(2), end: Moment(1), good: false }];
        let window = Window { late, ..Window::default() };
        assert_eq!(wrong(Event::Window(window)), "`due` is 2, at most 1 can be");
        let window = Window { latencies: vec![(1, 1)], ..Window::default() };
        assert_eq!(wrong(Event::Window(window)), "`latencies` is 1, at most 0 can be");
        let late = Event::Note { text: String::new() };
        let late = Entry { seq: 1, at: Moment(LONGEST_RUN + 1), event: late };
        assert!(check(&late).is_err());
    }
}
