//! From a workload as data to its `n`-th request, fast: templates are parsed once, and what stands
//! in a request depends on nothing but seed, `n` and the schedule.

use std::cell::RefCell;

use super::template::{Place, Source, Template, TemplateError};
use super::{Expected, LedgerEntry, LedgerTemplate, Request, RequestTemplate, Schedule, Workload};
use crate::quantity::Span;
use crate::random::Random;

/// `{{earlier order_id}}` asks for orders due at least this long before the request.
pub const EARLIER: Span = Span::seconds(2);
/// So many arrivals are looked at to find an order among them; where orders are rarer than this
/// the request asks for an order that never was, as at the very beginning.
const EARLIER_LOOKS: u64 = 512;

/// Names of the streams of chance. Each has its own, so that the id of an order can be told without
/// rendering the request that makes it.
mod stream {
    pub(super) const CLASS: &str = "class";
    pub(super) const ORDER: &str = "order";
    pub(super) const REQUEST: &str = "request";
    pub(super) const NEVER_ORDERED: &str = "never ordered";
    pub(super) const CANARY: &str = "canary";
    pub(super) const CANARY_ORDER: &str = "canary order";
}

/// Why a workload cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompileError {
    /// Nothing to send.
    #[error("workload `{workload}` has no requests")]
    Empty {
        /// Name of the workload.
        workload: String,
    },
    /// A weight that is no share.
    #[error("request {number} (class `{class}`): the weight {weight} must be above 0 and finite")]
    Weight {
        /// Which request, from 1.
        number: usize,
        /// Its class.
        class: String,
        /// What was given.
        weight: f64,
    },
    /// A template that cannot be rendered.
    #[error("request {number} (class `{class}`), `{field}`: {error}")]
    Template {
        /// Which request, from 1.
        number: usize,
        /// Its class.
        class: String,
        /// Field of the request.
        field: String,
        /// What is wrong.
        error: TemplateError,
    },
    /// Orders that other runs have too.
    #[error(
        "request {number} (class `{class}`): the order's id must hold `{{{{uuid}}}}`, so that no two runs share one"
    )]
    SharedId {
        /// Which request, from 1.
        number: usize,
        /// Its class.
        class: String,
    },
}

#[derive(Debug, Clone)]
struct CompiledRequest {
    method: String,
    path: Template,
    headers: Vec<(String, Template)>,
    body: Option<Template>,
    ledger: Option<CompiledLedger>,
}

#[derive(Debug, Clone)]
struct CompiledLedger {
    id: Template,
    kind: Option<Template>,
    status_path: Option<Template>,
    expect: Expected,
}

/// A workload that is ready to make requests.
#[derive(Debug, Clone)]
pub struct CompiledWorkload {
    workload: Workload,
    requests: Vec<CompiledRequest>,
    /// Sum of weights up to and with each request.
    shares: Vec<f64>,
}

impl Workload {
    /// Parses every template, once for a whole run.
    pub fn compile(&self) -> Result<CompiledWorkload, CompileError> {
        if self.requests.is_empty() {
            return Err(CompileError::Empty { workload: self.name.clone() });
        }
        let mut total = 0.0;
        let mut shares = Vec::with_capacity(self.requests.len());
        let mut requests = Vec::with_capacity(self.requests.len());
        for (index, request) in self.requests.iter().enumerate() {
            let (number, class) = (index + 1, request.class.clone());
            if !(request.weight > 0.0 && request.weight.is_finite()) {
                return Err(CompileError::Weight { number, class, weight: request.weight });
            }
            total += request.weight;
            shares.push(total);
            requests.push(compile_request(request).map_err(|fault| fault.of(number, class))?);
        }
        Ok(CompiledWorkload { workload: self.clone(), requests, shares })
    }
}

/// What is wrong within one request, before it is said which.
enum RequestFault {
    Template(String, TemplateError),
    SharedId,
}

impl RequestFault {
    fn of(self, number: usize, class: String) -> CompileError {
        match self {
            Self::Template(field, error) => CompileError::Template { number, class, field, error },
            Self::SharedId => CompileError::SharedId { number, class },
        }
    }
}

fn parse(field: &str, text: &str, place: Place) -> Result<Template, RequestFault> {
    Template::parse(text, place).map_err(|error| RequestFault::Template(field.to_owned(), error))
}

fn compile_request(request: &RequestTemplate) -> Result<CompiledRequest, RequestFault> {
    let place = if request.ledger.is_some() { Place::OrderRequest } else { Place::Request };
    let headers = request.headers.iter().map(|(name, value)| {
        let template = parse(&format!("headers.{name}"), value, place)?;
        Ok((name.clone(), template))
    });
    Ok(CompiledRequest {
        method: request.method.clone(),
        path: parse("path", &request.path, place)?,
        headers: headers.collect::<Result<_, _>>()?,
        body: request.body.as_ref().map(|body| parse("body", body, place)).transpose()?,
        ledger: request.ledger.as_ref().map(compile_ledger).transpose()?,
    })
}

fn compile_ledger(ledger: &LedgerTemplate) -> Result<CompiledLedger, RequestFault> {
    let optional = |field: &str, text: &Option<String>, place: Place| {
        text.as_ref().map(|text| parse(field, text, place)).transpose()
    };
    let id = parse("ledger.id", &ledger.id, Place::Ledger)?;
    if !id.is_unique() {
        return Err(RequestFault::SharedId);
    }
    Ok(CompiledLedger {
        id,
        kind: optional("ledger.kind", &ledger.kind, Place::Ledger)?,
        status_path: optional("ledger.status-path", &ledger.status_path, Place::StatusPath)?,
        expect: ledger.expect,
    })
}

