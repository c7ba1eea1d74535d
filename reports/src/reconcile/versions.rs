//! What a client was once told of an order must stay true: versions never go back, and a final state
//! is never left. Two questions that were open at the same time may be answered in any order, so only
//! what was answered before a question was asked binds its answer.

use std::cmp::Reverse;

use super::Case;
use super::known::{KnownOrder, State};
use crate::record::order::Poll;

/// The first thing that did not stay as it was told, if anything did not.
pub(super) fn violation(case: &Case<'_>) -> Option<String> {
    let polls = &case.order.polls;
    let between = polls.iter().find_map(|poll| {
        let before = polls.iter().filter(|earlier| earlier.end <= poll.start);
        broken(before, &poll.state, poll.version)
    });
    let known = case.known;
    let state = known.map_or("absent", KnownOrder::state_name);
    let version = known.and_then(KnownOrder::version);
    let broken = between.or_else(|| broken(polls.iter(), state, version))?;
    Some(format!("{}: {broken}", case.order.id))
}

/// How a state and a version contradict what was told before.
fn broken<'a>(
    before: impl Iterator<Item = &'a Poll> + Clone,
    state: &str,
    version: Option<i64>,
) -> Option<String> {
    let left = before.clone().filter(|poll| State::of(&poll.state) != State::Open);
    let left = left.filter(|poll| poll.state != state).min_by_key(|poll| poll.end);
    if let Some(poll) = left {
        return Some(format!("told to be {} at {}, later {state}", poll.state, poll.end));
    }
    let highest = before.filter_map(|poll| Some((poll.version?, poll.end)));
    let (highest, at) = highest.max_by_key(|(version, end)| (*version, Reverse(*end)))?;
    let version = version.filter(|version| *version < highest)?;
    Some(format!("told to have version {highest} at {at}, later {version}"))
}
