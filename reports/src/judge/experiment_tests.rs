//! Cells and exit codes.

use chaos_scenarios::plan::RunKind;
use proptest::prelude::*;

use super::report::{Beside, ExperimentHeader, ExperimentReport, RunReport};
use super::{Flag, Judgement, Verdict, exit_code, judge};
use crate::fabricated::Fabricated;
use crate::record::event::{Ending, Host};
use crate::record::final_state::FinalState;
use crate::record::run_record::RunRecord;

fn judgement(verdict: Verdict) -> Judgement {
    let empty = judge(&RunRecord::default(), &[], &FinalState::default());
    Judgement { verdict, reasons: vec![verdict.name().to_owned()], ..empty }
}

fn run(target: &str, kind: RunKind, repeat: u32, verdict: Verdict) -> RunReport {
    let mut plan = Fabricated::run().plan;
    (plan.target.name, plan.kind, plan.repeat) = (target.to_owned(), kind, repeat);
    plan.not_applicable =
        (verdict == Verdict::NotApplicable).then(|| "it has no broker".to_owned());
    let id = format!("app-down/{target}@hardened/{kind:?}-{repeat}");
    let record = RunRecord::default();
    RunReport {
        folder: format!("runs/{id}"),
        id,
        plan: (&plan).into(),
        record,
        judgement: judgement(verdict),
    }
}

fn report(runs: Vec<RunReport>) -> ExperimentReport {
    let header = ExperimentHeader {
        experiment: "abc".to_owned(),
        seed: 7,
        started: 0,
        version: "0.1.0".to_owned(),
        host: Host::default(),
        command: "chaos run app-down --seed 7".to_owned(),
    };
    ExperimentReport::new(header, runs, Beside::default())
}

fn code_of(verdicts: &[Verdict]) -> u8 {
    let runs = (1..).zip(verdicts).map(|(n, verdict)| run("monolith", RunKind::Fault, n, *verdict));
    exit_code(&report(runs.collect()), false, false)
}

#[test]
fn repeats_count_as_their_worst_and_are_flaky_if_they_disagree() {
    let mut dirty = run("broker", RunKind::Fault, 2, Verdict::Deviated);
    dirty.judgement.flags.push(Flag::Dirty);
    let report = report(vec![
        run("monolith", RunKind::Fault, 1, Verdict::NotApplicable),
        run("monolith", RunKind::Control, 1, Verdict::Held),
        run("broker", RunKind::Fault, 1, Verdict::Held),
        dirty,
        run("pipeline", RunKind::Control, 1, Verdict::Held),
        run("pipeline", RunKind::Control, 2, Verdict::Held),
    ]);
    let [monolith, broker, pipeline] = report.cells.as_slice() else {
        panic!("{:?}", report.cells)
    };
    assert_eq!(monolith.verdict, Verdict::NotApplicable);
    assert_eq!(monolith.not_applicable.as_deref(), Some("it has no broker"));
    assert_eq!(monolith.control.as_deref(), Some("app-down/monolith@hardened/Control-1"));
    assert_eq!(
        (broker.verdict, broker.flags.as_slice()),
        (Verdict::Deviated, &[Flag::Dirty, Flag::Flaky][..])
    );
    assert_eq!((broker.runs.len(), &broker.control), (2, &None));
    // A scenario without faults has its controls as its runs.
    assert_eq!(
        (pipeline.verdict, pipeline.runs.len(), &pipeline.control),
        (Verdict::Held, 2, &None)
    );
    assert!(pipeline.flags.is_empty());
    assert!(report.run(&pipeline.runs[1]).is_some());
}

#[test]
fn exit_codes_have_their_precedence() {
    use Verdict::{
        Aborted, Deviated, Error, Held, Inconclusive, Interrupted, NotApplicable, NotSteady,
    };
    assert_eq!(code_of(&[Held, Held]), 0);
    assert_eq!(code_of(&[Held, NotApplicable]), 0);
    assert_eq!(code_of(&[Held, Inconclusive]), 4);
    assert_eq!(code_of(&[Inconclusive, Deviated]), 1);
    assert_eq!(code_of(&[Deviated, Aborted]), 5);
    assert_eq!(code_of(&[Aborted, NotSteady]), 3);
    assert_eq!(code_of(&[Aborted, Error]), 3);
    assert_eq!(code_of(&[Error, Interrupted]), 130);
    let mut terminated = run("monolith", RunKind::Fault, 1, Interrupted);
    terminated.record.ending = Some(Ending::Interrupted { signal: "SIGTERM".to_owned() });
    assert_eq!(exit_code(&report(vec![terminated.clone()]), true, false), 143);
    terminated.judgement.flags.push(Flag::Dirty);
    assert_eq!(exit_code(&report(vec![terminated]), true, false), 6);
}

#[test]
fn what_tested_nothing_is_never_green() {
    assert_eq!(exit_code(&report(Vec::new()), false, false), 4);
    assert_eq!(code_of(&[Verdict::NotApplicable]), 4);
    let stand_in = vec![
        run("monolith", RunKind::Fault, 1, Verdict::NotApplicable),
        run("monolith", RunKind::Control, 1, Verdict::Held),
    ];
    assert_eq!(exit_code(&report(stand_in), false, false), 4);
    // A baseline is a scenario of its own.
    let baseline = vec![run("monolith", RunKind::Control, 1, Verdict::Held)];
    assert_eq!(exit_code(&report(baseline), false, false), 0);
}

#[test]
fn what_this_machine_lacks_fails_where_all_is_required() {
    let mut lacking = run("monolith", RunKind::Fault, 1, Verdict::Inconclusive);
    lacking.judgement.reasons = vec!["host: NFQUEUE is missing".to_owned()];
    let lacking = report(vec![lacking]);
    assert_eq!(exit_code(&lacking, false, false), 4);
    assert_eq!(exit_code(&lacking, false, true), 3);
    let other = report(vec![run("monolith", RunKind::Fault, 1, Verdict::Inconclusive)]);
    assert_eq!(exit_code(&other, false, true), 4);
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    proptest::sample::select(vec![
        Verdict::NotApplicable,
        Verdict::Held,
        Verdict::Inconclusive,
        Verdict::Aborted,
        Verdict::Deviated,
        Verdict::NotSteady,
        Verdict::Error,
        Verdict::Interrupted,
    ])
}

proptest! {
    #[test]
    fn exit_zero_masks_only_what_it_may(verdicts in proptest::collection::vec(any_verdict(), 0..6)) {
        let runs = (1..).zip(&verdicts).map(|(n, it)| run("monolith", RunKind::Fault, n, *it));
        let report = report(runs.collect());
        let (plain, masked) = (exit_code(&report, false, false), exit_code(&report, true, false));
        prop_assert_eq!(masked, if matches!(plain, 1 | 4 | 5) { 0 } else { plain });
        let green = verdicts.iter().all(|it| matches!(it, Verdict::Held | Verdict::NotApplicable))
            && verdicts.contains(&Verdict::Held);
        prop_assert_eq!(plain == 0, green);
    }
}
