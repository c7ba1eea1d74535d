//! Impact and recovery, as users see them: from where service leaves the band after a fault until
//! it is back in it for five seconds.

use chaos_scenarios::plan::PlannedFault;

use crate::judge::Value;
use crate::record::Moment;
use crate::record::event::Phase;
use crate::record::run_record::RunRecord;
use crate::record::window::WINDOW_MICROS;

use super::band::Band;
use super::times::{self, Stretch};
use super::{absent, headline, pending, tally};

/// Service must be in band for so many steps of 100 ms to count as recovered.
const CONFIRMATION: usize = 50;
/// A second in microseconds.
const SECOND: u64 = 1_000_000;

/// How users fared after a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Course {
    /// When the fault was felt.
    pub felt: Moment,
    /// The first bad request of the impact; none if users noticed nothing.
    pub impact: Option<Moment>,
    /// The first request of the five seconds in band that ended the last impact; none if users
    /// noticed nothing or if service did not come back.
    pub recovered: Option<Moment>,
    /// How often service left the band again after it had recovered.
    pub relapses: u64,
    /// Until when service is known.
    pub watched: Moment,
}

/// How users fared, as far as it is known; none while no fault was felt or nothing is known since.
pub fn course(record: &RunRecord) -> Option<Course> {
    if !times::has_faults(record) {
        return None;
    }
    let felt = times::felt(record)?;
    let band = Band::since(record, felt);
    let watched = band.end()?;
    let mut course = Course { felt, impact: None, recovered: None, relapses: 0, watched };
    let Some(mut outside) = band.outside(0) else { return Some(course) };
    let windows = tally::windows(record, headline(record));
    course.impact = band.onset(outside).map(|onset| tally::first_broken(windows, onset).max(felt));
    // Every turn goes on behind the one before, so the number of steps bounds the turns.
    while let Some(steady) = band.steady(outside.from, CONFIRMATION) {
        course.recovered = Some(band.entry(steady));
        match band.outside(steady) {
            Some(relapse) => outside = relapse,
            None => return Some(course),
        }
        course.relapses += 1;
    }
    course.recovered = None;
    Some(course)
}

/// Whether users are served as before the fault: since when, or since it was felt if they noticed
/// nothing over the whole test interval. None while that is not known.
pub fn recovered(record: &RunRecord) -> Option<Moment> {
    let Some(interval) = times::test_interval(record) else { return nothing_felt(record) };
    let over = interval.until;
    if !times::has_faults(record) {
        return (record.last >= over).then_some(interval.from);
    }
    let course = course(record)?;
    match course.impact {
        Some(_) => course.recovered,
        None => (course.watched.plus(WINDOW_MICROS) > over).then_some(course.felt),
    }
}

/// Nobody recovers from faults of which none acted: the end of the test phase is the end.
fn nothing_felt(record: &RunRecord) -> Option<Moment> {
    let tested = record.phase(Phase::Test)?;
    let planned = &record.plan()?.timeline;
    let missed = |fault: &PlannedFault| {
        record.faults.get(&fault.id).is_some_and(|known| known.not_felt.is_some())
    };
    (tested.end.is_some() && planned.iter().all(missed)).then_some(tested.start)
}

/// Whether nothing was left to do at the last looks since a moment: what the drain waits for.
pub fn quiet(record: &RunRecord, since: Moment) -> bool {
    pending::drained(record, since)
}

/// Impact start − fault felt.
pub(super) fn impact_delay(record: &RunRecord) -> Value {
    with_course(record, |course| match course.impact {
        Some(impact) => Value::Exact(impact.seconds_since(course.felt)),
        None => absent("users noticed nothing of the fault"),
    })
}

/// Recovered − fault felt; 0 if users noticed nothing.
pub(super) fn recovery(record: &RunRecord) -> Value {
    with_course(record, |course| since(course, course.felt))
}

/// Recovered − heal effective; 0 if users noticed nothing.
pub(super) fn after_heal(record: &RunRecord) -> Value {
    let healed = times::healed(record);
    with_course(record, |course| match healed {
        Some(healed) => since(course, healed),
        None => absent("nothing was healed"),
    })
}

/// Times that service left the band again after recovery.
pub(super) fn relapses(record: &RunRecord) -> Value {
    with_course(record, |course| match (course.impact, course.recovered) {
        (Some(_), None) if course.relapses == 0 => absent("service never recovered"),
        _ => Value::Exact(course.relapses as f64),
    })
}

/// Seconds in band / seconds of a stretch.
pub(super) fn time_in_band(record: &RunRecord, stretch: Option<Stretch>) -> Value {
    let Some(stretch) = stretch else { return super::availability::not_felt(record) };
    let band = Band::since(record, stretch.from);
    let seconds = (stretch.until.0 - stretch.from.0) / SECOND;
    let judged = (0..seconds).filter_map(|second| {
        let step = usize::try_from(second * SECOND / WINDOW_MICROS).ok()?;
        (step < band.steps.len()).then(|| band.holds(step)).flatten()
    });
    let (mut all, mut held) = (0_u64, 0_u64);
    for in_band in judged {
        all += 1;
        held += u64::from(in_band);
    }
    match all {
        0 => absent("there were too few requests to judge any second"),
        _ => Value::Exact(held as f64 / all as f64),
    }
}

fn since(course: Course, moment: Moment) -> Value {
    match (course.impact, course.recovered) {
        (None, _) => Value::Exact(0.0),
        (Some(_), Some(recovered)) => Value::Exact(recovered.seconds_since(moment)),
        (Some(_), None) => Value::AtLeast(course.watched.seconds_since(moment)),
    }
}

fn with_course(record: &RunRecord, of: impl Fn(Course) -> Value) -> Value {
    if !times::has_faults(record) {
        return absent("no fault was planned");
    }
    match course(record) {
        Some(course) => of(course),
        None => absent("no fault was felt, or there was no load since"),
    }
}
