//! Reads a workload file. Templates are parsed here already, so that each mistake in one is shown
//! at its place in the file. A value that may be left out counts as left out when it is wrong: the
//! mistake is noted, so nothing is made of the file anyway.

use std::collections::BTreeMap;

use super::template::{Place, Template};
use super::{Expected, LedgerTemplate, RequestTemplate, Workload};
use crate::quantity::Span;
use crate::text::{Diagnostics, Fields, Item, decode as decode_text};

/// The only version of the format so far.
const VERSION: u32 = 1;
const METHODS: [(&str, &str); 6] = [
    ("GET", "GET"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
    ("HEAD", "HEAD"),
];
const EXPECTED: [(&str, Expected); 3] = [
    ("completed", Expected::Completed),
    ("rejected", Expected::Rejected),
    ("either", Expected::Either),
];
const SPAN: &str = "a span of time, such as `500ms` or `3s`";
const WEIGHT: &str = "a number above 0, such as `60` or `0.5`";

/// Every workload that comes with the harness: its name and its file.
pub const BUILTIN: [(&str, &str); 1] = [("checkout", include_str!("../../workload/checkout.yaml"))];

/// The built-in workload of a name.
pub fn builtin(name: &str) -> Option<Workload> {
    let (name, text) = BUILTIN.iter().find(|(known, _)| *known == name)?;
    Some(decode(&format!("{name}.yaml"), text).expect("the built-in workloads are valid"))
}

/// Reads a workload file; all its mistakes are returned at once.
pub fn decode(file: &str, text: &str) -> Result<Workload, Diagnostics> {
    decode_text(file, text, read_workload).map(|(workload, _)| workload)
}

fn read_workload(root: &Item<'_>) -> Option<Workload> {
    let mut fields = root.fields()?;
    let version = fields.required("version").and_then(|item| read_version(&item));
    let name = fields.required("name").and_then(|item| item.text());
    let headline = fields.required("headline");
    let timeout = fields.required("timeout").and_then(|item| read_length(&item));
    let requests = fields.required("requests");
    let mut reader = RequestReader { timeout, ..RequestReader::default() };
    let requests = requests.and_then(|item| read_requests(&item, &mut reader));
    let headline = headline.and_then(|item| reader.read_headline(&item));
    fields.finish();
    version?;
    Some(Workload { name: name?, headline: headline?, timeout: timeout?, requests: requests? })
}

fn read_version(item: &Item<'_>) -> Option<u32> {
    let version = item.parse("a version, which is `1`")?;
    if version == VERSION {
        return Some(version);
    }
    item.wrong(format!("version {version} of workloads is not known"), Some("write `1`".to_owned()))
}

fn read_length(item: &Item<'_>) -> Option<Span> {
    match item.parse(SPAN)? {
        Span::ZERO => item.wrong("a length of time above 0 is needed here", None),
        length => Some(length),
    }
}

fn read_requests<'a>(
    list: &Item<'a>,
    reader: &mut RequestReader<'a>,
) -> Option<Vec<RequestTemplate>> {
    let requests = list.list(|item| reader.read(item));
    if list.items()?.is_empty() {
        return list.wrong("a workload needs at least one request", None);
    }
    if !reader.makes_orders {
        let help = Some("add `ledger` to the request that makes them".to_owned());
        for item in &reader.asks_earlier {
            item.wrong::<()>(
                "`{{earlier order_id}}` needs a request that makes orders",
                help.clone(),
            );
        }
    }
    requests
}

/// Reads the requests and keeps what concerns several of them.
#[derive(Default)]
struct RequestReader<'a> {
    timeout: Option<Span>,
    /// Every class with its bound, if that could be read.
    classes: BTreeMap<String, Option<Span>>,
    makes_orders: bool,
    asks_earlier: Vec<Item<'a>>,
}

impl<'a> RequestReader<'a> {
    fn read(&mut self, item: &Item<'a>) -> Option<RequestTemplate> {
        let mut fields = item.fields()?;
        let class = fields.required("class").and_then(|item| read_name(&item));
        if let Some(class) = &class {
            self.classes.entry(class.clone()).or_default();
        }
        let weight = fields.required("weight").and_then(|item| read_weight(&item));
        let method = fields.required("method").and_then(|item| item.one_of("method", &METHODS));
        let path = fields.required("path");
        let headers = fields.optional("headers");
        let body = fields.optional("body");
        let accept = fields.required("accept").and_then(|item| read_accept(&item));
        let bound = fields.required("bound");
        let bound = bound.and_then(|item| self.read_bound(class.as_deref(), &item));
        let ledger = fields.optional("ledger");
        fields.finish();

        let place = if ledger.is_some() { Place::OrderRequest } else { Place::Request };
        self.makes_orders |= ledger.is_some();
        let ledger = ledger.and_then(|item| read_ledger(&item));
        let has_kind = ledger.as_ref().is_none_or(|ledger| ledger.kind.is_some());
        let mut text = |item: &Item<'a>| self.read_text(item, place, has_kind);
        let path = path.and_then(|item| read_path(&item, &mut text));
        let headers = headers.and_then(|item| item.map(|_, value| text(value)));
        let body = body.and_then(|item| text(&item));
        Some(RequestTemplate {
            class: class?,
            weight: weight?,
            method: method?.to_owned(),
            path: path?,
            headers: headers.unwrap_or_default(),
            body,
            accept: accept?,
            bound: bound?,
            ledger,
        })
    }

