//! What was reported against what is true, and how far they may lie apart.

use chaos_reports::judge::{Value, Verdict};
use chaos_scenarios::measure::Measure;

use super::CalibrationError;
use super::case::Case;
use super::conduct::Conducted;
use super::truth::{self, Truth};

/// On top of one gap between arrivals, the beginning and the end of an outage may be off by this,
/// seconds.
const EDGE_SLACK: f64 = 0.010;
/// Availability may be off by this; where one request is more than that, by one request.
const AVAILABILITY: f64 = 0.001;
/// Percentiles may be off by this, relative.
const PERCENTILE: f64 = 0.01;
/// Shorter true percentiles are not compared: on the way between the stub and the generator, loopback
/// and the wake-ups of two processes take 0.2 to 0.6 ms (measured on two cores), which is not the
/// stub's, microseconds.
const SHORTEST: u64 = 50_000;

/// A figure that is calibrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// First bad request of the impact, seconds.
    Start,
    /// First request after it, seconds.
    End,
    /// Share of good requests.
    Availability,
    /// Percentiles of the response time, relative.
    P50,
    /// 95th.
    P95,
    /// 99th.
    P99,
    /// From the outage to the first sign of the target itself, seconds. It has no bound of its own:
    /// readiness is looked at four times a second.
    Detection,
}

impl Figure {
    /// Every figure, as tables show them.
    pub const ALL: [Self; 7] = [
        Self::Start,
        Self::End,
        Self::Availability,
        Self::P50,
        Self::P95,
        Self::P99,
        Self::Detection,
    ];

    /// The name in tables and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Availability => "availability",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Detection => "detection",
        }
    }

    /// An error of it as a person reads it.
    pub fn show(self, error: f64) -> String {
        match self {
            Self::Start | Self::End | Self::Detection => format!("{:.1} ms", error * 1e3),
            Self::Availability => format!("{:.3} points", error * 1e2),
            Self::P50 | Self::P95 | Self::P99 => format!("{:.2} %", error * 1e2),
        }
    }
}

/// One figure of one run: reported − true, and what is allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Error {
    /// Which.
    pub figure: Figure,
    /// Reported − true, in the unit of the figure; relative for percentiles.
    pub error: f64,
    /// Largest that is allowed; none where nothing is promised.
    pub bound: Option<f64>,
}

impl Error {
    /// Whether it is within its bound.
    pub fn is_within(&self) -> bool {
        self.bound.is_none_or(|bound| self.error.abs() <= bound)
    }
}

/// What the comparison of a run says.
#[derive(Debug, Clone, PartialEq)]
pub enum Compared {
    /// The run measured something: how well.
    Measured(Vec<Error>),
    /// By its own rules the run tells nothing, with the reasons.
    Refused(Vec<String>),
}

/// Sets what a run reported against the truth.
pub fn compare(run: &Conducted) -> Result<Compared, CalibrationError> {
    let reasons = run.judgement.reasons.clone();
    match run.judgement.verdict {
        Verdict::Held => {}
        Verdict::Inconclusive | Verdict::NotSteady => return Ok(Compared::Refused(reasons)),
        // The audit of the stub tells what it did, so nothing can be wrong with an order.
        other => {
            let said = format!("`{}` is judged {}: {reasons:?}", run.case.name, other.name());
            return Err(CalibrationError(said));
        }
    }
    let truth = truth::of(run)?;
    if truth.repeated > 0 {
        return Err(CalibrationError(format!("{} orders were sent twice", truth.repeated)));
    }
    let mut errors = edges(run, &truth)?;
    errors.push(availability(run, &truth)?);
    let percentiles = [
        (Figure::P50, Measure::P50, 0.5),
        (Figure::P95, Measure::P95, 0.95),
        (Figure::P99, Measure::P99, 0.99),
    ];
    for (figure, measure, share) in percentiles {
        let truly = truth.latencies.quantile(share).filter(|micros| *micros >= SHORTEST);
        let (Some(truly), Value::Exact(seconds)) = (truly, &run.judgement.measures[&measure])
        else {
            continue;
        };
        let error = seconds * 1e6 / truly as f64 - 1.0;
        errors.push(Error { figure, error, bound: Some(PERCENTILE) });
    }
    errors.extend(detection(run, &truth));
    Ok(Compared::Measured(errors))
}

fn edges(run: &Conducted, truth: &Truth) -> Result<Vec<Error>, CalibrationError> {
    let marks = &run.judgement.marks;
    let (Some(impact), Some(recovered)) = (marks.impact, marks.recovered) else {
        let said = format!("no impact or no recovery was seen in `{}`: {marks:?}", run.case.name);
        return Err(CalibrationError(said));
    };
    let bound = Some(run.case.gap() + EDGE_SLACK);
    let between = |seen: f64, truly: f64| seen - truly;
    Ok(vec![
        Error {
            figure: Figure::Start,
            error: between(impact.seconds(), truth.start.seconds()),
            bound,
        },
        Error {
            figure: Figure::End,
            error: between(recovered.seconds(), truth.end.seconds()),
            bound,
        },
    ])
}

fn availability(run: &Conducted, truth: &Truth) -> Result<Error, CalibrationError> {
    let Value::Exact(seen) = run.judgement.measures[&Measure::Availability] else {
        return Err(CalibrationError(format!("`{}` has no availability", run.case.name)));
    };
    let one = 1.0 / truth.due.max(1) as f64;
    let bound = Some(AVAILABILITY.max(one));
    Ok(Error { figure: Figure::Availability, error: seen - truth.availability(), bound })
}

fn detection(run: &Conducted, truth: &Truth) -> Option<Error> {
    let Value::Exact(seen) = run.judgement.measures[&Measure::Detection] else { return None };
    let error = truth.felt.seconds() + seen - truth.start.seconds();
    Some(Error { figure: Figure::Detection, error, bound: None })
}

/// Whether nothing is promised at the rate of a case.
pub fn is_informal(case: &Case) -> bool {
    case.rate < 100.0
}
