//! The one grammar for everything that is asked of a measure: `MEASURE OP VALUE [for TARGET[@MODE]]`.
//! Probes, expectations, stop conditions and thresholds are all written in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::{Measure, Unit};
use crate::quantity::{Bytes, Span};

/// How an observed value is compared with the asked one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// Below.
    #[serde(rename = "<")]
    Less,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// Above.
    #[serde(rename = ">")]
    Greater,
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// Equal.
    #[serde(rename = "==")]
    Equal,
    /// Not equal.
    #[serde(rename = "!=")]
    NotEqual,
}

impl Operator {
    /// Every operator, longest sign first, so that `<=` is never read as `<`.
    pub const ALL: [(&str, Self); 6] = [
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("==", Self::Equal),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// Whether `observed OP asked` is true.
    pub fn holds(self, observed: f64, asked: f64) -> bool {
        match self {
            Self::Less => observed < asked,
            Self::AtMost => observed <= asked,
            Self::Greater => observed > asked,
            Self::AtLeast => observed >= asked,
            Self::Equal => (observed - asked).abs() < f64::EPSILON,
            Self::NotEqual => (observed - asked).abs() >= f64::EPSILON,
        }
    }

    /// The sign as written.
    pub fn sign(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("?", |(sign, _)| sign)
    }
}

/// Which target, and which mode of it, an expectation speaks of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// Name of the target.
    pub target: String,
    /// Mode of the target; none is `hardened`.
    pub mode: Option<String>,
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.mode {
            Some(mode) => write!(formatter, "{}@{mode}", self.target),
            None => formatter.write_str(&self.target),
        }
    }
}

/// One thing that is asked of one measure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// What is looked at.
    pub measure: Measure,
    /// How it is compared.
    pub operator: Operator,
    /// The asked value, in the unit of the measure: ratio, seconds, count, bytes.
    pub value: f64,
    /// The target it is limited to, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
}

impl fmt::Display for Expectation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = show(self.value, self.measure.unit());
        write!(formatter, "{} {} {value}", self.measure, self.operator.sign())?;
        match &self.scope {
            Some(scope) => write!(formatter, " for {scope}"),
            None => Ok(()),
        }
    }
}

/// A value of a unit as a person reads it: `99.5%`, `1.25 s`, `3`, `512MiB`, `12.5 %·s`.
pub fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{}%", rounded(value * 100.0, 3)),
        Unit::Seconds => span_or_seconds(value),
        Unit::Count => rounded(value, 2).to_string(),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes ≥ 0")]
        Unit::Bytes => Bytes(value.max(0.0) as u64).to_string(),
        Unit::PercentSeconds => format!("{} %·s", rounded(value, 2)),
    }
}

fn span_or_seconds(value: f64) -> String {
    match std::time::Duration::try_from_secs_f64(value) {
        Ok(span) => Span::from(span).to_string(),
        Err(_) => format!("{value}s"),
    }
}

fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}
