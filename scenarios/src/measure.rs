//! The closed list of measures: what can be asked of a run, with name, unit and direction.
//! Probes, expectations, stop conditions and thresholds can name nothing else, so a typing error is
//! found before anything starts.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What became of one order, worst first: the precedence when several would fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Its final state could not be read.
    Unverified,
    /// Acknowledged, and gone (or undone after it was reported done).
    Lost,
    /// An effect happened twice.
    Duplicate,
    /// Effects that fit no state that the application knows.
    Invalid,
    /// Refused for certain, and yet done.
    Phantom,
    /// In a final state that is neither the expected one nor undone.
    Wrong,
    /// Accepted, then cancelled with all effects undone.
    BrokenPromise,
    /// In the dead letters, with the effects of a prefix of its steps.
    Dead,
    /// Not final after the drain, and not in the dead letters.
    Stuck,
    /// As it should be.
    Fine,
}

impl Fate {
    /// Every fate, worst first.
    pub const ALL: [Self; 10] = [
        Self::Unverified,
        Self::Lost,
        Self::Duplicate,
        Self::Invalid,
        Self::Phantom,
        Self::Wrong,
        Self::BrokenPromise,
        Self::Dead,
        Self::Stuck,
        Self::Fine,
    ];

    /// The fates that a hardened system must never show.
    pub const SAFETY: [Self; 5] =
        [Self::Lost, Self::Duplicate, Self::Invalid, Self::Phantom, Self::Wrong];

    /// The name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unverified => "unverified",
            Self::Lost => "lost",
            Self::Duplicate => "duplicate",
            Self::Invalid => "invalid",
            Self::Phantom => "phantom",
            Self::Wrong => "wrong",
            Self::BrokenPromise => "broken-promise",
            Self::Dead => "dead",
            Self::Stuck => "stuck",
            Self::Fine => "fine",
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The unit a measure is held in; texts are converted when read and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A ratio from 0 to 1, written in percent.
    Share,
    /// Seconds, written as a span.
    Seconds,
    /// A plain number.
    Count,
    /// Bytes, written with a unit.
    Bytes,
    /// Percent-seconds: the area between 100 % and the curve.
    PercentSeconds,
}

/// When a measure has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// While the run goes on, and afterwards.
    Live,
    /// Only when the run is judged.
    Final,
    /// A property of the machine, while the run goes on.
    Host,
}

/// A named quantity of a run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Measure {
    /// Good requests of the class `order` / due, over the test interval.
    Availability,
    /// The same from fault felt to heal.
    AvailabilityDuringFault,
    /// The same from baseline to keep.
    AvailabilityWhole,
    /// Orders acknowledged / due, over the test interval.
    AvailabilityAccepted,
    /// Orders in their expected final state within 5 s of due / due, over the test interval.
    AvailabilityCompleted,
    /// Seconds in band / seconds, over the test interval.
    AvailabilityTime,
    /// `availability` of another class of the workload.
    AvailabilityOf(String),
    /// Share of request classes below 90 % of their baseline during the fault.
    BlastRadius,
    /// Median response time of the class `order`.
    P50,
    /// 95th percentile of the response time of the class `order`.
    P95,
    /// 99th percentile of the response time of the class `order`.
    P99,
    /// Impact start − fault felt.
    ImpactDelay,
    /// First internal signal − fault felt.
    Detection,
    /// Recovered − fault felt, as users see it.
    Recovery,
    /// Recovered − heal effective.
    RecoveryAfterHeal,
    /// Last time that pending work or completions were out of band − fault felt.
    RecoveryFull,
    /// Component ready again − heal effective.
    Restart,
    /// Times that the band was left again after recovery, within the keep phase.
    Relapses,
    /// Good requests missed over the test interval.
    LostRequests,
    /// Area between 100 % and the curve of good requests (Bruneau et al. 2003).
    ResilienceLoss,
    /// Share of a 30-day error budget at 99.9 % that this incident uses.
    ErrorBudget,
    /// Ledgered operations that were sent.
    Sent,
    /// Orders with one fate.
    Fate(Fate),
    /// Age of the oldest lost acknowledged order at the moment the fault was felt.
    Rpo,
    /// Schedule lag of the load generator, 99th percentile.
    GeneratorLag,
    /// Arrivals that were due and not sent / due.
    GeneratorNotSent,
    /// Free memory of the host.
    HostMemoryFree,
    /// Time since the run started.
    Elapsed,
}

