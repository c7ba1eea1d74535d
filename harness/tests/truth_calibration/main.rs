//! The instrument against outages and response times that are known: how far every figure of a
//! report is from the truth, as a table, and whether that is within what is promised.

#![allow(clippy::print_stderr, reason = "a test that prints its figures")]

use std::path::Path;
use std::process::Command;

use chaos_harness::calibration::case::Case;
use chaos_harness::calibration::compare::{Error, Figure, is_informal};
use chaos_harness::calibration::suite::{Row, all, few, measure};
use chaos_harness::calibration::table::render;
use chaos_harness::stop::Stop;

/// How often each case is measured, in the long form unless the environment says otherwise.
const REPEATS: u32 = 3;

fn calibrate(cases: Vec<Case>, repeats: u32) {
    let program = Path::new(env!("CARGO_BIN_EXE_chaos"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut rows: Vec<Row> = Vec::new();
    let mut failed: Vec<String> = Vec::new();
    for case in cases.into_iter().filter(is_asked) {
        let measured = runtime.block_on(measure(case, repeats, program, &Stop::default()));
        match measured {
            Ok(row) => {
                row.runs.iter().for_each(|run| eprintln!("{}: {}", about(&case), signed(run)));
                row.refused.iter().for_each(|why| eprintln!("{}: refused: {why}", about(&case)));
                rows.push(row);
            }
            Err(error) => {
                eprintln!("{}: {error}", about(&case));
                failed.push(error.to_string());
            }
        }
    }
    eprintln!("{}", render(&rows));
    failed.extend(rows.iter().filter(|row| !is_informal(&row.case)).flat_map(complaints));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Whether the environment asks for a case, by a part of what it is called.
fn is_asked(case: &Case) -> bool {
    let asked = std::env::var("CALIBRATION_ONLY").unwrap_or_default();
    let name = about(case);
    asked.split(',').all(|part| name.contains(part.trim()))
}

/// Every error with its sign: above zero is too late, too good or too slow.
fn signed(run: &[Error]) -> String {
    let errors = run.iter().map(|it| format!("{} {}", it.figure.name(), it.figure.show(it.error)));
    errors.collect::<Vec<_>>().join(", ")
}

fn about(case: &Case) -> String {
    format!("{} at {}/s by {}", case.name, case.rate, case.engine)
}

/// Ends of outages and availability must be right in every run, percentiles in the median: what a host
/// takes to wake a process is in the reported ones, and not in what the stub knows.
fn complaints(row: &Row) -> Vec<String> {
    let about = about(&row.case);
    let mut said = Vec::new();
    for figure in Figure::ALL {
        let (sizes, Some(bound)) = row.sizes(figure) else { continue };
        let of_many = matches!(figure, Figure::P50 | Figure::P95 | Figure::P99);
        let judged = if of_many { sizes.get(sizes.len() / 2) } else { sizes.last() };
        if let Some(off) = judged.filter(|off| **off > bound) {
            let (off, bound) = (figure.show(*off), figure.show(bound));
            said.push(format!(
                "{about}: {} is off by {off}, at most {bound} is allowed",
                figure.name()
            ));
        }
    }
    if row.runs.is_empty() {
        said.push(format!("{about}: no run measured anything: {:?}", row.refused));
    }
    said
}

#[test]
fn known_outages_are_told_as_they_were() {
    let cases = few();
    assert_eq!(cases.len(), 4, "one of them has another name");
    calibrate(cases, REPEATS);
}

#[test]
#[ignore = "takes most of an hour: ci/calibration"]
fn every_known_outage_is_told_as_it_was() {
    let asked = std::env::var("CALIBRATION_REPEATS").ok().and_then(|text| text.parse().ok());
    calibrate(all(), asked.unwrap_or(REPEATS));
}

#[test]
fn the_short_form_tells_the_error_bars_of_this_machine() {
    let output = Command::new(env!("CARGO_BIN_EXE_chaos"))
        .args(["doctor", "--calibrate", "--output", "json"])
        .output()
        .expect("the program can be started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    eprintln!("{told:#}");
    for engine in ["goose", "direct"] {
        let trials = told["trials"].as_array().expect("a list");
        let first = trials.iter().find(|trial| trial["engine"] == engine).expect("it was tried");
        assert!(first["lag_micros"]["p99"].as_u64() > Some(0), "{first}");
    }
    let outage = &told["outage"];
    let [figures, refused] = ["errors", "refused"].map(|list| outage[list].as_array());
    let (figures, refused) = (figures.expect("a list"), refused.expect("a list"));
    assert_ne!(figures.is_empty(), refused.is_empty(), "either it measured or it says why not");
    let named = |name: &str| figures.iter().any(|it| it["figure"] == name);
    let all = ["start", "end", "availability", "p50", "p95", "p99"];
    assert!(figures.is_empty() || all.into_iter().all(named), "{outage}");
}
