//! What became of orders in the end, and when: the measures that need the final state.

use chaos_scenarios::measure::Fate;

use crate::judge::Value;
use crate::reconcile::{JudgedOrder, Reconciled};
use crate::record::Moment;
use crate::record::run_record::RunRecord;
use crate::statistics::Histogram;

use super::pending::{LastExceeded, last_exceeded};
use super::times::{self, Stretch};
use super::{absent, band};

/// An order is completed on time within this of its due time, microseconds.
const ON_TIME: u64 = 5_000_000;
/// Shortest group of orders whose completion is judged together: one second.
const GROUP: u64 = 1_000_000;
/// A group is longer than that until it holds so many orders.
const ORDERS: usize = 50;
/// The last order of a full group may be due so much earlier than its end, microseconds.
const SLACK: u64 = 100_000;
/// Of so many orders one may be late: the 95th percentile.
const PER_LATE: usize = 20;

/// Orders in their expected final state within five seconds of due / due, over the test interval.
pub(super) fn completed(record: &RunRecord, reconciled: Option<&Reconciled>) -> Value {
    match times::test_interval(record) {
        Some(stretch) => completed_within(reconciled, stretch),
        None => super::availability::not_felt(record),
    }
}

/// The same over any stretch.
pub(super) fn completed_within(reconciled: Option<&Reconciled>, stretch: Stretch) -> Value {
    let orders = match dated(reconciled) {
        Ok(orders) => orders,
        Err(reason) => return absent(reason),
    };
    let struck: Vec<&JudgedOrder> = orders.iter().filter(|order| belongs(order, stretch)).collect();
    if struck.is_empty() {
        return absent("no ledgered order was due in the interval");
    }
    let on_time =
        struck.iter().filter(|order| lag(order).is_some_and(|lag| lag <= ON_TIME)).count();
    Value::Exact(on_time as f64 / struck.len() as f64)
}

/// Last time that pending work or the completion lag was out of its band − fault felt.
pub(super) fn recovery_full(record: &RunRecord, reconciled: Option<&Reconciled>) -> Value {
    if !times::has_faults(record) {
        return absent("no fault was planned");
    }
    let Some(felt) = times::felt(record) else { return absent("no fault was felt") };
    let pending = last_exceeded(record, felt);
    let lagging = dated(reconciled).ok().map(|orders| last_lagging(record, orders, felt));
    let (at, over) = match (pending, lagging) {
        (None, None) => return absent("neither pending work nor completions were told"),
        (Some(LastExceeded::Until(end)), lagging) => {
            (end.max(lagging.flatten().unwrap_or(end)), false)
        }
        (Some(LastExceeded::At(at)), lagging) => (at.max(lagging.flatten().unwrap_or(at)), true),
        (Some(LastExceeded::Never) | None, lagging) => (lagging.flatten().unwrap_or(felt), true),
    };
    let seconds = at.seconds_since(felt).max(0.0);
    if over { Value::Exact(seconds) } else { Value::AtLeast(seconds) }
}

/// Age of the oldest lost order at the fault: how far back acknowledged work is gone; 0 if none is.
pub(super) fn rpo(record: &RunRecord, reconciled: Option<&Reconciled>) -> Value {
    if !times::has_faults(record) {
        return absent("no fault was planned");
    }
    let Some(felt) = times::felt(record) else { return absent("no fault was felt") };
    let Some(known) = reconciled else { return absent("no order was reconciled") };
    if let Some(reason) = &known.unread {
        return absent(reason);
    }
    let lost = known.orders.iter().filter(|order| order.promised && order.fate == Some(Fate::Lost));
    let oldest = lost.filter_map(|order| order.end).map(|end| felt.seconds_since(end));
    Value::Exact(oldest.fold(0.0, f64::max))
}

