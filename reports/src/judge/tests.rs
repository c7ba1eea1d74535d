//! Verdicts on fabricated runs: what holds, what deviates, and above all what tells nothing.

use chaos_scenarios::measure::{Fate, Measure};
use chaos_scenarios::plan::Need;

use super::{Flag, Judgement, Value, Verdict, judge};
use crate::fabricated::plan::{endpoint, replica};
use crate::fabricated::{Fabricated, MS, S, TEST};
use crate::reconcile::tests::auditors::{checked, database_of};
use crate::record::Moment;
use crate::record::event::{CpuKept, Ending, Entry, Event};
use crate::record::final_state::FinalState;
use crate::record::order::OrderRecord;
use crate::record::run_record::RunRecord;

#[track_caller]
fn verdict(judgement: &Judgement, verdict: Verdict, reason: &str) {
    assert_eq!(judgement.verdict, verdict, "{:?}", judgement.reasons);
    assert!(judgement.reasons[0].contains(reason), "{:?}", judgement.reasons);
}

fn outage() -> Fabricated {
    Fabricated::run().outage(TEST..TEST + 3 * S)
}

/// The judgement of a run of which something in the record is changed.
fn judged_with(run: &Fabricated, change: impl FnOnce(&mut RunRecord)) -> Judgement {
    let mut record = run.record();
    change(&mut record);
    judge(&record, &run.orders(), &run.final_state())
}

#[test]
fn a_run_that_does_what_is_expected_holds() {
    let judgement = outage().judge();
    verdict(&judgement, Verdict::Held, "all 3 expectations held");
    assert_eq!(judgement.flags, []);
    assert_eq!(judgement.in_flight, Some(1));
    let marks = judgement.marks;
    assert_eq!((marks.felt, marks.healed), (Some(Moment(TEST)), Some(Moment(17 * S))));
    assert_eq!((marks.impact, marks.recovered), (Some(Moment(TEST)), Some(Moment(14 * S))));
    assert_eq!(marks.ready, Some(Moment(18 * S)));
    assert_eq!(marks.recovered_fully, Some(Moment(TEST + 2_990 * MS)));
    assert_eq!(marks.test_interval, Some((Moment(TEST), Moment(TEST + 12 * S))));
    assert_eq!(judgement.completions[2..6], [98, 100, 100, 100]);
    assert_eq!(judgement.completions.iter().sum::<u64>(), 2_800);
    let reconciliation = judgement.reconciliation.expect("there are orders");
    assert_eq!(reconciliation.fates[&Fate::Fine], 3_100);
    assert_eq!(judgement.measures[&Measure::Availability], Value::Exact(901.0 / 1_201.0));
    assert_eq!(judgement.measures.len(), Measure::all().count() + 1);
}

#[test]
fn a_run_that_does_something_else_deviates_and_says_what() {
    let run = outage().expect(&["recovery < 2s", "lost == 0"]);
    verdict(&run.judge(), Verdict::Deviated, "`recovery < 2s` is expected, 3s was seen");
    let never = Fabricated::run().outage(TEST..40 * S);
    verdict(&never.judge(), Verdict::Deviated, "`recovery < 30s` is expected, at least 22s");
}

#[test]
fn lost_orders_deviate_however_badly_the_rest_was_measured() {
    let run = outage();
    let mut state = run.final_state();
    state.rows.retain(|row| !serde_json::to_string(row).expect("plain data").contains("order-5\""));
    let judgement = judge(&run.record(), &run.orders(), &state);
    verdict(&judgement, Verdict::Deviated, "`lost == 0` is expected, 1 was seen");
    let mut late = run.record();
    late.generator.lag.insert(50_000, 1_000);
    verdict(&judge(&late, &run.orders(), &state), Verdict::Deviated, "lost");
}

#[test]
fn broken_conservation_deviates_where_all_safeguards_are_on() {
    let mut run = outage();
    let mut state = run.final_state();
    state.rows.pop().expect("the stock");
    let stock = crate::record::final_state::AuditRow::Stock {
        sku: "SKU-1".into(),
        initial: 10,
        available: 9,
        reserved: 0,
        consumed: 0,
    };
    let source = endpoint("/audit").to_string();
    state.rows.push(crate::record::final_state::SourcedRow::told(source.as_str(), stock));
    let judgement = judge(&run.record(), &run.orders(), &state);
    verdict(&judgement, Verdict::Deviated, "invariant I5 is broken");
    run.plan.mode = "naive".to_owned();
    verdict(&judge(&run.record(), &run.orders(), &state), Verdict::Held, "held");
}

