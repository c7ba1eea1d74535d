//! What is true of a run, from what the stub did: worked out request by request, by the definitions
//! of the measures and without their windows.

use std::collections::HashMap;

use chaos_reports::record::Moment;
use chaos_reports::record::order::OrderRecord;
use chaos_reports::statistics::Histogram;

use super::CalibrationError;
use super::case::{BOUND, TIMEOUT};
use super::conduct::Conducted;
use super::stub::{Fate, Handled, Trouble};

/// What the measures of a run should be.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The fault acts.
    pub felt: Moment,
    /// Due time from which on requests have trouble.
    pub start: Moment,
    /// Due time from which on they have none.
    pub end: Moment,
    /// Requests of the test interval, those in flight at its beginning included.
    pub due: u64,
    /// Good requests of those.
    pub good: u64,
    /// How long the stub took, microseconds; a timeout stands at the timeout, a refused request at
    /// zero.
    pub latencies: Histogram,
    /// Orders that came twice: the client repeated them on its own.
    pub repeated: u64,
}

impl Truth {
    /// Good / due.
    pub fn availability(&self) -> f64 {
        self.good as f64 / self.due.max(1) as f64
    }
}

/// One request as it truly went.
struct Request {
    due: Moment,
    end: Moment,
    latency: u64,
    good: bool,
    broken: bool,
}

/// The truth of a run.
pub fn of(run: &Conducted) -> Result<Truth, CalibrationError> {
    let known = |time: Option<u64>, what: &str| {
        let moment = time.map(|time| run.origin.moment(time));
        moment.ok_or_else(|| CalibrationError(format!("the {what} was not commanded")))
    };
    let felt = known(run.times.felt, "fault")?;
    let [from, until] = outage(run)?;
    let commanded = known(run.times.from, "outage")?;
    let thawed = known(run.times.until, "end of the outage")?;
    let lengths = run.case.lengths;
    let interval = felt..felt.plus((lengths.outage + lengths.horizon).micros());
    let (handled, repeated) = by_order(&run.log.orders);
    let mut truth = Truth {
        felt,
        start: from,
        end: until,
        due: 0,
        good: 0,
        latencies: Histogram::default(),
        repeated,
    };
    for order in &run.orders {
        let request = request(run, order, handled.get(order.id.as_str()).copied());
        // Those that it broke may have ended a moment before the stub wrote down that it closed.
        if request.broken && request.end >= commanded {
            truth.start = truth.start.min(request.due.max(felt));
        }
        // Those who waited through the end of a freeze are answered one after the other.
        let waited = run.case.trouble == Trouble::Freeze && request.end >= thawed;
        if waited && !request.good && request.due >= until {
            truth.end = truth.end.max(request.due.plus(1));
        }
        let in_flight = request.due < felt && request.end > felt;
        if interval.contains(&request.due) || in_flight {
            truth.due += 1;
            truth.good += u64::from(request.good);
            truth.latencies.add(request.latency, 1);
        }
    }
    Ok(truth)
}

/// When requests begin and cease to have trouble. A listener is closed when the kernel says so, and
/// whoever waits no longer than the bound for the end of a freeze was served well.
fn outage(run: &Conducted) -> Result<[Moment; 2], CalibrationError> {
    let (Some(from), Some(until)) = (run.times.from, run.times.until) else {
        return Err(CalibrationError("the outage was not commanded".to_owned()));
    };
    let [from, until] = match (run.case.trouble, run.log.switches.as_slice()) {
        (Trouble::Refuse, [closed, listening]) => [*closed, *listening],
        (Trouble::Refuse, other) => {
            return Err(CalibrationError(format!("the stub switched {} times", other.len())));
        }
        (Trouble::Freeze, _) => [from, until.saturating_sub(BOUND.micros())],
        _ => [from, until],
    };
    Ok([from, until].map(|time| run.origin.moment(time)))
}

fn by_order(orders: &[Handled]) -> (HashMap<&str, &Handled>, u64) {
    let mut known = HashMap::with_capacity(orders.len());
    let mut repeated = 0;
    for handled in orders {
        repeated += u64::from(known.insert(handled.order.as_str(), handled).is_some());
    }
    (known, repeated)
}

fn request(run: &Conducted, order: &OrderRecord, handled: Option<&Handled>) -> Request {
    let (due, timeout) = (order.due, TIMEOUT.micros());
    let Some(handled) = handled else {
        return Request { due, end: due, latency: 0, good: false, broken: false };
    };
    let latency = handled.ended.map_or(timeout, |ended| ended - handled.arrived).min(timeout);
    let answered = matches!(handled.fate, Fate::Answered);
    Request {
        due,
        end: handled.ended.map_or(due.plus(timeout), |ended| run.origin.moment(ended)),
        latency,
        good: answered && latency <= BOUND.micros(),
        broken: handled.fate == Fate::Broken,
    }
}
