//! Reads a scenario file, with every mistake in it at once.

use std::collections::{BTreeMap, HashSet};

use super::{
    DEFAULT_MODE, FAULT_LIMIT, ForEach, Hypothesis, Load, RateChange, Scenario, ScenarioFile,
    TIMELINE_LIMIT, method,
};
use crate::claim;
use crate::expectation::Expectation;
use crate::measure::Known;
use crate::plan::Need;
use crate::quantity::{Rate, Span};
use crate::text::{self, Diagnostics, Fields, Item};
use crate::workload::Arrival;

/// The version of the file format that is read.
const VERSION: u32 = 1;

/// Reads a scenario file; its name without folder and ending is the name of the scenario.
pub fn decode(file: &str, text: &str) -> Result<ScenarioFile, Diagnostics> {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let name = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).unwrap_or(name);
    let (scenario, positions) = text::decode(file, text, |root| scenario(name, root))?;
    Ok(ScenarioFile { scenario, file: file.to_owned(), text: text.to_owned(), positions })
}

/// Reads a scenario that has no name.
pub(crate) fn anonymous(root: &Item<'_>) -> Option<Scenario> {
    scenario("", root)
}

fn scenario(name: &str, root: &Item<'_>) -> Option<Scenario> {
    let mut fields = root.fields()?;
    version(&mut fields);
    let title = fields.required("title").and_then(|item| item.text());
    let claims = fields.list("claims", claim);
    let tags = fields.list("tags", tag);
    let hypothesis = fields.optional("steady-state-hypothesis").map(|item| hypothesis(&item));
    let for_each = fields.optional("for-each");
    let for_each = for_each.and_then(|item| item.one_of("part of a target", &FOR_EACH));
    let method = method::read(&mut fields, for_each);
    let expect = fields.optional("expect").and_then(|item| expect(&item)).unwrap_or_default();
    let stop_conditions = fields.list("stop-conditions", |item| probe(item, "a stop condition"));
    let load = fields.optional("load").and_then(|item| load(&item)).unwrap_or_default();
    let needs = fields.optional("needs").and_then(|item| item.one_of("need", &NEEDS));
    fields.finish();
    Some(Scenario {
        name: name.to_owned(),
        title: title?,
        claims,
        tags,
        hypothesis: hypothesis.unwrap_or_else(|| Some(usual_hypothesis()))?,
        method,
        expect,
        stop_conditions,
        load,
        needs: needs.into_iter().collect(),
        for_each,
    })
}

const FOR_EACH: [(&str, ForEach); 1] = [("component", ForEach::Component)];
const NEEDS: [(&str, Need); 1] = [("in-flight", Need::InFlight)];

/// A version that is not ours is noted; the rest is read all the same.
fn version(fields: &mut Fields<'_>) -> Option<u32> {
    let item = fields.required("version")?;
    let version: u32 = item.parse("a whole number")?;
    if version == VERSION {
        return Some(version);
    }
    let help = format!("this program reads version {VERSION}");
    item.wrong(format!("version {version} of the scenario format is not known"), Some(help))
}

fn claim(item: &Item<'_>) -> Option<String> {
    let id = item.text()?;
    if claim::find(&id).is_some() {
        return Some(id);
    }
    let near = text::diagnostic::did_you_mean(&id, claim::all().iter().map(|it| it.id.as_str()));
    let help = near.map_or("`chaos list claims` names all".to_owned(), |near| {
        format!("did you mean `{near}`?")
    });
    item.wrong(format!("no claim is called `{id}`"), Some(help))
}

fn tag(item: &Item<'_>) -> Option<String> {
    let tag = item.text()?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if tag.chars().all(plain) {
        return Some(tag);
    }
    item.wrong(format!("`{tag}` is not a tag"), Some("use a-z, 0-9 and `-`".to_owned()))
}

fn usual_hypothesis() -> Hypothesis {
    let probe = Expectation::parse("availability >= 99%").expect("a valid expectation");
    Hypothesis { title: "Users are served".to_owned(), probes: vec![probe] }
}

