//! One JSON object per line on standard error: few lines, each about something an operator would
//! want to know (a connection lost or won, a message given up), never one per request.

use std::fmt::Display;
use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

/// Writes one line: the time in unix microseconds, what happened, and its details.
pub(crate) fn event(what: &str, details: &[(&str, &dyn Display)]) {
    let mut line = Map::new();
    line.insert("at".into(), Value::from(now_micros()));
    line.insert("event".into(), Value::from(what));
    for (name, value) in details {
        line.insert((*name).into(), Value::from(value.to_string()));
    }
    // Nothing sensible is left to do when standard error itself is gone.
    let _ = writeln!(std::io::stderr(), "{}", Value::Object(line));
}

/// The time now in unix microseconds: the unit of every time that this application shows.
pub(crate) fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
