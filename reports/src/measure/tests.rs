//! Measures on runs whose every request is known.

use chaos_scenarios::measure::Measure;
use proptest::prelude::*;

use super::tally::first_broken;
use super::{recovery, steady, stop_condition, value};
use crate::fabricated::plan::expect;
use crate::fabricated::{Fabricated, MS, RECOVERY, Request, S, TEST};
use crate::judge::Value;
use crate::reconcile::reconcile;
use crate::record::Moment;
use crate::record::window::{Late, Window};

/// A measure of a finished run.
fn seen(run: &Fabricated, measure: &str) -> Value {
    let record = run.record();
    let reconciled = reconcile(&record, &run.orders(), &run.final_state());
    let measure: Measure = measure.parse().expect("a measure");
    value(&measure, &record, reconciled.as_ref())
}

#[track_caller]
fn exactly(run: &Fabricated, measure: &str, expected: f64) {
    match seen(run, measure) {
        Value::Exact(value) => {
            assert!((value - expected).abs() < 1e-9, "{measure} is {value}, expected {expected}");
        }
        other => panic!("{measure} is {other:?}, expected {expected}"),
    }
}

#[track_caller]
fn about(run: &Fabricated, measure: &str, expected: f64, tolerance: f64) {
    match seen(run, measure) {
        Value::Exact(value) => assert!(
            (value - expected).abs() <= tolerance,
            "{measure} is {value}, expected {expected} ± {tolerance}"
        ),
        other => panic!("{measure} is {other:?}, expected {expected}"),
    }
}

#[track_caller]
fn absent(run: &Fabricated, measure: &str) {
    assert!(
        matches!(seen(run, measure), Value::Absent(_)),
        "{measure} is {:?}",
        seen(run, measure)
    );
}

/// Three seconds of nothing.
fn outage() -> Fabricated {
    Fabricated::run().outage(TEST..TEST + 3 * S)
}

#[test]
fn a_known_outage_costs_exactly_what_it_costs() {
    let run = outage();
    // Also the one that was in flight when the fault struck.
    exactly(&run, "availability", 901.0 / 1_201.0);
    exactly(&run, "availability.during-fault", 301.0 / 601.0);
    exactly(&run, "availability.accepted", 901.0 / 1_201.0);
    exactly(&run, "availability.completed", 901.0 / 1_201.0);
    exactly(&run, "availability.whole", 2_500.0 / 2_800.0);
    exactly(&run, "availability.time", 9.0 / 12.0);
    exactly(&run, "lost-requests", 300.0);
    exactly(&run, "resilience-loss", 100.0 * 100.0 / 101.0 + 200.0);
    exactly(&run, "error-budget", 300.0 / 1_201.0 * 12.0 / 2_592.0);
    exactly(&run, "impact-delay", 0.0);
    exactly(&run, "recovery", 3.0);
    exactly(&run, "recovery.after-heal", -3.0);
    exactly(&run, "recovery.full", 2.99);
    exactly(&run, "relapses", 0.0);
    exactly(&run, "restart", 1.0);
    exactly(&run, "p50", 0.020);
    exactly(&run, "sent", 3_100.0);
    exactly(&run, "fine", 3_100.0);
    exactly(&run, "rpo", 0.0);
    exactly(&run, "generator.lag", 0.000_2);
    exactly(&run, "generator.not-sent", 0.0);
    absent(&run, "host.memory-free");
    absent(&run, "availability.browse");
}

#[test]
fn a_test_interval_within_windows_is_split_by_due_times() {
    let felt = TEST + 130 * MS + 7;
    let run = Fabricated::run().fault(felt, RECOVERY).outage(felt..felt + S);
    // Two were in flight.
    exactly(&run, "availability", 1_102.0 / 1_202.0);
    let run = run.offset(4_321);
    about(&run, "availability", 1_100.0 / 1_200.0, 0.001);
}

