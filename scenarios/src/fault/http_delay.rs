//! `http-delay`: a share of the calls takes longer, as with a slow disk or a slow dependency.

use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::switch::{self, Place};
use super::{Kind, Victims};
use crate::action::Injection;
use crate::quantity::{Percent, Span};
use crate::selector::Selector;
use crate::text::Item;

/// The longest delay that the application takes.
const LONGEST: Span = Span::seconds(60);

/// Lets calls take longer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpDelay {
    /// Whom.
    pub selector: Selector,
    /// Where.
    pub place: Place,
    /// How much longer.
    pub delay: Span,
    /// The share of the calls.
    pub probability: Percent,
}

impl Kind for HttpDelay {
    fn read(item: &Item<'_>) -> Option<Self> {
        let mut fields = item.fields()?;
        let selector = Selector::from_fields(&mut fields);
        let place = Place::read(&mut fields);
        let delay = fields.required("delay").and_then(|item| delay(&item));
        let probability = switch::probability(&mut fields);
        fields.finish();
        Some(Self { selector: selector?, place: place?, delay: delay?, probability: probability? })
    }

    fn selector(&self) -> Option<&Selector> {
        Some(&self.selector)
    }

    fn title(&self, whom: &str) -> String {
        format!("delay {} of the calls of {whom} by {}", self.probability, self.delay)
    }

    fn injection(&self, victims: &Victims<'_>) -> Result<Injection, String> {
        let mut order = Map::new();
        order.insert("mode".to_owned(), json!("delay"));
        order.insert("delay_ms".to_owned(), json!(self.delay.micros() / 1000));
        order.insert("probability".to_owned(), json!(self.probability.ratio()));
        switch::armed(victims, &self.place, &order)
    }
}

fn delay(item: &Item<'_>) -> Option<Span> {
    let delay: Span = item.parse("a span of time, such as `300ms`")?;
    if delay > Span::ZERO && delay <= LONGEST {
        return Some(delay);
    }
    item.wrong(format!("{delay} is not a delay above `0s` and up to `{LONGEST}`"), None)
}
