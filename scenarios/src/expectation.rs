//! The one grammar for everything that is asked of a measure: `MEASURE OP VALUE [for TARGET[@MODE]]`.
//! Probes, expectations, stop conditions and thresholds are all written in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::measure::{Measure, Unit};
use crate::quantity::{Bytes, Span};

mod parse;

pub use parse::ExpectationError;

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
        let value = written(self.value, self.measure.unit());
        write!(formatter, "{} {} {value}", self.measure, self.operator.sign())?;
        match &self.scope {
            Some(scope) => write!(formatter, " for {scope}"),
            None => Ok(()),
        }
    }
}

/// A value of a unit as it is written in an expectation: `99.5%`, `1m30s`, `3`, `512MiB`.
fn written(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{}%", rounded(value * 100.0, 6)),
        Unit::Seconds => Span::from_micros(whole(value * 1e6)).to_string(),
        Unit::Count => value.to_string(),
        Unit::Bytes => Bytes(whole(value)).to_string(),
        Unit::PercentSeconds => format!("{value}%s"),
        Unit::PerSecond => format!("{value}/s"),
    }
}

/// A measured value as a person reads it: `99.5%`, `9.42s`, `420ms`, `3`, `512MiB`, `12.5 %·s`.
pub fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{}%", rounded(value * 100.0, 3)),
        Unit::Seconds if value < 0.0 => format!("-{}", seconds(-value)),
        Unit::Seconds => seconds(value),
        Unit::Count => rounded(value, 2).to_string(),
        Unit::Bytes => Bytes(whole(value)).to_string(),
        Unit::PercentSeconds => format!("{} %·s", rounded(value, 2)),
        Unit::PerSecond => format!("{}/s", rounded(value, 1)),
    }
}

/// Seconds with about three digits, in a form that reads back as a span.
fn seconds(value: f64) -> String {
    match value {
        0.0 => "0s".to_owned(),
        _ if value < 0.000_999_5 => format!("{}us", (value * 1e6).round()),
        _ if value < 0.099_95 => format!("{}ms", rounded(value * 1e3, 1)),
        _ if value < 0.999_5 => format!("{}ms", (value * 1e3).round()),
        _ if value < 59.995 => format!("{}s", rounded(value, 2)),
        _ => Span::seconds(whole(value)).to_string(),
    }
}

/// The nearest whole number that is not negative.
fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "such a cast saturates"
    )]
    let whole = value.round().max(0.0) as u64;
    whole
}

fn rounded(value: f64, digits: i32) -> f64 {
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}