/// The measures that carry no class, with name, unit, when known, and whether lower is better.
const TABLE: &[(&str, Measure, Unit, Known, bool)] = &[
    ("availability", Measure::Availability, Unit::Share, Known::Live, false),
    (
        "availability.during-fault",
        Measure::AvailabilityDuringFault,
        Unit::Share,
        Known::Live,
        false,
    ),
    ("availability.whole", Measure::AvailabilityWhole, Unit::Share, Known::Live, false),
    ("availability.accepted", Measure::AvailabilityAccepted, Unit::Share, Known::Live, false),
    ("availability.completed", Measure::AvailabilityCompleted, Unit::Share, Known::Final, false),
    ("availability.time", Measure::AvailabilityTime, Unit::Share, Known::Live, false),
    ("blast-radius", Measure::BlastRadius, Unit::Share, Known::Live, true),
    ("p50", Measure::P50, Unit::Seconds, Known::Live, true),
    ("p95", Measure::P95, Unit::Seconds, Known::Live, true),
    ("p99", Measure::P99, Unit::Seconds, Known::Live, true),
    ("impact-delay", Measure::ImpactDelay, Unit::Seconds, Known::Live, true),
    ("detection", Measure::Detection, Unit::Seconds, Known::Live, true),
    ("recovery", Measure::Recovery, Unit::Seconds, Known::Live, true),
    ("recovery.after-heal", Measure::RecoveryAfterHeal, Unit::Seconds, Known::Live, true),
    ("recovery.full", Measure::RecoveryFull, Unit::Seconds, Known::Final, true),
    ("restart", Measure::Restart, Unit::Seconds, Known::Live, true),
    ("relapses", Measure::Relapses, Unit::Count, Known::Final, true),
    ("lost-requests", Measure::LostRequests, Unit::Count, Known::Final, true),
    ("resilience-loss", Measure::ResilienceLoss, Unit::PercentSeconds, Known::Final, true),
    ("error-budget", Measure::ErrorBudget, Unit::Share, Known::Final, true),
    ("sent", Measure::Sent, Unit::Count, Known::Final, false),
    ("unverified", Measure::Fate(Fate::Unverified), Unit::Count, Known::Final, true),
    ("lost", Measure::Fate(Fate::Lost), Unit::Count, Known::Final, true),
    ("duplicate", Measure::Fate(Fate::Duplicate), Unit::Count, Known::Final, true),
    ("invalid", Measure::Fate(Fate::Invalid), Unit::Count, Known::Final, true),
    ("phantom", Measure::Fate(Fate::Phantom), Unit::Count, Known::Final, true),
    ("wrong", Measure::Fate(Fate::Wrong), Unit::Count, Known::Final, true),
    ("broken-promise", Measure::Fate(Fate::BrokenPromise), Unit::Count, Known::Final, true),
    ("dead", Measure::Fate(Fate::Dead), Unit::Count, Known::Final, true),
    ("stuck", Measure::Fate(Fate::Stuck), Unit::Count, Known::Final, true),
    ("fine", Measure::Fate(Fate::Fine), Unit::Count, Known::Final, false),
    ("rpo", Measure::Rpo, Unit::Seconds, Known::Final, true),
    ("generator.lag", Measure::GeneratorLag, Unit::Seconds, Known::Live, true),
    ("generator.not-sent", Measure::GeneratorNotSent, Unit::Share, Known::Live, true),
    ("host.memory-free", Measure::HostMemoryFree, Unit::Bytes, Known::Host, false),
    ("elapsed", Measure::Elapsed, Unit::Seconds, Known::Live, true),
];

impl Measure {
    /// Every measure that carries no class, in the order of documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.1.clone())
    }

    /// The unit its values are held in.
    pub fn unit(&self) -> Unit {
        self.row().map_or(Unit::Share, |row| row.2)
    }

    /// When it has a value.
    pub fn known(&self) -> Known {
        self.row().map_or(Known::Live, |row| row.3)
    }

    /// Whether a lower value is the better one.
    pub fn lower_is_better(&self) -> bool {
        self.row().is_some_and(|row| row.4)
    }

    fn row(&self) -> Option<&'static (&'static str, Self, Unit, Known, bool)> {
        TABLE.iter().find(|row| row.1 == *self)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.row()) {
            (Self::AvailabilityOf(class), _) => write!(formatter, "availability.{class}"),
            (_, Some(row)) => formatter.write_str(row.0),
            (_, None) => unreachable!("every measure without a class stands in the table"),
        }
    }
}

/// A name that is no measure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no measure is called `{0}`")]
pub struct UnknownMeasure(pub String);

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if let Some(row) = TABLE.iter().find(|row| row.0 == name) {
            return Ok(row.1.clone());
        }
        match name.strip_prefix("availability.") {
            Some(class) if is_class(class) => Ok(Self::AvailabilityOf(class.to_owned())),
            _ => Err(UnknownMeasure(name.to_owned())),
        }
    }
}

fn is_class(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

impl TryFrom<String> for Measure {
    type Error = UnknownMeasure;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Measure> for String {
    fn from(measure: Measure) -> Self {
        measure.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_measure() {
        for measure in Measure::all() {
            assert_eq!(measure.to_string().parse(), Ok(measure));
        }
        let browse = Measure::AvailabilityOf("browse".to_owned());
        assert_eq!("availability.browse".parse(), Ok(browse.clone()));
        assert_eq!(browse.to_string(), "availability.browse");
        assert!("availabilty".parse::<Measure>().is_err());
    }

    #[test]
    fn every_fate_is_a_measure() {
        for fate in Fate::ALL {
            assert_eq!(fate.name().parse(), Ok(Measure::Fate(fate)));
        }
    }
}