#[test]
fn what_nobody_notices_is_tolerated() {
    let run = Fabricated::run();
    exactly(&run, "availability", 1.0);
    exactly(&run, "recovery", 0.0);
    exactly(&run, "recovery.after-heal", 0.0);
    exactly(&run, "recovery.full", 0.0);
    exactly(&run, "relapses", 0.0);
    absent(&run, "impact-delay");
    let one_bad = Fabricated::run().outage(TEST + S..TEST + S + MS);
    exactly(&one_bad, "recovery", 0.0);
}

/// One bad request in a second is within the band; the outage is what is told.
#[test]
fn a_single_error_before_or_after_an_outage_does_not_move_its_edges() {
    for early in [MS, 400 * MS, 899 * MS, 990 * MS] {
        let from = TEST + S + 37 * MS;
        let run = Fabricated::run()
            .rate(500)
            .outage(from..from + 2 * S)
            .outage(from - early..from - early + 2 * MS);
        let gap = 0.002;
        about(&run, "impact-delay", 1.037, 2.0 * gap);
        about(&run, "recovery", 3.037, gap);
    }
}

/// Of 500 requests a second 5 may be bad, which is 30 ms of an outage that hits a third of them.
#[test]
fn an_outage_of_some_requests_lasts_until_the_last_of_them() {
    for offset in [0, 20, 40, 60, 80].map(|millis| millis * MS) {
        let (from, until) = (TEST + offset, TEST + 2 * S + offset);
        let run = (from..until)
            .step_by(6_000)
            .fold(Fabricated::run().rate(500), |run, at| run.outage(at..at + 2 * MS));
        about(&run, "impact-delay", offset as f64 / 1e6, 0.006);
        about(&run, "recovery", 2.0 + offset as f64 / 1e6, 0.008);
    }
}

#[test]
fn what_never_comes_back_is_at_least_as_long_as_it_was_watched() {
    let run = Fabricated::run().outage(TEST + 2 * S..40 * S);
    assert_eq!(seen(&run, "recovery"), Value::AtLeast(22.0));
    assert_eq!(seen(&run, "recovery.after-heal"), Value::AtLeast(16.0));
    exactly(&run, "impact-delay", 2.0);
    absent(&run, "relapses");
    let short = Fabricated::run().outage(TEST..33 * S - 4_900 * MS);
    assert_eq!(seen(&short, "recovery"), Value::AtLeast(22.0), "five seconds are not confirmed");
}

#[test]
fn relapses_are_counted_and_move_the_recovery() {
    let run = outage().outage(20 * S..21 * S).outage(27 * S..27 * S + 30 * MS);
    exactly(&run, "relapses", 2.0);
    exactly(&run, "recovery", 16.03);
    exactly(&run, "impact-delay", 0.0);
    let late = outage().outage(31 * S..32 * S);
    exactly(&late, "relapses", 1.0);
    assert_eq!(seen(&late, "recovery"), Value::AtLeast(22.0));
}

#[test]
fn slow_service_is_not_an_impact_but_delays_recovery() {
    // The band ends at 70 ms: 50 ms above the baseline of 20 ms.
    let slow = |latency| Fabricated::run().slow(TEST + S..TEST + 4 * S, latency);
    exactly(&slow(71 * MS), "recovery", 0.0);
    about(&slow(71 * MS), "availability.time", 9.0 / 12.0, 1e-9);
    exactly(&slow(70 * MS), "availability.time", 1.0);
    let run = slow(71 * MS).outage(TEST..TEST + S);
    about(&run, "recovery", 4.0, 0.06);
    // Half above the baseline, where that is more.
    let run = Fabricated::run().latency(200 * MS).slow(TEST + S..TEST + 4 * S, 300 * MS);
    exactly(&run, "availability.time", 1.0);
}