pub(crate) fn hypothesis(item: &Item<'_>) -> Option<Hypothesis> {
    let mut fields = item.fields()?;
    let title = fields.required("title").and_then(|item| item.text());
    let probes = fields
        .required("probes")
        .and_then(|item| item.list(|item| probe(item, "a probe of the steady state")));
    fields.finish();
    Some(Hypothesis { title: title?, probes: probes? })
}

/// Reads an expectation; a mistake points into its text.
pub(crate) fn expectation(item: &Item<'_>) -> Option<Expectation> {
    let text = item.text()?;
    Expectation::parse(&text)
        .map_err(|error| item.wrong_within::<()>(error.part, error.message, Some(error.help)))
        .ok()
}

/// An expectation that is looked at while the run goes on; `what` names it.
fn probe(item: &Item<'_>, what: &str) -> Option<Expectation> {
    let expectation = expectation(item)?;
    if expectation.measure.known() != Known::Final {
        return Some(expectation);
    }
    let message = format!(
        "`{}` is known only when the run is judged; {what} needs a value while it goes on",
        expectation.measure
    );
    item.wrong(message, Some("move it to `expect`".to_owned()))
}

/// A span that fits into a timeline.
pub(super) fn span(item: &Item<'_>) -> Option<Span> {
    let span: Span = item.parse("a span of time, such as `500ms`, `30s` or `1m30s`")?;
    if span <= TIMELINE_LIMIT {
        return Some(span);
    }
    item.wrong(format!("{span} is too long: a timeline ends within {TIMELINE_LIMIT}"), None)
}

/// The length of a fault.
pub(super) fn positive_span(item: &Item<'_>) -> Option<Span> {
    let span = span(item)?;
    if span > FAULT_LIMIT {
        return item
            .wrong(format!("{span} is too long: a fault lasts at most {FAULT_LIMIT}"), None);
    }
    if span > Span::ZERO { Some(span) } else { item.wrong("a fault lasts longer than 0s", None) }
}

fn expect(item: &Item<'_>) -> Option<BTreeMap<String, Vec<Expectation>>> {
    let names: HashSet<&str> = item.entries()?.iter().map(|(key, _)| key.text).collect();
    item.map(|key, item| {
        let expected = item.list(block_line);
        if let Some(target) = key.text.strip_suffix("@hardened")
            && names.contains(target)
        {
            let message = format!("`{target}` already stands for the mode {DEFAULT_MODE}");
            return key.wrong(message, Some("keep one of the two".to_owned()));
        }
        if key.text.split('@').any(str::is_empty) || key.text.matches('@').count() > 1 {
            let help = "such as `broker`, `broker@naive` or `default`".to_owned();
            return key.wrong(format!("`{}` names no target", key.text), Some(help));
        }
        expected
    })
}

/// A line of an `expect` block, which already says the target.
fn block_line(item: &Item<'_>) -> Option<Expectation> {
    let expectation = expectation(item)?;
    match &expectation.scope {
        None => Some(expectation),
        Some(scope) => {
            let help = format!("write it into a block `{scope}:`");
            item.wrong("the block already says which target is meant", Some(help))
        }
    }
}

pub(crate) fn load(item: &Item<'_>) -> Option<Load> {
    const ARRIVALS: [(&str, Arrival); 2] =
        [("constant", Arrival::Constant), ("poisson", Arrival::Poisson)];
    let mut fields = item.fields()?;
    let rate = fields.optional("rate").and_then(|item| rate(&item));
    let arrival = fields.optional("arrival").and_then(|item| item.one_of("arrival", &ARRIVALS));
    let stages = fields.list("stages", |item| {
        let mut fields = item.fields()?;
        let at = fields.required("at").and_then(|item| span(&item));
        let rate = fields.required("rate").and_then(|item| self::rate(&item));
        fields.finish();
        Some((item.clone(), RateChange { at: at?, rate: rate? }))
    });
    fields.finish();
    for pair in stages.windows(2) {
        if pair[1].1.at <= pair[0].1.at {
            pair[1].0.note("stages follow each other in time", None);
        }
    }
    Some(Load { rate, arrival, stages: stages.into_iter().map(|(_, stage)| stage).collect() })
}

fn rate(item: &Item<'_>) -> Option<Rate> {
    item.parse("a rate, such as `200/s` (above 0, at most 1000000/s)")
}
