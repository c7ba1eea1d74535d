//! Which runs a calibration makes, how often, and what they say together.

use std::path::Path;

use chaos_scenarios::quantity::Span;
use chaos_scenarios::workload::Arrival;

use super::CalibrationError;
use super::case::{Case, Lengths};
use super::compare::{Compared, Error, Figure, compare};
use super::conduct::conduct;
use super::stub::Trouble;
use crate::stop::Stop;

/// A run that tells nothing by its own rules is made again at most so often.
const ATTEMPTS: u32 = 4;
/// An answer that takes so long is not good, microseconds.
const TOO_SLOW: u64 = 400_000;

/// All runs of one case.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What they were about.
    pub case: Case,
    /// The errors of each run that measured something.
    pub runs: Vec<Vec<Error>>,
    /// Why other runs told nothing, by their own word.
    pub refused: Vec<String>,
}

impl Row {
    /// The sizes of the errors of a figure, ascending, and their bound.
    pub fn sizes(&self, figure: Figure) -> (Vec<f64>, Option<f64>) {
        let errors: Vec<&Error> =
            self.runs.iter().flatten().filter(|error| error.figure == figure).collect();
        let mut sizes: Vec<f64> = errors.iter().map(|error| error.error.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        (sizes, errors.iter().filter_map(|error| error.bound).reduce(f64::max))
    }
}

/// Every case, at every rate, on both engines.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for rate in [100.0, 500.0, 5_000.0] {
        for engine in ["goose", "direct"] {
            cases.extend(kinds(rate, engine));
        }
    }
    cases.extend(kinds(20.0, "goose"));
    cases
}

/// A few cases: what breaks requests under way, what is never answered, few and many requests, by both
/// engines.
pub fn few() -> Vec<Case> {
    let picked = [("hang", "goose"), ("refused, 700 ms after the fault", "direct")];
    let mut cases: Vec<Case> = picked
        .into_iter()
        .flat_map(|(name, engine)| {
            kinds(500.0, engine).into_iter().filter(move |case| case.name == name)
        })
        .collect();
    cases.push(Case::new("refused", Trouble::Refuse, 100.0, "goose"));
    cases.push(Case::new("errors", Trouble::Error, 5_000.0, "direct"));
    cases
}

fn kinds(rate: f64, engine: &'static str) -> Vec<Case> {
    let case = |name, trouble| Case::new(name, trouble, rate, engine);
    let mut delayed = case("refused, 700 ms after the fault", Trouble::Refuse);
    delayed.delay = Span::milliseconds(700);
    let mut some = case("errors, 30 % of requests", Trouble::Error);
    some.share = 0.3;
    let mut noisy = case("hang, beside 0.4 % errors at any time", Trouble::Hang);
    (noisy.setup.noise, noisy.delay) = (0.004, Span::milliseconds(700));
    let mut random = case("errors, random arrivals", Trouble::Error);
    random.arrival = Arrival::Poisson;
    let kinds = vec![
        case("refused", Trouble::Refuse),
        case("hang", Trouble::Hang),
        case("errors", Trouble::Error),
        case("slow", Trouble::Slow(TOO_SLOW)),
        case("wrong answers", Trouble::Wrong),
        case("half-closed", Trouble::HalfClose),
        case("frozen", Trouble::Freeze),
        delayed,
        some,
        noisy,
        random,
    ];
    kinds.into_iter().map(lengthened).collect()
}

/// At low rates it takes longer until so many requests have come that something can be said.
fn lengthened(mut case: Case) -> Case {
    if case.rate < 500.0 {
        let Lengths { baseline, outage, horizon, .. } = &mut case.lengths;
        (*baseline, *outage, *horizon) = (Span::seconds(4), Span::seconds(3), Span::seconds(10));
    }
    case
}

/// Makes the runs of a case until `repeats` of them have measured something.
pub async fn measure(
    case: Case,
    repeats: u32,
    program: &Path,
    stop: &Stop,
) -> Result<Row, CalibrationError> {
    let mut row = Row { case, runs: Vec::new(), refused: Vec::new() };
    for attempt in 0..repeats * ATTEMPTS {
        if row.runs.len() as u64 == u64::from(repeats) {
            break;
        }
        let run = conduct(case, u64::from(attempt), program, stop.clone()).await?;
        match compare(&run)? {
            Compared::Measured(errors) => row.runs.push(errors),
            Compared::Refused(reasons) => row.refused.push(reasons.join("; ")),
        }
    }
    Ok(row)
}