impl CompiledWorkload {
    /// The workload that it was made of.
    pub fn workload(&self) -> &Workload {
        &self.workload
    }

    /// The `n`-th request, from 0, under a seed. `schedule` says which orders are due earlier.
    pub fn request(&self, seed: u64, n: u64, schedule: &Schedule) -> Request {
        let index = self.template_of(seed, n);
        let earlier = |random: &mut Random| self.earlier(random, seed, n, schedule);
        let (order, random) =
            (Random::nth(seed, stream::ORDER, n), Random::nth(seed, stream::REQUEST, n));
        self.render(index, n, order, random, &earlier)
    }

    /// The `attempt`-th canary of a class: a request whose id is none of the load's. An order that
    /// should be completed is taken where the class has one. None if there is no such class.
    pub fn canary(&self, seed: u64, class: &str, attempt: u64) -> Option<Request> {
        let completes = |request: &RequestTemplate| {
            request.ledger.as_ref().is_some_and(|ledger| ledger.expect == Expected::Completed)
        };
        let requests = self.workload.requests.iter().enumerate();
        let of_class = requests.filter(|(_, request)| request.class == class);
        let (index, _) = of_class.min_by_key(|(index, request)| (!completes(request), *index))?;
        let never = |_: &mut Random| self.never_ordered(seed, attempt);
        let order = Random::nth(seed, stream::CANARY_ORDER, attempt);
        let request = Random::nth(seed, stream::CANARY, attempt);
        Some(self.render(index, attempt, order, request, &never))
    }

    /// The path at which the state of an order can be asked, if its template names one.
    pub fn status_path(&self, template: usize, order_id: &str) -> Option<String> {
        let ledger = self.requests.get(template)?.ledger.as_ref()?;
        let mut source = Source {
            n: 0,
            random: Random::stream(0, stream::ORDER),
            order_id,
            kind: "",
            earlier: &|_| String::new(),
        };
        Some(ledger.status_path.as_ref()?.render(&mut source))
    }

    /// Which request is the `n`-th.
    fn template_of(&self, seed: u64, n: u64) -> usize {
        let total = self.shares.last().copied().unwrap_or(0.0);
        let drawn = Random::nth(seed, stream::CLASS, n).unit() * total;
        self.shares.partition_point(|share| *share <= drawn).min(self.shares.len() - 1)
    }

    fn render(
        &self,
        index: usize,
        n: u64,
        order: Random,
        random: Random,
        earlier: &dyn Fn(&mut Random) -> String,
    ) -> Request {
        let compiled = &self.requests[index];
        let ledger = compiled.ledger.as_ref().map(|ledger| ledger_entry(ledger, n, order));
        let (order_id, kind) = ledger.as_ref().map_or(("", ""), |entry| {
            (entry.id.as_str(), entry.kind.as_deref().unwrap_or_default())
        });
        let named = RefCell::new(None);
        let earlier = |random: &mut Random| {
            let id = earlier(random);
            named.replace(Some(id.clone()));
            id
        };
        let mut source = Source { n, random, order_id, kind, earlier: &earlier };
        let path = compiled.path.render(&mut source);
        let asks = named.take();
        let headers = compiled
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.render(&mut source)))
            .collect();
        let body = compiled.body.as_ref().map(|body| body.render(&mut source));
        let method = compiled.method.clone();
        Request { template: index, method, path, headers, body, ledger, asks }
    }

    /// The id of an order of this workload that is due at least [`EARLIER`] before request `n`.
    fn earlier(&self, random: &mut Random, seed: u64, n: u64, schedule: &Schedule) -> String {
        let candidates = count_earlier(n, schedule);
        let start = random.below(candidates.max(1));
        for look in 0..candidates.min(EARLIER_LOOKS) {
            let candidate = (start + candidates - look) % candidates;
            let compiled = &self.requests[self.template_of(seed, candidate)];
            if let Some(ledger) = &compiled.ledger {
                let order = Random::nth(seed, stream::ORDER, candidate);
                return ledger_entry(ledger, candidate, order).id;
            }
        }
        self.never_ordered(seed, n)
    }

    /// An id that looks like an order's, of an order that nobody makes.
    fn never_ordered(&self, seed: u64, n: u64) -> String {
        let ledger = self.requests.iter().find_map(|request| request.ledger.as_ref());
        let order = Random::nth(seed, stream::NEVER_ORDERED, n);
        ledger.map_or_else(String::new, |ledger| ledger_entry(ledger, n, order).id)
    }
}

/// How many arrivals are due at least [`EARLIER`] before the `n`-th.
fn count_earlier(n: u64, schedule: &Schedule) -> u64 {
    let due = schedule.due(n).duration();
    due.checked_sub(EARLIER.duration()).map_or(0, |limit| schedule.due_by(Span::from(limit)))
}

/// Id and kind of the order that request `n` makes.
fn ledger_entry(ledger: &CompiledLedger, n: u64, random: Random) -> LedgerEntry {
    let mut source = Source { n, random, order_id: "", kind: "", earlier: &|_| String::new() };
    let id = ledger.id.render(&mut source);
    let kind = ledger.kind.as_ref().map(|kind| kind.render(&mut source));
    LedgerEntry { id, expect: ledger.expect, kind }
}
