//! What users do: weighted requests as data, and when they do it. The `n`-th request under a seed
//! is a pure function, so every engine sends the same.

mod arrival;
mod compiled;
mod decode;
mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::arrival::{Schedule, ScheduleError};
pub use self::compiled::{CompileError, CompiledWorkload, EARLIER};
pub use self::decode::{BUILTIN, builtin, decode};
pub use self::template::{PLACEHOLDERS, TemplateError};
use crate::quantity::{Rate, Span};

/// What a client should be told in the end about a ledgered request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// It is completed.
    Completed,
    /// It is refused for a reason of business.
    Rejected,
    /// Either: finite stock decides.
    Either,
}

/// Puts a request on the ledger: it is an order whose fate will be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerTemplate {
    /// Template of the order's id.
    pub id: String,
    /// What should become of it.
    pub expect: Expected,
    /// Template of the kind of order, such as `standard`.
    pub kind: Option<String>,
    /// Path at which its state can be asked, with `{{order_id}}`.
    pub status_path: Option<String>,
}

/// One weighted request of a workload; texts are templates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestTemplate {
    /// The class it is counted in.
    pub class: String,
    /// Share among all requests, relative.
    pub weight: f64,
    /// HTTP method, upper case.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields.
    pub headers: BTreeMap<String, String>,
    /// Body, sent as written.
    pub body: Option<String>,
    /// Statuses that are accepted.
    pub accept: Vec<u16>,
    /// Slower than this is not good.
    pub bound: Span,
    /// Set for an order.
    pub ledger: Option<LedgerTemplate>,
}

/// A workload: what users do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// The class that headlines compare.
    pub headline: String,
    /// Time after which a client gives up; the same for every target.
    pub timeout: Span,
    /// The requests.
    pub requests: Vec<RequestTemplate>,
}

/// How arrivals follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrival {
    /// Evenly spaced.
    Constant,
    /// Memoryless.
    Poisson,
}

/// From `from` on, arrivals come at `rate`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Offset from the start of the load.
    pub from: Span,
    /// Arrivals per second.
    pub rate: Rate,
}

/// The ledger entry of one concrete request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The order's id.
    pub id: String,
    /// What should become of it.
    pub expect: Expected,
    /// Kind of order.
    pub kind: Option<String>,
}

/// One concrete request, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Index into [`Workload::requests`].
    pub template: usize,
    /// HTTP method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<String>,
    /// Set for an order.
    pub ledger: Option<LedgerEntry>,
    /// The earlier order that the path names, if it names one: the request asks how that stands.
    pub asks: Option<String>,
}
