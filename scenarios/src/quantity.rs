//! Quantities as people write them in files and on the command line: `1m30s`, `200/s`, `99%`,
//! `512MiB`. One grammar for every place that takes one.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a text is not the quantity that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct QuantityError {
    /// What was written.
    pub text: String,
    /// What would have been right, with an example.
    pub expected: &'static str,
}

/// A length of time, whole microseconds, written `500ms`, `30s`, `1m30s`, `2h`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Span(Duration);

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// A span of whole milliseconds.
    pub const fn milliseconds(milliseconds: u64) -> Self {
        Self(Duration::from_millis(milliseconds))
    }

    /// A span of whole microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(Duration::from_micros(micros))
    }

    /// The span as the standard library holds it.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// The span in microseconds; a span beyond 584 000 years is cut there.
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX)
    }

    /// The span in seconds.
    pub fn as_seconds(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl From<Duration> for Span {
    fn from(duration: Duration) -> Self {
        Self(Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl std::ops::Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

const SPAN_UNITS: [(&str, u64); 5] =
    [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];

impl FromStr for Span {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || QuantityError {
            text: text.to_owned(),
            expected: "a span of time, such as `500ms`, `30s` or `1m30s`",
        };
        let mut rest = text.trim();
        let mut micros = 0_u64;
        if rest.is_empty() {
            return Err(error());
        }
        while !rest.is_empty() {
            let (value, unit, after) = number_and_unit(rest).ok_or_else(error)?;
            let (_, factor) =
                SPAN_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
            let part = scaled(value, *factor).ok_or_else(error)?;
            micros = micros.checked_add(part).ok_or_else(error)?;
            rest = after;
        }
        Ok(Self(Duration::from_micros(micros)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut micros = self.micros();
        if micros == 0 {
            return formatter.write_str("0s");
        }
        for (name, factor) in SPAN_UNITS {
            if micros >= factor {
                write!(formatter, "{}{name}", micros / factor)?;
                micros %= factor;
            }
        }
        Ok(())
    }
}

/// Arrivals per second, written `200/s` or `200`; positive and at most one million.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(f64);

impl Rate {
    /// The highest rate that can be asked for, per second.
    pub const HIGHEST: f64 = 1_000_000.0;

    /// A rate in arrivals per second, or none if it is not in `(0, 1 000 000]`.
    pub fn per_second(value: f64) -> Option<Self> {
        (value > 0.0 && value <= Self::HIGHEST).then_some(Self(value))
    }

    /// Arrivals per second.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || QuantityError {
            text: text.to_owned(),
            expected: "a rate, such as `200/s` (above 0, at most 1000000/s)",
        };
        let number = text.trim().strip_suffix("/s").unwrap_or(text.trim());
        let value: f64 = number.trim().parse().map_err(|_| error())?;
        Self::per_second(value).ok_or_else(error)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/s", self.0)
    }
}

/// A share written in percent, `99.5%`; held as a ratio from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(f64);

impl Percent {
    /// The share as a ratio from 0 to 1.
    pub fn ratio(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || QuantityError {
            text: text.to_owned(),
            expected: "a share in percent, such as `99.5%` (0% to 100%)",
        };
        let number = text.trim().strip_suffix('%').ok_or_else(error)?;
        let value: f64 = number.trim().parse().map_err(|_| error())?;
        if (0.0..=100.0).contains(&value) { Ok(Self(value / 100.0)) } else { Err(error()) }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = (self.0 * 1e8).round() / 1e6;
        write!(formatter, "{percent}%")
    }
}

/// An amount of memory or disk, written `512MiB`, `64kB`, `1GiB`, `100m` (Compose), or in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bytes(pub u64);

const BYTE_UNITS: [(&str, u64); 12] = [
    ("b", 1),
    ("k", 1 << 10),
    ("kb", 1 << 10),
    ("kib", 1 << 10),
    ("m", 1 << 20),
    ("mb", 1 << 20),
    ("mib", 1 << 20),
    ("g", 1 << 30),
    ("gb", 1 << 30),
    ("gib", 1 << 30),
    ("t", 1 << 40),
    ("tib", 1 << 40),
];

impl FromStr for Bytes {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || QuantityError {
            text: text.to_owned(),
            expected: "an amount of bytes, such as `512MiB` or `1GiB`",
        };
        let lower = text.trim().to_ascii_lowercase();
        if let Ok(bytes) = lower.parse() {
            return Ok(Self(bytes));
        }
        let (value, unit, rest) = number_and_unit(&lower).ok_or_else(error)?;
        let (_, factor) = BYTE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(error)?;
        if !rest.is_empty() {
            return Err(error());
        }
        scaled(value, *factor).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, factor) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 >= factor && self.0.is_multiple_of(factor) {
                return write!(formatter, "{}{name}", self.0 / factor);
            }
        }
        write!(formatter, "{}", self.0)
    }
}

/// `value × factor` as a whole number, or none if it does not fit.
fn scaled(value: &str, factor: u64) -> Option<u64> {
    if let Ok(whole) = value.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let product = value.parse::<f64>().ok()? * factor as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let whole = (product.is_finite() && (0.0..9.0e18).contains(&product)).then_some(product as u64);
    whole
}

/// Splits `1.5s30ms` into `1.5`, `s`, `30ms`.
fn number_and_unit(text: &str) -> Option<(&str, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (value, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    (!value.is_empty() && !unit.is_empty()).then_some((value, unit, after))
}

macro_rules! text_conversions {
    ($($quantity:ty),*) => {$(
        impl TryFrom<String> for $quantity {
            type Error = QuantityError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$quantity> for String {
            fn from(quantity: $quantity) -> Self {
                quantity.to_string()
            }
        }
    )*};
}

text_conversions!(Span, Rate, Percent, Bytes);

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip<Q: FromStr + fmt::Display>(text: &str, shown: &str)
    where
        Q::Err: fmt::Debug,
    {
        assert_eq!(text.parse::<Q>().expect("a valid quantity").to_string(), shown);
    }

    #[test]
    fn quantities_are_read_as_people_write_them() {
        round_trip::<Span>("90s", "1m30s");
        round_trip::<Span>("1m30s", "1m30s");
        round_trip::<Span>("1.5s", "1s500ms");
        round_trip::<Span>("0s", "0s");
        round_trip::<Rate>("200", "200/s");
        round_trip::<Rate>("0.5/s", "0.5/s");
        round_trip::<Percent>("99.5%", "99.5%");
        round_trip::<Bytes>("512MiB", "512MiB");
        round_trip::<Bytes>("256m", "256MiB");
        round_trip::<Bytes>("10", "10");
    }

    #[test]
    fn nonsense_is_refused_with_an_example() {
        for text in ["", "s", "10", "-3s", "10 parsecs", "99999999999999999999s"] {
            assert!(text.parse::<Span>().is_err(), "{text} was taken for a span");
        }
        for text in ["0", "-1/s", "NaN", "1e9/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text} was taken for a rate");
        }
        for text in ["101%", "-1%", "5"] {
            assert!(text.parse::<Percent>().is_err(), "{text} was taken for a share");
        }
        assert!("12XiB".parse::<Bytes>().is_err());
    }
}