    fn read_headline(&self, item: &Item<'_>) -> Option<String> {
        if self.classes.is_empty() {
            return item.text();
        }
        let classes: Vec<_> =
            self.classes.keys().map(|class| (class.as_str(), class.clone())).collect();
        item.one_of("class of this workload", &classes)
    }

    /// A template in a request; the text itself is kept.
    fn read_text(&mut self, item: &Item<'a>, place: Place, has_kind: bool) -> Option<String> {
        let (text, template) = read_template(item, place)?;
        if template.asks_earlier() {
            self.asks_earlier.push(item.clone());
        }
        if template.shows_kind() && !has_kind {
            let help = Some("add `kind` to the `ledger` of this request".to_owned());
            return item.wrong("`{{kind}}` has no value here: the order has no kind", help);
        }
        Some(text)
    }

    fn read_bound(&mut self, class: Option<&str>, item: &Item<'_>) -> Option<Span> {
        let bound = read_length(item)?;
        if let Some(timeout) = self.timeout.filter(|timeout| bound > *timeout) {
            let message = format!("the bound {bound} is above the timeout {timeout}");
            return item.wrong(message, Some("a slower answer is never seen".to_owned()));
        }
        let class = class?;
        match self.classes.insert(class.to_owned(), Some(bound)).flatten() {
            Some(other) if other != bound => {
                let message = format!("class `{class}` already has the bound {other}");
                item.wrong(message, Some("give all requests of a class one bound".to_owned()))
            }
            _ => Some(bound),
        }
    }
}

fn read_name(item: &Item<'_>) -> Option<String> {
    let name = item.text()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !name.is_empty() && name.chars().all(plain) {
        return Some(name);
    }
    item.wrong(format!("`{name}` is not a name"), Some("use `a-z`, `0-9` and `-`".to_owned()))
}

fn read_weight(item: &Item<'_>) -> Option<f64> {
    let weight: f64 = item.parse(WEIGHT)?;
    if weight > 0.0 && weight.is_finite() {
        return Some(weight);
    }
    item.wrong(format!("`{weight}` is not {WEIGHT}"), None)
}

fn read_accept(item: &Item<'_>) -> Option<Vec<u16>> {
    let statuses = item.list(|item| {
        let status: u16 = item.parse("an HTTP status, such as `200`")?;
        if (200..600).contains(&status) {
            return Some(status);
        }
        item.wrong(format!("{status} is not an HTTP status from 200 to 599"), None)
    })?;
    if statuses.is_empty() {
        return item.wrong("at least one status must be accepted", None);
    }
    Some(statuses)
}

fn read_template(item: &Item<'_>, place: Place) -> Option<(String, Template)> {
    let text = item.text()?;
    match Template::parse(&text, place) {
        Ok(template) => Some((text, template)),
        Err(error) => item.wrong(error.to_string(), None),
    }
}

fn read_path<'a>(
    item: &Item<'a>,
    read: &mut impl FnMut(&Item<'a>) -> Option<String>,
) -> Option<String> {
    let path = read(item)?;
    check_path(item, path)
}

fn check_path(item: &Item<'_>, path: String) -> Option<String> {
    if path.starts_with('/') {
        return Some(path);
    }
    item.wrong(format!("the path `{path}` must begin with `/`"), None)
}

fn read_ledger(item: &Item<'_>) -> Option<LedgerTemplate> {
    let mut fields: Fields<'_> = item.fields()?;
    let id = fields.required("id").and_then(|item| read_id(&item));
    let expect = fields.required("expect");
    let expect = expect.and_then(|item| item.one_of("expected end of an order", &EXPECTED));
    let kind = fields.optional("kind").and_then(|item| read_template(&item, Place::Ledger));
    let status_path = fields.optional("status-path").and_then(|item| {
        let (path, _) = read_template(&item, Place::StatusPath)?;
        check_path(&item, path)
    });
    fields.finish();
    Some(LedgerTemplate { id: id?, expect: expect?, kind: kind.map(|(text, _)| text), status_path })
}

fn read_id(item: &Item<'_>) -> Option<String> {
    let (text, template) = read_template(item, Place::Ledger)?;
    if template.is_unique() {
        return Some(text);
    }
    let help = Some("write `{{uuid}}` in it".to_owned());
    item.wrong("orders of two runs would share this id", help)
}
