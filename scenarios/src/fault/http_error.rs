//! `http-error`: a share of the calls is answered with an error, and nothing is done.

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::switch::{self, Place};
use super::{Kind, Victims};
use crate::action::Injection;
use crate::quantity::Percent;
use crate::selector::Selector;
use crate::text::Item;

/// Answers calls with an error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpError {
    /// Whom.
    pub selector: Selector,
    /// Where.
    pub place: Place,
    /// The share of the calls.
    pub probability: Percent,
    /// HTTP status of the answers.
    pub status: u16,
}

impl Kind for HttpError {
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let place = Place::read(&mut fields);
        let probability = switch::probability(&mut fields);
        let status = switch::status(&mut fields);
        fields.finish();
        Some(Self {
            selector: selector?,
            place: place?,
            probability: probability?,
            status: status?,
        })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("answer {} of the calls of {whom} with {}", self.probability, self.status)
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let mut order = Map::new();
        order.insert("mode".to_owned(), json!("status"));
        order.insert("status".to_owned(), json!(self.status));
        order.insert("probability".to_owned(), json!(self.probability.ratio()));
        switch::armed(victims, &self.place, &order)
    }
}
