//! Reads an expectation. A mistake says which bytes of the text it means, so that a diagnostic can
//! point into the string.

use std::ops::Range;
use std::str::FromStr;

use super::{Expectation, Operator, Scope};
use crate::measure::{Measure, Unit};
use crate::quantity::{Bytes, Span};
use crate::text::diagnostic::did_you_mean;

/// Why a text is no expectation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ExpectationError {
    /// What is wrong, in one lowercase sentence.
    pub message: String,
    /// The bytes of the text that are wrong.
    pub part: Range<usize>,
    /// What would have been right.
    pub help: String,
}

/// An example for whoever has none.
const EXAMPLE: &str = "such as `recovery < 30s` or `availability >= 99% for broker@naive`";

impl Expectation {
    /// Reads `MEASURE OP VALUE [for TARGET[@MODE]]`; spaces are free, but for those around `for`.
    pub fn parse(text: &str) -> Result<Self, ExpectationError> {
        let (sign, operator) = find_operator(text)?;
        let measure = measure(text, 0..sign.start)?;
        let (value, scope) = split_scope(text, sign.end);
        let value = asked_value(text, value, &measure)?;
        let scope = scope.map(|range| self::scope(text, range)).transpose()?;
        Ok(Self { measure, operator, value, scope })
    }
}

impl FromStr for Expectation {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

fn error(part: Range<usize>, message: String, help: &str) -> ExpectationError {
    ExpectationError { message, part, help: help.to_owned() }
}

fn find_operator(text: &str) -> Result<(Range<usize>, Operator), ExpectationError> {
    let start = text.find(['<', '>', '=', '!']).ok_or_else(|| {
        error(0..text.len(), "an expectation compares a measure with a value".into(), EXAMPLE)
    })?;
    let found = Operator::ALL.iter().find(|(sign, _)| text[start..].starts_with(sign));
    let (sign, operator) = found.ok_or_else(|| {
        let signs = Operator::ALL.map(|(sign, _)| format!("`{sign}`")).join(", ");
        let one = format!("`{}` is no comparison", &text[start..=start]);
        error(start..start + 1, one, &format!("one of {signs}"))
    })?;
    Ok((start..start + sign.len(), *operator))
}

/// The range without the white space around its text.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start().len());
    start..start + part.trim().len()
}

fn measure(text: &str, range: Range<usize>) -> Result<Measure, ExpectationError> {
    let range = trimmed(text, range);
    let name = &text[range.clone()];
    if name.is_empty() {
        return Err(error(0..text.len(), "the measure is missing".into(), EXAMPLE));
    }
    name.parse().map_err(|unknown: crate::measure::UnknownMeasure| {
        let known: Vec<String> = Measure::all().map(|measure| measure.to_string()).collect();
        let near = did_you_mean(name, known.iter().map(String::as_str));
        let help = near.map_or("`chaos list measures` names all".to_owned(), |near| {
            format!("did you mean `{near}`?")
        });
        error(range, unknown.to_string(), &help)
    })
}

/// The ranges of the value and of what follows the word `for`.
fn split_scope(text: &str, from: usize) -> (Range<usize>, Option<Range<usize>>) {
    let rest = &text[from..];
    let word = rest.match_indices("for").map(|(index, _)| index).find(|&index| {
        let before = rest[..index].chars().next_back();
        let after = rest[index + 3..].chars().next();
        before.is_none_or(char::is_whitespace) && after.is_none_or(char::is_whitespace)
    });
    match word {
        Some(index) => {
            let (value, scope) = (from..from + index, from + index + 3..text.len());
            (trimmed(text, value), Some(trimmed(text, scope)))
        }
        None => (trimmed(text, from..text.len()), None),
    }
}

