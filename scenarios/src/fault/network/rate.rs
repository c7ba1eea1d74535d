//! `rate`: a narrow link. What does not fit waits, and what waits too long is dropped.

use serde::{Deserialize, Serialize};

use super::{Kind, Traffic, Victims};
use crate::action::Injection;
use crate::action::network::Effect;
use crate::text::Item;

/// Bits per second by their words, the longest first, since each ends with the next.
const UNITS: [(&str, f64); 4] = [("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3), ("bit/s", 1.0)];
/// The least and the most, bits per second.
const LEAST: f64 = 8_000.0;
const MOST: f64 = 10e9;

/// Limits the bits per second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Which packets of whom.
    pub traffic: Traffic,
    /// Bits per second, each way.
    pub bits: u64,
}

impl Kind for RateLimit {
    /// Reads `{from | role | name, mode, limit, direction, to}`; the limit is such as `1Mbit/s`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let traffic = Traffic::read(&mut fields);
        let bits = fields.required("limit").and_then(|item| bits(&item));
        fields.finish();
        Some(Self { traffic: traffic?, bits: bits? })
    }

    fn traffic(&self) -> Option<&Traffic> {
        Some(&self.traffic)
    }

    fn traffic_mut(&mut self) -> Option<&mut Traffic> {
        Some(&mut self.traffic)
    }

    fn title(&self, whom: &str) -> String {
        let kilobits = self.bits as f64 / 1e3;
        format!("limit {} to {kilobits} kbit/s each way", self.traffic.of(whom))
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        self.traffic.meets(Effect::Rate { bits: self.bits }, victims)
    }
}

fn bits(item: &Item<'_>) -> Option<u64> {
    let text = item.text()?;
    let read = UNITS.iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
        Some(number * factor)
    });
    let Some(bits) = read else {
        return item.wrong(format!("`{text}` is not a number of bits, such as `1Mbit/s`"), None);
    };
    if (LEAST..=MOST).contains(&bits) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is in the range that was just checked"
        )]
        return Some(bits.round() as u64);
    }
    item.wrong(format!("`{text}` is not between `8kbit/s` and `10Gbit/s`"), None)
}
