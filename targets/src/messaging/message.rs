//! A message as it travels: an event, its fixed id, and headers that count what happened to it.
//!
//! The counters are headers of our own: those that begin with `x-` belong to the broker, which
//! resets or ignores them when a client sends them.

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use uuid::Uuid;

use super::topology::{DIRECT, EXCHANGE};
use crate::domain::event::Event;
use crate::log::now_micros;

const ATTEMPT: &str = "attempt";
const FIRST_SEEN: &str = "first-seen";
const LAST_ERROR: &str = "last-error";
const REDRIVES: &str = "redrives";

/// Longest text of an error that is carried along, in bytes.
const LONGEST_ERROR: usize = 200;

/// What happened to a message so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct History {
    /// Retries so far.
    pub(super) attempt: usize,
    /// Time of its first failure in unix microseconds.
    pub(super) first_seen: i64,
    /// The latest failure.
    pub(super) last_error: String,
    /// How often it was sent again after it had been given up.
    pub(super) redrives: usize,
}

impl History {
    /// Reads the headers of a delivery; a fresh message has none.
    pub(super) fn of(properties: &BasicProperties) -> Self {
        let headers = properties.headers().as_ref();
        let header = |name: &str| headers.and_then(|headers| headers.inner().get(name));
        let number = |name: &str| match header(name) {
            Some(AMQPValue::LongLongInt(value)) => Some(*value),
            Some(AMQPValue::LongInt(value)) => Some(i64::from(*value)),
            _ => None,
        };
        let count = |name: &str| number(name).and_then(|value| usize::try_from(value).ok());
        let last_error = match header(LAST_ERROR) {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            _ => String::new(),
        };
        Self {
            attempt: count(ATTEMPT).unwrap_or(0),
            first_seen: number(FIRST_SEEN).unwrap_or_else(now_micros),
            last_error,
            redrives: count(REDRIVES).unwrap_or(0),
        }
    }

    fn headers(&self) -> FieldTable {
        let count = |value: usize| AMQPValue::LongLongInt(i64::try_from(value).unwrap_or(i64::MAX));
        let mut end = self.last_error.len().min(LONGEST_ERROR);
        while !self.last_error.is_char_boundary(end) {
            end -= 1;
        }
        let mut headers = FieldTable::default();
        headers.insert(ATTEMPT.into(), count(self.attempt));
        headers.insert(FIRST_SEEN.into(), AMQPValue::LongLongInt(self.first_seen));
        headers.insert(LAST_ERROR.into(), AMQPValue::LongString(self.last_error[..end].into()));
        headers.insert(REDRIVES.into(), count(self.redrives));
        headers
    }
}

/// A message on its way out.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) exchange: &'static str,
    pub(super) routing_key: String,
    /// Whether it is a failure when no queue takes it.
    pub(super) mandatory: bool,
    pub(super) id: String,
    pub(super) body: Vec<u8>,
    pub(super) history: Option<History>,
}

impl Outgoing {
    /// An event for whoever listens.
    pub(super) fn event(event: &Event, id: Uuid) -> Self {
        Self {
            exchange: EXCHANGE,
            routing_key: event.routing_key(),
            mandatory: event.needs_listener(),
            id: id.to_string(),
            body: serde_json::to_vec(event).expect("an event has only text keys"),
            history: None,
        }
    }

    /// A delivery that goes on to another queue, with the same id and body.
    pub(super) fn pass_on(delivery: &Delivery, queue: String, history: History) -> Self {
        Self {
            exchange: DIRECT,
            routing_key: queue,
            mandatory: true,
            id: message_id(&delivery.properties),
            body: delivery.data.clone(),
            history: Some(history),
        }
    }

    /// The properties to publish it with.
    pub(super) fn properties(&self, persistent: bool) -> BasicProperties {
        let properties = BasicProperties::default()
            .with_message_id(self.id.as_str().into())
            .with_content_type("application/json".into())
            .with_delivery_mode(if persistent { 2 } else { 1 });
        match &self.history {
            Some(history) => properties.with_headers(history.headers()),
            None => properties,
        }
    }
}

/// The id of a message; empty where its sender gave none.
pub(super) fn message_id(properties: &BasicProperties) -> String {
    properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use lapin::BasicProperties;

    use super::History;

    #[test]
    fn a_history_survives_its_headers() {
        let history =
            History { attempt: 3, first_seen: 17, last_error: "no luck".into(), redrives: 2 };
        let properties = BasicProperties::default().with_headers(history.headers());
        assert_eq!(History::of(&properties), history);
    }

    #[test]
    fn long_errors_are_cut_between_characters_and_missing_headers_mean_a_fresh_message() {
        let last_error = "é".repeat(150) + "x";
        let history = History { attempt: 1, first_seen: 1, last_error, redrives: 0 };
        let properties = BasicProperties::default().with_headers(history.headers());
        assert_eq!(History::of(&properties).last_error, "é".repeat(100));
        let fresh = History::of(&BasicProperties::default());
        assert_eq!((fresh.attempt, fresh.redrives), (0, 0));
        assert!(fresh.first_seen > 0);
    }
}