fn asked_value(
    text: &str,
    range: Range<usize>,
    measure: &Measure,
) -> Result<f64, ExpectationError> {
    let value = &text[range.clone()];
    if value.is_empty() {
        let message = format!("the value that `{measure}` is compared with is missing");
        return Err(error(0..text.len(), message, EXAMPLE));
    }
    let (parsed, expected) = match measure.unit() {
        Unit::Share => (share(value, measure), "a share in percent, such as `99.5%`"),
        Unit::Seconds => {
            (value.parse().ok().map(Span::as_seconds), "a span of time, such as `500ms` or `30s`")
        }
        Unit::Count => (number(value), "a number that is not negative, such as `0`"),
        Unit::Bytes => (
            value.parse().ok().map(|Bytes(bytes)| bytes as f64),
            "an amount of bytes, such as `512MiB`",
        ),
        Unit::PercentSeconds => (
            number(value.strip_suffix("%s").unwrap_or(value).trim_end()),
            "percent-seconds, such as `250%s`",
        ),
        Unit::PerSecond => (
            number(value.strip_suffix("/s").unwrap_or(value).trim_end()),
            "a rate, such as `200/s`",
        ),
    };
    parsed.ok_or_else(|| error(range, format!("`{value}` is not {expected}"), &unit_help(measure)))
}

fn unit_help(measure: &Measure) -> String {
    let held = match measure.unit() {
        Unit::Share => "a share",
        Unit::Seconds => "a length of time",
        Unit::Count => "a count",
        Unit::Bytes => "an amount of bytes",
        Unit::PercentSeconds => "an area",
        Unit::PerSecond => "a rate",
    };
    format!("`{measure}` is {held}")
}

/// A ratio. Only the error budget can be used more than once over.
fn share(text: &str, measure: &Measure) -> Option<f64> {
    let percent = number(text.strip_suffix('%')?.trim_end())?;
    (percent <= 100.0 || *measure == Measure::ErrorBudget).then_some(percent / 100.0)
}

/// A plain decimal number that is neither negative nor infinite.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|value: &f64| plain && value.is_finite())
}