#[test]
fn requests_in_flight_at_the_fault_belong_to_it() {
    let run = Fabricated::run().hang(TEST - 500 * MS..TEST);
    exactly(&run, "availability", 1_200.0 / 1_250.0);
    exactly(&run, "impact-delay", 0.0);
    exactly(&run, "recovery", 0.0);
    exactly(&run, "lost-requests", 50.0);
    let results = steady(&run.record(), &expect(&["availability == 100%", "p95 <= 20ms"]));
    assert!(results.iter().all(|result| result.held == Some(true)), "{results:?}");
    // The same requests, but ended before the fault: the baseline's own.
    let run = Fabricated::run().hang(TEST - 5 * S..TEST - 4_500 * MS);
    exactly(&run, "availability", 1.0);
    let results = steady(&run.record(), &expect(&["availability >= 99%"]));
    // Without the one that was in flight when the fault struck.
    assert_eq!(results[0].observed, Value::Exact(549.0 / 599.0));
}

/// Of requests that take 20 to 200 ms, a server that ends breaks some that were due long before it.
#[test]
fn what_trouble_broke_under_way_belongs_to_it() {
    let late = |due, end, good| Late { due: Moment(due * MS), end: Moment(end * MS), good };
    let window = |index, late| Window { index, late, ..Window::default() };
    let windows = [
        // One that waited in vain for long, one that was answered, one that was broken.
        window(5, vec![late(510, 3_510, false), late(520, 705, true), late(530, 703, false)]),
        window(6, vec![late(601, 703, false)]),
    ];
    assert_eq!(first_broken(&windows, Moment(640 * MS)), Moment(530 * MS));
    assert_eq!(first_broken(&windows, Moment(704 * MS)), Moment(704 * MS), "it began later");
}

#[test]
fn a_fault_that_takes_one_class_of_two_has_half_a_blast_radius() {
    exactly(&outage().with_browse(), "blast-radius", 0.5);
    exactly(&outage().with_browse(), "availability.browse", 1.0);
    exactly(&outage(), "blast-radius", 1.0);
    exactly(&Fabricated::run().with_browse(), "blast-radius", 0.0);
}

#[test]
fn work_that_waits_keeps_recovery_incomplete() {
    let run = Fabricated::run().pending(TEST + S..19 * S, 40);
    exactly(&run, "recovery", 0.0);
    exactly(&run, "recovery.full", 7.75);
    exactly(&run, "detection", 1.0);
    exactly(&Fabricated::run().pending(TEST..25 * S, 5), "recovery.full", 0.0);
    let baseline = Fabricated::run().pending(0..25 * S, 40);
    exactly(&baseline, "recovery.full", 0.0);
    let forever = Fabricated::run().pending(TEST..60 * S, 6);
    assert_eq!(seen(&forever, "recovery.full"), Value::AtLeast(23.75));
    absent(&Fabricated::run(), "detection");
}

#[test]
fn orders_that_are_taken_but_done_late_are_a_debt() {
    let run = Fabricated::run().completed_at(TEST..TEST + 3 * S, RECOVERY);
    exactly(&run, "availability", 1.0);
    exactly(&run, "availability.accepted", 1.0);
    exactly(&run, "availability.completed", 1_101.0 / 1_201.0);
    exactly(&run, "recovery", 0.0);
    exactly(&run, "recovery.full", 6.0);
}

#[test]
fn runs_without_a_fault_have_what_makes_sense_there() {
    let run = Fabricated::control();
    exactly(&run, "availability", 1.0);
    exactly(&run, "availability.completed", 1.0);
    for measure in ["recovery", "recovery.full", "impact-delay", "detection", "rpo", "restart"] {
        absent(&run, measure);
    }
    let faulty = Fabricated::control().outage(TEST..TEST + 3 * S);
    exactly(&faulty, "availability", 0.75);
}

