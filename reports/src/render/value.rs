//! How values read: with units, with as many digits as are known, and never rounded to a round
//! figure that was not reached.

use chaos_scenarios::measure::Unit;

use crate::judge::Value;

/// A value in words, such as `99.95 %`, `≥ 60 s` or `—`.
pub(super) fn text(value: &Value, unit: Unit) -> String {
    match value {
        Value::Exact(value) => number(*value, unit),
        Value::AtLeast(value) => format!("≥ {}", number(*value, unit)),
        Value::Absent(_) => "—".to_owned(),
    }
}

/// A number with its unit.
pub(super) fn number(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => share(value),
        Unit::Seconds => seconds(value),
        Unit::Count => count(value),
        Unit::Bytes => bytes(value),
        Unit::PercentSeconds => format!("{} %·s", trimmed(value, 1)),
        Unit::PerSecond => format!("{} /s", trimmed(value, 1)),
    }
}

/// The name of a unit in files.
pub(super) const fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Share => "ratio",
        Unit::Seconds => "s",
        Unit::Count => "1",
        Unit::Bytes => "B",
        Unit::PercentSeconds => "%·s",
        Unit::PerSecond => "1/s",
    }
}

/// A ratio in percent. One that is not 0 or 1 never reads as 0 % or 100 %.
fn share(ratio: f64) -> String {
    let percent = ratio * 100.0;
    if percent > 99.0 && percent < 100.0 {
        return format!("{} %", (percent * 100.0).floor() / 100.0);
    }
    if percent > 0.0 && percent < 1.0 {
        return match (percent * 1000.0).round() / 1000.0 {
            0.0 => "< 0.001 %".to_owned(),
            rounded => format!("{rounded} %"),
        };
    }
    format!("{} %", trimmed(percent, 1))
}

fn seconds(value: f64) -> String {
    match value {
        0.0 => "0 s".to_owned(),
        _ if value.abs() < 0.001 => format!("{} µs", (value * 1e6).round()),
        _ if value.abs() < 0.01 => format!("{} ms", trimmed(value * 1e3, 1)),
        _ if value.abs() < 1.0 => format!("{} ms", (value * 1e3).round()),
        _ if value.abs() < 10.0 => format!("{value:.2} s"),
        _ => format!("{value:.1} s"),
    }
}

/// A count with thin spaces between thousands.
fn count(value: f64) -> String {
    if value.fract().abs() > 1e-9 || value.abs() >= 1e15 {
        return trimmed(value, 1);
    }
    let digits = format!("{:.0}", value.abs());
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    if value < 0.0 { format!("−{grouped}") } else { grouped }
}

fn bytes(value: f64) -> String {
    let units = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1024.0)];
    match units.into_iter().find(|(_, size)| value >= *size) {
        Some((unit, size)) => format!("{} {unit}", trimmed(value / size, 1)),
        None => format!("{value} B"),
    }
}

fn trimmed(value: f64, digits: i32) -> String {
    let factor = 10_f64.powi(digits);
    ((value * factor).round() / factor).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_reads_as_all_or_nothing_only_if_it_is() {
        assert_eq!(share(1.0), "100 %");
        assert_eq!(share(0.999_96), "99.99 %");
        assert_eq!(share(0.6204), "62 %");
        assert_eq!(share(0.000_001), "< 0.001 %");
        assert_eq!(share(0.0), "0 %");
    }

    #[test]
    fn seconds_have_the_unit_that_fits() {
        assert_eq!(seconds(0.0), "0 s");
        assert_eq!(seconds(0.000_25), "250 µs");
        assert_eq!(seconds(0.0042), "4.2 ms");
        assert_eq!(seconds(0.4204), "420 ms");
        assert_eq!(seconds(9.4), "9.40 s");
        assert_eq!(seconds(24.31), "24.3 s");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(count(1_234_567.0), "1\u{202f}234\u{202f}567");
        assert_eq!(count(999.0), "999");
        assert_eq!(count(12.5), "12.5");
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        assert_eq!(bytes(33_567_891_456.0), "31.3 GiB");
        assert_eq!(bytes(12.0), "12 B");
    }

    #[test]
    fn a_bound_and_a_missing_value_are_told_apart() {
        assert_eq!(text(&Value::AtLeast(60.0), Unit::Seconds), "≥ 60.0 s");
        assert_eq!(text(&Value::Absent("no fault".to_owned()), Unit::Seconds), "—");
    }
}