#[test]
fn two_auditors_that_disagree_deviate_in_every_mode() {
    let mut run = outage();
    run.plan.mode = "naive".to_owned();
    let mut state = run.final_state();
    let record = checked(run.record());
    let database = database_of(&state);
    state.rows.extend(database.clone());
    verdict(&judge(&record, &run.orders(), &state), Verdict::Held, "held");
    state.rows.pop();
    let judgement = judge(&record, &run.orders(), &state);
    verdict(&judgement, Verdict::Deviated, "invariant A1 is broken");
    let mut silent = record;
    silent.audited.retain(|(source, _)| source.starts_with("http"));
    let judgement = judge(&silent, &run.orders(), &run.final_state());
    let reason = "the audit could not be checked: postgres://db:5432/shop was never read";
    verdict(&judgement, Verdict::Inconclusive, reason);
}

#[test]
fn whatever_makes_the_measurement_invalid_is_inconclusive() {
    type Change = fn(&mut RunRecord);
    let changes: [(Change, &str); 13] = [
        (|r| r.generator.sent = 0, "not one request was sent"),
        (|r| r.faults.clear(), "the fault `kill app` was not felt: it was never injected"),
        (|r| not_felt(r), "the fault `kill app` was not felt: it still answers"),
        (|r| heal_at(r, TEST + 3 * S), "was over after 3s instead of 6s"),
        (|r| start_at(r, TEST + 2 * S), "was over after 2s instead of 6s"),
        (|r| r.load_ended = Some(Moment(20 * S)), "the load ended at 20.000 s"),
        (|r| late(r), "generator.lag is 11ms, at most 10ms is valid"),
        (|r| r.generator.not_sent = 4, "generator.not-sent is 0.129%, at most 0.1% is valid"),
        (|r| r.cpu_kept.stolen = 800_000, "to other machines: 8% of the time, at most 5% is valid"),
        (|r| r.cpu_kept.pressed = Some(600_000), "while it had work: 6% of the time"),
        (|r| r.generator.panics = 2, "2 requests failed within the load generator"),
        (
            |r| r.generator.engine_requests = Some(7),
            "3100 requests were sent, but the load engine counted 7",
        ),
        (|r| r.audited.clear(), "the final state of http://app:9090/audit was never read"),
    ];
    for (change, reason) in changes {
        let judgement = judged_with(&outage(), |record| {
            record.cpu_kept = kept(500_000, None);
            change(record);
        });
        verdict(&judgement, Verdict::Inconclusive, reason);
    }
}

/// Of ten seconds.
fn kept(stolen: u64, pressed: Option<u64>) -> CpuKept {
    CpuKept { elapsed: 10 * S, stolen, pressed }
}

#[test]
fn cores_that_are_shared_a_little_or_before_the_baseline_do_no_harm() {
    let a_little = kept(500_000, Some(500_000));
    let judgement = judged_with(&outage(), |record| record.cpu_kept = a_little);
    verdict(&judgement, Verdict::Held, "held");
    let mut record = RunRecord::default();
    let entries = outage().entries();
    for (at, stolen) in [(4, 9 * S), (8, 1_000), (20, 2_000), (34, 9 * S)] {
        let since = record.last;
        let known = entries.iter().filter(|entry| entry.at > since && entry.at.0 <= at * S);
        known.for_each(|entry| record.apply(entry));
        let event = Event::HarnessCpu(kept(stolen, None));
        record.apply(&Entry { seq: 0, at: Moment(at * S), event });
    }
    assert_eq!(record.cpu_kept, CpuKept { elapsed: 20 * S, stolen: 3_000, pressed: None });
}

fn late(record: &mut RunRecord) {
    record.generator.lag.insert(11_000, 100);
}

fn not_felt(record: &mut RunRecord) {
    let fault = record.faults.get_mut(&1).expect("the fault");
    (fault.felt, fault.not_felt) = (None, Some("it still answers".to_owned()));
}

fn heal_at(record: &mut RunRecord, moment: u64) {
    record.faults.get_mut(&1).expect("the fault").healed = Some(Moment(moment));
}

fn start_at(record: &mut RunRecord, moment: u64) {
    let mut start = record.container_events[0].clone();
    assert_eq!(start.replica, replica());
    (start.action, start.happened) = ("start".to_owned(), Moment(moment));
    record.container_events.push(start);
}