#[test]
fn recovery_is_known_as_soon_as_it_is_confirmed() {
    let run = outage();
    let at = |moment| recovery::recovered(&run.record_until(moment)).map(|moment| moment.0);
    assert_eq!(at(TEST + 2 * S), None);
    assert_eq!(at(TEST + 7_900 * MS), None);
    assert_eq!(at(TEST + 8_200 * MS), Some(TEST + 3 * S));
    let tolerated = Fabricated::run();
    let at = |moment| recovery::recovered(&tolerated.record_until(moment)).map(|moment| moment.0);
    assert_eq!(at(TEST + 11_900 * MS), None);
    assert_eq!(at(TEST + 12_200 * MS), Some(TEST));
    let control = Fabricated::control();
    let at = |moment| recovery::recovered(&control.record_until(moment)).map(|moment| moment.0);
    assert_eq!((at(22 * S), at(23 * S)), (None, Some(TEST)));
}

#[test]
fn a_relapse_takes_back_a_recovery() {
    let run = outage().outage(20 * S..21 * S);
    let at = |moment| recovery::recovered(&run.record_until(moment)).map(|moment| moment.0);
    assert_eq!(at(19_500 * MS), Some(TEST + 3 * S));
    assert_eq!(at(22 * S), None);
    assert_eq!(at(26_200 * MS), Some(21 * S));
}

#[test]
fn drains_wait_for_three_empty_looks() {
    let run = Fabricated::run().pending(TEST..34 * S, 3);
    let quiet = |moment| recovery::quiet(&run.record_until(moment), crate::record::Moment(33 * S));
    assert!(!quiet(33_900 * MS));
    assert!(!quiet(34_400 * MS));
    assert!(quiet(34_500 * MS));
    let mut silent = run.clone();
    silent.plan.target.pending.clear();
    assert!(recovery::quiet(&silent.record_until(S), Moment(0)), "nobody is asked");
}

#[test]
fn stop_conditions_are_met_by_known_values_only() {
    let record = outage().record();
    let met = |text| stop_condition(&record, &expect(&[text]));
    assert_eq!(met("host.memory-free < 512MiB"), None, "never read");
    assert_eq!(met("availability < 50%"), None);
    let reason = met("availability < 80%").expect("it is 901 of 1201");
    assert_eq!(reason, "the stop condition `availability < 80%` was met: 75.021%");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The truth test: whatever rate, phase and outage, the ends of the impact are found within
    /// one gap between arrivals and 10 ms.
    #[test]
    fn the_ends_of_an_outage_are_found_within_a_gap(
        rate in 100_u64..1_500, offset in 0_u64..10_000,
        start in 0_u64..2_000_000, length in 200_000_u64..6_000_000,
    ) {
        let (from, until) = (TEST + start, TEST + start + length);
        let run = Fabricated::run().rate(rate).offset(offset).outage(from..until);
        let record = run.record();
        let course = recovery::course(&record).expect("it was felt");
        let tolerance = S / rate + 10 * MS;
        let impact = course.impact.expect("it was noticed").0;
        prop_assert!(impact.abs_diff(from) <= tolerance, "impact {impact}, truth {from}");
        let recovered = course.recovered.expect("it ended").0;
        prop_assert!(recovered.abs_diff(until) <= tolerance, "recovered {recovered}, truth {until}");
        prop_assert_eq!(course.relapses, 0);
        let bad = run.requests().iter().filter(|request| !request.good).count() as f64;
        let interval = TEST..TEST + 12 * S;
        let counts = |it: &&Request| interval.contains(&it.due) || it.due < TEST && it.end > TEST;
        let due = run.requests().iter().filter(counts).count() as f64;
        let availability = value(&Measure::Availability, &record, None);
        let Value::Exact(availability) = availability else { panic!("it is known") };
        // Where due times are no whole microseconds, one request more or less may be in flight.
        let one = bad / due / due + 1e-9;
        prop_assert!((availability - (1.0 - bad / due)).abs() <= one, "{availability}");
    }
}
