//! `traffic`: more or fewer users than usual. It is part of the arrival schedule and of no
//! container; whether the schedule was kept is judged for every run.

use serde::{Deserialize, Serialize};

use super::{Kind, Victims};
use crate::action::Injection;
use crate::quantity::Rate;
use crate::selector::Selector;
use crate::text::Item;

/// Changes the rate of arrivals.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Traffic {
    /// Arrivals per second while it lasts.
    pub rate: Rate,
}

impl Kind for Traffic {
    /// Reads `{rate}`.
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let rate = fields.required("rate");
        let rate = rate.and_then(|item| item.parse("a rate, such as `200/s`"));
        fields.finish();
        Some(Self { rate: rate? })
    }

    fn selector(&self) -> Option<&Selector> {
        None
    }

    fn title(&self, _whom: &str) -> String {
        format!("traffic of {}", self.rate)
    }

    fn injection(&self, _victims: &Victims<'_>) -> Result<Injection, String> {
        Ok(Injection::default())
    }

    fn rate(&self) -> Option<Rate> {
        Some(self.rate)
    }
}
