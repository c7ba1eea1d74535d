//! What was asked of a measure, set against what was seen.

use chaos_scenarios::expectation::{Expectation, Operator};

use super::{ExpectationResult, Value};

impl ExpectationResult {
    /// Whether an expectation holds for a value.
    pub fn of(expectation: Expectation, observed: Value) -> Self {
        let held = holds(&expectation, &observed);
        Self { expectation, observed, held }
    }
}

fn holds(expectation: &Expectation, observed: &Value) -> Option<bool> {
    let (operator, asked) = (expectation.operator, expectation.value);
    match observed {
        Value::Exact(value) => Some(operator.holds(*value, asked)),
        Value::AtLeast(limit) => at_least(operator, *limit, asked),
        Value::Absent(_) => None,
    }
}

/// What was not reached in all the time that was watched fails every upper bound, also one beyond
/// the watch: nobody saw it kept.
fn at_least(operator: Operator, limit: f64, asked: f64) -> Option<bool> {
    match operator {
        Operator::Less | Operator::AtMost => Some(false),
        Operator::Greater | Operator::NotEqual => (limit > asked).then_some(true),
        Operator::AtLeast => (limit >= asked).then_some(true),
        Operator::Equal => (limit > asked).then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use chaos_scenarios::measure::Measure;

    use super::*;

    #[track_caller]
    fn check(operator: Operator, asked: f64, observed: Value, held: Option<bool>) {
        let measure = Measure::Recovery;
        let expectation = Expectation { measure, operator, value: asked, scope: None };
        assert_eq!(ExpectationResult::of(expectation, observed).held, held);
    }

    #[test]
    fn what_was_never_reached_fails_upper_bounds_and_proves_lower_ones() {
        let watched = || Value::AtLeast(36.0);
        check(Operator::Less, 30.0, watched(), Some(false));
        check(Operator::AtMost, 60.0, watched(), Some(false));
        check(Operator::Greater, 30.0, watched(), Some(true));
        check(Operator::Greater, 60.0, watched(), None);
        check(Operator::AtLeast, 36.0, watched(), Some(true));
        check(Operator::Equal, 1.0, watched(), Some(false));
        check(Operator::Equal, 40.0, watched(), None);
        check(Operator::NotEqual, 1.0, watched(), Some(true));
    }

    #[test]
    fn an_absent_value_can_neither_hold_nor_fail() {
        for (_, operator) in Operator::ALL {
            check(operator, 1.0, Value::Absent("never read".to_owned()), None);
        }
        check(Operator::Less, 30.0, Value::Exact(29.9), Some(true));
        check(Operator::Less, 30.0, Value::Exact(30.0), Some(false));
    }
}