/// When users are served and all work is done again.
pub(crate) fn recovered_fully(
    record: &RunRecord,
    reconciled: Option<&Reconciled>,
) -> Option<Moment> {
    match recovery_full(record, reconciled) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative")]
        Value::Exact(seconds) => Some(times::felt(record)?.plus((seconds * 1e6).round() as u64)),
        Value::AtLeast(_) | Value::Absent(_) => None,
    }
}

/// Orders that reached their final state, by whole second since the run started.
pub(crate) fn per_second(reconciled: &Reconciled) -> Vec<u64> {
    let mut seconds = Vec::new();
    for settled in reconciled.orders.iter().filter_map(|order| order.settled) {
        let Ok(second) = usize::try_from(settled.0 / 1_000_000) else { continue };
        if second < LONGEST_RUN {
            seconds.resize(seconds.len().max(second + 1), 0);
            seconds[second] += 1;
        }
    }
    seconds
}

/// Completions later than a day are not counted by second: a target may write any time it likes.
const LONGEST_RUN: usize = 86_400;

/// The orders, if their completion is known.
fn dated(reconciled: Option<&Reconciled>) -> Result<&[JudgedOrder], &str> {
    let reconciled = reconciled.ok_or("no order was reconciled")?;
    if let Some(reason) = &reconciled.unread {
        return Err(reason);
    }
    if reconciled.orders.iter().any(|order| order.undated) {
        return Err("the audit does not tell when orders reached their final state");
    }
    Ok(&reconciled.orders)
}

/// Whether an order was due in a stretch, or in flight when it began.
fn belongs(order: &JudgedOrder, stretch: Stretch) -> bool {
    let in_flight = order.due < stretch.from && order.end.is_some_and(|end| end > stretch.from);
    in_flight || stretch.contains(order.due)
}

/// Completed − due, microseconds.
fn lag(order: &JudgedOrder) -> Option<u64> {
    order.settled.map(|settled| settled.0.saturating_sub(order.due.0))
}

/// The last moment since the fault at which completions came too late: groups of orders of a second
/// or more whose 95th percentile is above the band of the baseline.
fn last_lagging(record: &RunRecord, orders: &[JudgedOrder], felt: Moment) -> Option<Moment> {
    let limit = lag_limit(record, orders, felt)?;
    let mut since: Vec<&JudgedOrder> = orders
        .iter()
        .filter(|order| order.fate.is_some())
        .filter(|order| order.due >= felt || order.end.is_some_and(|end| end > felt))
        .collect();
    since.sort_by_key(|order| order.due);
    let late: Vec<bool> =
        since.iter().map(|order| lag(order).is_none_or(|lag| lag > limit)).collect();
    let (mut end, mut count, mut last) = (0, 0_usize, None);
    for start in 0..since.len() {
        let span = |end: usize| since[end].due.0 - since[start].due.0;
        while end < since.len() && (end < start + ORDERS || span(end) < GROUP) {
            count += usize::from(late[end]);
            end += 1;
        }
        // A group that the end of the load cut short is judged as part of the ones before it.
        let full = end >= start + ORDERS && span(end - 1) + SLACK >= GROUP;
        if full && count > (end - start) / PER_LATE {
            last = (start..end).filter(|at| late[*at]).map(|at| ended(since[at])).max().max(last);
        }
        count -= usize::from(late[start]);
    }
    last
}

/// When an order was last out of band: at its completion, or, if it never came, when it was due.
fn ended(order: &JudgedOrder) -> Moment {
    order.settled.unwrap_or(order.due)
}

fn lag_limit(record: &RunRecord, orders: &[JudgedOrder], felt: Moment) -> Option<u64> {
    let stretch = times::baseline(record)?;
    let before = orders
        .iter()
        .filter(|order| stretch.contains(order.due) && order.end.is_none_or(|end| end <= felt));
    let mut histogram = Histogram::default();
    before.filter_map(lag).for_each(|lag| histogram.add(lag, 1));
    band::limit(histogram.quantile(0.95))
}
