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

    /// What it says of an order, in one line.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Unverified => "orders whose final state could not be read",
            Self::Lost => "orders acknowledged and gone, or undone after they were reported done",
            Self::Duplicate => "orders of which an effect happened twice",
            Self::Invalid => "orders whose effects fit no state that the application knows",
            Self::Phantom => "orders refused for certain and done all the same",
            Self::Wrong => "orders in a final state that is neither the expected one nor undone",
            Self::BrokenPromise => "orders accepted, then cancelled with every effect undone",
            Self::Dead => "orders in the dead letters, with the effects of a part of their steps",
            Self::Stuck => "orders neither final after the drain nor in the dead letters",
            Self::Fine => "orders that are as they should be",
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
    /// Arrivals per second.
    PerSecond,
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

/// One measure that carries nothing.
struct Row {
    name: &'static str,
    measure: Measure,
    unit: Unit,
    known: Known,
    better: Better,
    says: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Better {
    Lower,
    Higher,
}

/// One line for each measure: name, variant, unit, when known, the better direction, what it says.
macro_rules! measures {
    ($($name:literal $variant:ident $unit:ident $known:ident $better:ident $says:literal;)*) => {
        /// A named quantity of a run.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub enum Measure {
            $(#[doc = $says] $variant,)*
            /// Good requests of one class of the workload / those due, over the test interval.
            AvailabilityOf(String),
            /// Orders with one fate.
            Fate(Fate),
        }

        const TABLE: &[Row] = &[$(Row {
            name: $name,
            measure: Measure::$variant,
            unit: Unit::$unit,
            known: Known::$known,
            better: Better::$better,
            says: $says,
        }),*];
    };
}

measures! {
    "availability" Availability Share Live Higher
        "good orders / orders due, over the test interval";
    "availability.during-fault" AvailabilityDuringFault Share Live Higher
        "good orders / orders due, from the fault felt to its heal";
    "availability.whole" AvailabilityWhole Share Live Higher
        "good orders / orders due, from baseline to keep";
    "availability.accepted" AvailabilityAccepted Share Live Higher
        "orders acknowledged / orders due, over the test interval";
    "availability.completed" AvailabilityCompleted Share Final Higher
        "orders in their expected final state within 5 s of due / due, over the test interval";
    "availability.time" AvailabilityTime Share Live Higher
        "seconds in band / seconds, over the test interval";
    "blast-radius" BlastRadius Share Live Lower
        "share of request classes below 90 % of their baseline during the fault";
    "p50" P50 Seconds Live Lower
        "median response time of orders, counted from their intended start";
    "p95" P95 Seconds Live Lower
        "95th percentile of the response time of orders, counted from their intended start";
    "p99" P99 Seconds Live Lower
        "99th percentile of the response time of orders, counted from their intended start";
    "impact-delay" ImpactDelay Seconds Live Lower
        "time from the fault felt to the first bad order of the outage";
    "detection" Detection Seconds Live Lower
        "time from the fault felt to the first signal of it inside the target";
    "recovery" Recovery Seconds Live Lower
        "time from the fault felt until users are served as before; 0 if they never noticed";
    "recovery.after-heal" RecoveryAfterHeal Seconds Live Lower
        "time from the heal until users are served as before";
    "recovery.full" RecoveryFull Seconds Final Lower
        "time from the fault felt until pending work and completions are as before";
    "restart" Restart Seconds Live Lower
        "time from the heal until the component is ready again";
    "relapses" Relapses Count Final Lower
        "times that service got worse again after it had recovered";
    "lost-requests" LostRequests Count Final Lower
        "good orders missed over the test interval";
    "resilience-loss" ResilienceLoss PercentSeconds Final Lower
        "area between 100 % and the curve of good orders (Bruneau et al. 2003)";
    "error-budget" ErrorBudget Share Final Lower
        "share of a 30-day error budget at 99.9 % that the incident uses";
    "capacity" Capacity PerSecond Final Higher
        "highest arrival rate of a ramp at which 95 % of orders are answered within 250 ms, 99 % well";
    "capacity.completed" CapacityCompleted PerSecond Final Higher
        "highest arrival rate of a ramp at which 99 % of orders are also completed within 5 s";
    "cpu.per-order" CpuPerOrder Seconds Final Lower
        "processor time of all containers while there was load / good orders, other requests included";
    "memory" Memory Bytes Final Lower
        "highest memory of each container while there was load, added up";
    "sent" Sent Count Final Higher
        "orders that were sent";
    "rpo" Rpo Seconds Final Lower
        "age of the oldest lost acknowledged order when the fault was felt";
    "generator.lag" GeneratorLag Seconds Live Lower
        "lateness of the load generator, 99th percentile";
    "generator.not-sent" GeneratorNotSent Share Live Lower
        "arrivals due and not sent / arrivals due";
    "host.memory-free" HostMemoryFree Bytes Host Higher
        "free memory of the host";
    "elapsed" Elapsed Seconds Live Lower
        "time since the run started";
}

impl Measure {
    /// Every measure that carries no class, in the order of documentation.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.measure.clone()).chain(Fate::ALL.map(Self::Fate))
    }

    /// The unit its values are held in.
    pub fn unit(&self) -> Unit {
        match self {
            Self::AvailabilityOf(_) => Unit::Share,
            Self::Fate(_) => Unit::Count,
            _ => self.row().unit,
        }
    }

    /// When it has a value.
    pub fn known(&self) -> Known {
        match self {
            Self::AvailabilityOf(_) => Known::Live,
            Self::Fate(_) => Known::Final,
            _ => self.row().known,
        }
    }

    /// Whether a lower value is the better one.
    pub fn lower_is_better(&self) -> bool {
        match self {
            Self::AvailabilityOf(_) => false,
            Self::Fate(fate) => *fate != Fate::Fine,
            _ => self.row().better == Better::Lower,
        }
    }

    /// What it says, in one line.
    pub fn describe(&self) -> &'static str {
        match self {
            Self::AvailabilityOf(_) => {
                "good requests of one class / those due, over the test interval"
            }
            Self::Fate(fate) => fate.describe(),
            _ => self.row().says,
        }
    }

    fn row(&self) -> &'static Row {
        TABLE
            .iter()
            .find(|row| row.measure == *self)
            .expect("every measure that carries nothing stands in the table")
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AvailabilityOf(class) => write!(formatter, "availability.{class}"),
            Self::Fate(fate) => formatter.write_str(fate.name()),
            _ => formatter.write_str(self.row().name),
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
        if let Some(row) = TABLE.iter().find(|row| row.name == name) {
            return Ok(row.measure.clone());
        }
        if let Some(fate) = Fate::ALL.into_iter().find(|fate| fate.name() == name) {
            return Ok(Self::Fate(fate));
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