#[test]
fn a_run_that_tested_nothing_is_never_green() {
    let nothing = Fabricated::run().outage(0..60 * S);
    verdict(&nothing.judge(), Verdict::Inconclusive, "not one request was good");
    let unsteady = Fabricated::run().outage(6 * S..9 * S);
    verdict(&unsteady.judge(), Verdict::Inconclusive, "before the fault, `availability >= 99%`");
    let few = Fabricated::run().rate(3);
    verdict(&few.judge(), Verdict::Inconclusive, "only 18 requests were due during the fault");
    // In a mode that may have orders without an attempt.
    let mut run = Fabricated::run();
    run.plan.mode = "naive".to_owned();
    let before = |order: &OrderRecord| order.due < Moment(TEST) || order.due > Moment(17 * S);
    let orders: Vec<OrderRecord> = run.orders().into_iter().filter(before).collect();
    let judgement = judge(&run.record(), &orders, &run.final_state());
    verdict(&judgement, Verdict::Inconclusive, "no order was due during the fault (6s)");
    let mut needing = Fabricated::run().fault(TEST + 25 * MS, 17 * S).latency(MS);
    needing.plan.needs.push(Need::InFlight);
    verdict(&needing.judge(), Verdict::Inconclusive, "no order was in flight");
    // One that ends badly while the fault sets in was in flight, whenever that was told of.
    let struck = needing.outage(TEST..17 * S);
    assert!(struck.judge().in_flight.is_some_and(|orders| orders > 0));
    verdict(&run.clone().expect(&[]).judge(), Verdict::Inconclusive, "nothing is expected");
    let unknown = run.expect(&["impact-delay < 1s"]);
    verdict(&unknown.judge(), Verdict::Inconclusive, "`impact-delay < 1s` is expected, unknown");
}

#[test]
fn how_a_run_ended_comes_first() {
    let endings = [
        (Ending::Error { message: "no space".to_owned() }, Verdict::Error, "no space"),
        (Ending::Interrupted { signal: "SIGINT".to_owned() }, Verdict::Interrupted, "SIGINT"),
        (Ending::NotSteady { reason: "p95".to_owned() }, Verdict::NotSteady, "p95"),
        (Ending::Aborted { reason: "memory".to_owned() }, Verdict::Aborted, "memory"),
    ];
    for (ending, expected, reason) in endings {
        let judgement = judged_with(&outage(), |record| record.ending = Some(ending));
        verdict(&judgement, expected, reason);
    }
    let torn = judged_with(&outage(), |record| record.ending = None);
    verdict(&torn, Verdict::Error, "the harness died");
}

#[test]
fn what_could_not_be_undone_is_dirty() {
    let dirty = judged_with(&outage(), |record| record.residue.push("app-1".to_owned()));
    assert_eq!((dirty.verdict, dirty.flags), (Verdict::Held, vec![Flag::Dirty]));
    let dirty = judged_with(&outage(), |record| {
        record.faults.get_mut(&1).expect("the fault").heal_failed = Some("refused".to_owned());
    });
    assert_eq!(dirty.flags, [Flag::Dirty]);
}

#[test]
fn plans_that_are_not_run_say_why() {
    let mut record = RunRecord::default();
    let mut plan = Fabricated::run().plan;
    plan.host_lacks = Some("NFQUEUE is missing".to_owned());
    record.plan = Some(Box::new(plan.clone()));
    let judged = |record: &RunRecord| judge(record, &[], &FinalState::default());
    verdict(&judged(&record), Verdict::Inconclusive, "host: NFQUEUE is missing");
    plan.not_applicable = Some("no broker".to_owned());
    record.plan = Some(Box::new(plan));
    verdict(&judged(&record), Verdict::NotApplicable, "no broker");
}

#[test]
fn a_control_is_judged_without_what_only_faults_have() {
    let run = Fabricated::control().expect(&["availability >= 99%", "recovery < 10s"]);
    let judgement = run.judge();
    verdict(&judgement, Verdict::Held, "the expectation held");
    assert_eq!(judgement.expectations.len(), 1);
    let unsteady = run.outage(15 * S..16 * S);
    verdict(&unsteady.judge(), Verdict::Deviated, "`availability >= 99%`");
}

/// Whatever was written before the harness died can be judged: no prefix of a journal panics, and
/// none but the whole one is green.
#[test]
fn every_prefix_of_a_journal_can_be_judged() {
    let run = outage().rate(20).pending(TEST..TEST + S, 9);
    let (orders, state) = (run.orders(), run.final_state());
    let entries = run.entries();
    let mut record = RunRecord::default();
    let early = |entry: &Entry| orders.partition_point(|order| order.due <= entry.at);
    for entry in &entries {
        record.apply(entry);
        let judgement = judge(&record, &orders[..early(entry)], &state);
        let over = matches!(entry.event, Event::Ended { .. });
        assert_eq!(judgement.verdict == Verdict::Held, over, "{:?}", judgement.reasons);
        if let Some(known) = judgement.reconciliation {
            assert_eq!(known.fates.values().sum::<u64>(), known.sent);
        }
    }
}