fn scope(text: &str, range: Range<usize>) -> Result<Scope, ExpectationError> {
    let name = |text: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        (!text.is_empty() && text.chars().all(known)).then(|| text.to_owned())
    };
    let written = &text[range.clone()];
    if written.is_empty() {
        let message = "the target after `for` is missing".to_owned();
        return Err(error(0..text.len(), message, "`for TARGET` or `for TARGET@MODE`"));
    }
    let scope = match written.split_once('@') {
        Some((target, mode)) => {
            name(target).zip(name(mode)).map(|(target, mode)| Scope { target, mode: Some(mode) })
        }
        None => name(written).map(|target| Scope { target, mode: None }),
    };
    scope.ok_or_else(|| {
        let message = format!("`{written}` does not name a target");
        error(range, message, "after `for` comes `TARGET` or `TARGET@MODE`")
    })
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::*;
    use crate::expectation::show;

    /// The expectation as it is shown, or the mistake with the part of the text that it means.
    fn read(text: &str) -> String {
        match Expectation::parse(text) {
            Ok(expectation) => expectation.to_string(),
            Err(error) => {
                format!("[{}] {} ({})", &text[error.part], error.message, error.help)
            }
        }
    }

    #[test]
    fn expectations_are_read_with_and_without_spaces() {
        assert_eq!(read("availability >= 99%"), "availability >= 99%");
        assert_eq!(read("recovery<10s for broker"), "recovery < 10s for broker");
        assert_eq!(read("  p95<=500ms  "), "p95 <= 500ms");
        assert_eq!(read("lost == 0 for pipeline@notes"), "lost == 0 for pipeline@notes");
        assert_eq!(read("host.memory-free < 512MiB"), "host.memory-free < 512MiB");
        assert_eq!(read("availability.browse > 99.999%"), "availability.browse > 99.999%");
        assert_eq!(read("resilience-loss < 250"), "resilience-loss < 250%s");
        assert_eq!(read("error-budget < 150%"), "error-budget < 150%");
    }

    #[test]
    fn a_mistake_points_into_the_text() {
        assert_snapshot!(read("recovry < 30s"), @"[recovry] no measure is called `recovry` (did you mean `recovery`?)");
        assert_snapshot!(read("recovery < 30"), @"[30] `30` is not a span of time, such as `500ms` or `30s` (`recovery` is a length of time)");
        assert_snapshot!(read("availability >= 99"), @"[99] `99` is not a share in percent, such as `99.5%` (`availability` is a share)");
        assert_snapshot!(read("availability >= 101%"), @"[101%] `101%` is not a share in percent, such as `99.5%` (`availability` is a share)");
        assert_snapshot!(read("lost = 0"), @"[=] `=` is no comparison (one of `<=`, `>=`, `==`, `!=`, `<`, `>`)");
        assert_snapshot!(read("lost == -1"), @"[-1] `-1` is not a number that is not negative, such as `0` (`lost` is a count)");
        assert_snapshot!(read("lost"), @"[lost] an expectation compares a measure with a value (such as `recovery < 30s` or `availability >= 99% for broker@naive`)");
        assert_snapshot!(read("== 0"), @"[== 0] the measure is missing (such as `recovery < 30s` or `availability >= 99% for broker@naive`)");
        assert_snapshot!(read("lost == for broker"), @"[lost == for broker] the value that `lost` is compared with is missing (such as `recovery < 30s` or `availability >= 99% for broker@naive`)");
        assert_snapshot!(read("lost == 0 broker"), @"[0 broker] `0 broker` is not a number that is not negative, such as `0` (`lost` is a count)");
        assert_snapshot!(read("lost == 0 for broker and all"), @"[broker and all] `broker and all` does not name a target (after `for` comes `TARGET` or `TARGET@MODE`)");
        assert_snapshot!(read("recovery < 5s for"), @"[recovery < 5s for] the target after `for` is missing (`for TARGET` or `for TARGET@MODE`)");
        assert_snapshot!(read(""), @"[] an expectation compares a measure with a value (such as `recovery < 30s` or `availability >= 99% for broker@naive`)");
    }

    #[test]
    fn measured_values_are_shown_for_people() {
        let shown = |value| show(value, Unit::Seconds);
        assert_eq!(shown(9.4213), "9.42s");
        assert_eq!(shown(0.4204), "420ms");
        assert_eq!(shown(0.001_25), "1.3ms");
        assert_eq!(shown(90.4), "1m30s");
        assert_eq!(shown(59.999), "1m");
        assert_eq!(shown(-1.5), "-1.5s");
        assert_eq!(shown(0.0), "0s");
        assert_eq!(show(0.995_004, Unit::Share), "99.5%");
        assert_eq!(show(3.0, Unit::Count), "3");
    }

    fn expectation() -> impl Strategy<Value = String> {
        let measures: Vec<String> = Measure::all().map(|measure| measure.to_string()).collect();
        let signs = Operator::ALL.map(|(sign, _)| sign);
        let scope = prop::option::of("[a-z]{1,8}(@[a-z]{1,8})?");
        (
            prop::sample::select(measures),
            prop::sample::select(signs.to_vec()),
            0..9_999_u64,
            0..99_u32,
            scope,
        )
            .prop_map(|(measure, sign, whole, part, scope)| {
                let unit = measure.parse::<Measure>().expect("a measure").unit();
                let value = match unit {
                    Unit::Share => format!("{}.{part}%", whole % 100),
                    Unit::Seconds => format!("{whole}.{part}s"),
                    Unit::Count => whole.to_string(),
                    Unit::Bytes => format!("{whole}MiB"),
                    Unit::PercentSeconds => format!("{whole}.{part}%s"),
                    Unit::PerSecond => format!("{whole}.{part}/s"),
                };
                let scope = scope.map(|scope| format!(" for {scope}")).unwrap_or_default();
                format!("{measure}{sign}{value}{scope}")
            })
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(text in expectation()) {
            let read = Expectation::parse(&text).expect("a valid expectation");
            prop_assert_eq!(Expectation::parse(&read.to_string()), Ok(read));
        }

        #[test]
        fn no_text_is_too_strange(text in "\\PC*|(lost|p95|recovery)[ <=>!]{0,3}[0-9a-z.%@ ]{0,12}") {
            if let Err(error) = Expectation::parse(&text) {
                prop_assert!(text.get(error.part).is_some());
            }
        }
    }
}
