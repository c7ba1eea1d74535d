//! Scales: from values to places, with ticks that a person would choose.

/// How values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    Linear,
    Logarithmic,
}

/// A scale from `low` to `high` and its ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    spread: Spread,
    /// Where ticks stand, ascending.
    pub ticks: Vec<f64>,
}

impl Axis {
    /// From `low` to `high` exactly, with at most `most` ticks at round values between.
    pub fn exact(low: f64, high: f64, most: u32) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        let step = round_step((high - low) / f64::from(most.max(1)));
        Self { low, high, spread: Spread::Linear, ticks: multiples(low, high, step) }
    }

    /// From 0 to the first tick at or above `high`, with about `most` ticks.
    pub fn from_zero(high: f64, most: u32) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let step = round_step(high / f64::from(most.max(1)));
        let top = (high / step).ceil() * step;
        Self { low: 0.0, high: top, spread: Spread::Linear, ticks: multiples(0.0, top, step) }
    }

    /// Whole decades around `low` and `high` (both above 0), with a tick per decade.
    pub fn decades(low: f64, high: f64) -> Self {
        let first = low.max(f64::MIN_POSITIVE).log10().floor();
        let last = high.max(f64::MIN_POSITIVE).log10().ceil().max(first + 1.0);
        let mut ticks = Vec::new();
        let mut exponent = first;
        while exponent <= last {
            ticks.push(10_f64.powf(exponent));
            exponent += 1.0;
        }
        let (low, high) = (10_f64.powf(first), 10_f64.powf(last));
        Self { low, high, spread: Spread::Logarithmic, ticks }
    }

    /// Place of a value, 0 at the low end and 1 at the high end; values outside are held at the end.
    pub fn share(&self, value: f64) -> f64 {
        let place = match self.spread {
            Spread::Linear => (value - self.low) / (self.high - self.low),
            Spread::Logarithmic => {
                let value = value.max(self.low);
                (value / self.low).log10() / (self.high / self.low).log10()
            }
        };
        place.clamp(0.0, 1.0)
    }

    /// The low end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// The high end.
    pub fn high(&self) -> f64 {
        self.high
    }
}

/// The smallest of 1, 2, 5 × a power of ten that is at least `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= least * 0.999_999);
    factor.unwrap_or(10.0) * power
}

fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil();
    let count = (high / step + 1e-9).floor() - first;
    let mut ticks = Vec::new();
    let mut n = 0.0;
    while n <= count {
        ticks.push((first + n) * step);
        n += 1.0;
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(
            Axis::exact(-20.0, 63.0, 9).ticks,
            [-20.0, -10.0, 0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
        );
        assert_eq!(Axis::from_zero(97.0, 4).ticks, [0.0, 50.0, 100.0]);
        assert_eq!(Axis::from_zero(0.0, 4).ticks, [0.0, 0.5, 1.0]);
    }

    #[test]
    fn a_logarithmic_scale_gives_each_decade_the_same_room() {
        let axis = Axis::decades(2.0, 900.0);
        let ticks: Vec<f64> = axis.ticks.iter().map(|tick| tick.round()).collect();
        assert_eq!(ticks, [1.0, 10.0, 100.0, 1000.0]);
        assert!((axis.share(10.0) - 1.0 / 3.0).abs() < 1e-9);
        assert!(axis.share(0.0).abs() < 1e-9, "zero has no logarithm and stands at the low end");
    }

    #[test]
    fn values_outside_are_held_at_the_ends() {
        let axis = Axis::exact(0.0, 10.0, 5);
        assert!((axis.share(-5.0), axis.share(50.0)) == (0.0, 1.0));
    }

    #[test]
    fn an_empty_range_has_room_anyway() {
        let axis = Axis::exact(3.0, 3.0, 5);
        assert!(axis.high() > axis.low());
    }
}
