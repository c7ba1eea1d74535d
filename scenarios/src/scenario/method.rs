//! Reads the method of a scenario: its steps, when each begins, and how long it lasts.

use std::collections::BTreeMap;

use super::decode::{positive_span, span};
use super::{Analogue, Begin, ForEach, Length, OnMissing, Pulse, Step};
use crate::fault::Fault;
use crate::fault::network::{from, to};
use crate::plan::profile::Profile;
use crate::quantity::Span;
use crate::selector::{By, Selector};
use crate::text::tree::Value;
use crate::text::{Fields, Item};

const ON_MISSING: [(&str, OnMissing); 2] =
    [("error", OnMissing::Error), ("not-applicable", OnMissing::NotApplicable)];
/// Steps of one method.
pub(crate) const MOST_STEPS: usize = 1000;
/// A fault comes and goes at most this often.
pub(crate) const MOST_PULSES: u32 = 100;

/// Reads the steps. A step may begin after an earlier one, which it names by its `id`.
pub(super) fn read(fields: &mut Fields<'_>, for_each: Option<ForEach>) -> Vec<Step> {
    let mut ids = Vec::new();
    let mut speaks_of_each = false;
    let mut too_many = false;
    let steps = fields.list("method", |item| {
        if ids.len() == MOST_STEPS {
            let told = std::mem::replace(&mut too_many, true);
            let message = format!("a method has at most {MOST_STEPS} steps");
            return if told { None } else { item.wrong(message, None) };
        }
        let step = step(item, &mut ids)?;
        let analogues = step.analogue.values().map(|analogue| &analogue.selector);
        let selectors = analogues.chain(step.fault.selector());
        let each = selectors.into_iter().any(|selector| selector.by == By::Each);
        speaks_of_each |= each;
        if each && for_each.is_none() {
            let help = "add `for-each: component` to the scenario".to_owned();
            item.note("`role: each` means the component that a run is about", Some(help));
        }
        Some(step)
    });
    if for_each.is_some() && !speaks_of_each {
        let help = "write `role: each` where the component of the run is meant".to_owned();
        fields.item().note("`for-each` is said, and no fault speaks of each", Some(help));
    }
    steps
}

/// Reads a step that has none before it.
pub(crate) fn first(item: &Item<'_>) -> Option<Step> {
    step(item, &mut Vec::new())
}

/// Reads a step; adds its id to those of the steps before it.
fn step(item: &Item<'_>, ids: &mut Vec<Option<String>>) -> Option<Step> {
    let Some(mut fields) = item.fields() else {
        ids.push(None);
        return None;
    };
    let begin = fields.optional("at").map_or(Some(Begin::At(Span::ZERO)), |item| begin(&item, ids));
    let id = fields.optional("id").and_then(|item| id(&item, ids));
    ids.push(id);
    let length = fields.optional("for");
    let pulse = fields.optional("pulse");
    let fault = fields.required("fault").and_then(|item| Fault::read(&item));
    if let (Some(item), Some(_)) = (&length, &pulse) {
        item.note("`for` and `pulse` exclude each other", Some("`off` is the length".to_owned()));
    }
    if let (Some(fault), Some(item)) = (&fault, length.as_ref().or(pulse.as_ref())) {
        let keyword = fault.keyword();
        if fault.gap().is_some() {
            item.note(format!("a `{keyword}` lasts as long as it takes"), None);
        } else if fault.stays() {
            item.note(format!("this `{keyword}` is not undone, so it has no length"), None);
        }
    }
    if let (Some(fault), Some(Begin::After { .. })) = (&fault, begin)
        && fault.rate().is_some()
    {
        let help = "say `at:` as a span of the test phase".to_owned();
        item.note("the load is planned beforehand and cannot wait for another step", Some(help));
    }
    let length = length.map_or(Some(Length::OfProfile), |item| self::length(&item));
    let pulse = match pulse {
        None => Some(None),
        Some(item) => self::pulse(&item).map(Some),
    };
    let on_missing = fields.optional("on-missing").map_or(Some(OnMissing::Error), |item| {
        item.one_of("answer to a missing role", &ON_MISSING)
    });
    let analogue = fields.optional("analogue").map_or(Some(BTreeMap::new()), |item| {
        item.map(|_, item| self::analogue(item, fault.as_ref()))
    });
    fields.finish();
    Some(Step {
        begin: begin?,
        length: length?,
        pulse: pulse?,
        fault: fault?,
        on_missing: on_missing?,
        analogue: analogue?,
    })
}

/// Reads a selector; for a fault of the network, `from` and `to` as well.
fn analogue(item: &Item<'_>, fault: Option<&Fault>) -> Option<Analogue> {
    let mut fields = item.fields()?;
    let (selector, to) = match fault {
        Some(fault) if fault.traffic().is_none() => {
            (Selector::from_fields(&mut fields), Some(None))
        }
        _ => {
            let selector = from(&mut fields);
            let to = to(&mut fields, selector.as_ref());
            (selector, to)
        }
    };
    fields.finish();
    Some(Analogue { selector: selector?, to: to? })
}

/// A span from the start of the test phase, or `{after: ID, plus: SPAN}`.
fn begin(item: &Item<'_>, ids: &[Option<String>]) -> Option<Begin> {
    if matches!(item.node().value, Value::Scalar { .. }) {
        return span(item).map(Begin::At);
    }
    let mut fields = item.fields()?;
    let after = fields.required("after").and_then(|item| earlier(&item, ids));
    let plus = fields.optional("plus").map_or(Some(Span::ZERO), |item| span(&item));
    fields.finish();
    Some(Begin::After { step: after?, plus: plus? })
}

fn earlier(item: &Item<'_>, ids: &[Option<String>]) -> Option<usize> {
    let name = item.text()?;
    let found = ids.iter().position(|id| id.as_ref() == Some(&name));
    found.or_else(|| {
        let help = "give an earlier step this `id`".to_owned();
        item.wrong(format!("no earlier step has the id `{name}`"), Some(help))
    })
}

fn id(item: &Item<'_>, ids: &[Option<String>]) -> Option<String> {
    let id = item.text()?;
    if ids.contains(&Some(id.clone())) {
        return item.wrong(format!("an earlier step has the id `{id}`, too"), None);
    }
    Some(id)
}

pub(crate) fn pulse(item: &Item<'_>) -> Option<Pulse> {
    let mut fields = item.fields()?;
    let off = fields.required("off").and_then(|item| positive_span(&item));
    let on = fields.required("on").and_then(|item| span(&item));
    let times = fields.required("times").and_then(|item| times(&item));
    fields.finish();
    Some(Pulse { off: off?, on: on?, times: times? })
}

fn times(item: &Item<'_>) -> Option<u32> {
    let times: u32 = item.parse("a whole number")?;
    if (2..=MOST_PULSES).contains(&times) {
        return Some(times);
    }
    item.wrong(format!("a pulse comes 2 to {MOST_PULSES} times"), None)
}

fn length(item: &Item<'_>) -> Option<Length> {
    if matches!(item.node().value, Value::Scalar { .. }) {
        return positive_span(item).map(Length::Always);
    }
    let spans = item.map(|key, item| {
        let span = positive_span(item);
        if Profile::ALL.iter().any(|profile| profile.name() == key.text) {
            return span;
        }
        key.unknown("profile", Profile::ALL.map(Profile::name))
    })?;
    Some(Length::PerProfile(spans))
}
