//! `fail-first`: the first calls fail and all later ones do not: whoever tries again gets through.

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::switch::{self, Place};
use super::{Kind, Victims};
use crate::action::Injection;
use crate::selector::Selector;
use crate::text::Item;

/// Fails the first calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailFirst {
    /// Whom.
    pub selector: Selector,
    /// Where.
    pub place: Place,
    /// How many.
    pub times: u32,
    /// HTTP status of the answers.
    pub status: u16,
}

impl Kind for FailFirst {
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let place = Place::read(&mut fields);
        let times = fields.required("times").and_then(|item| times(&item));
        let status = switch::status(&mut fields);
        fields.finish();
        Some(Self { selector: selector?, place: place?, times: times?, status: status? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("fail the first {} calls of {whom} with {}", self.times, self.status)
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let mut order = Map::new();
        order.insert("mode".to_owned(), json!("status"));
        order.insert("status".to_owned(), json!(self.status));
        order.insert("first".to_owned(), json!(self.times));
        switch::armed(victims, &self.place, &order)
    }
}

fn times(item: &Item<'_>) -> Option<u32> {
    let times: u32 = item.parse("a whole number")?;
    if times > 0 { Some(times) } else { item.wrong("at least the first call fails", None) }
}
