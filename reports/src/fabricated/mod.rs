//! Fabricated runs for tests: a load whose every request is known, and the journal, ledger and final
//! state that a run with it would have left behind.

pub(crate) mod journal;
pub(crate) mod plan;
pub(crate) mod state;

use std::ops::Range;

use chaos_scenarios::plan::{Plan, RunKind};
use chaos_scenarios::workload::Expected;

use crate::judge::{Judgement, judge};
use crate::record::Moment;
use crate::record::event::Entry;
use crate::record::final_state::FinalState;
use crate::record::order::{Acknowledgement, OrderRecord, Outcome};
use crate::record::run_record::RunRecord;

/// A second and a millisecond in microseconds.
pub(crate) const S: u64 = 1_000_000;
pub(crate) const MS: u64 = 1_000;

/// When the phases begin: warm-up, baseline, test, recovery, keep.
pub(crate) const WARM_UP: u64 = 2 * S;
pub(crate) const BASELINE: u64 = 5 * S;
pub(crate) const TEST: u64 = 11 * S;
pub(crate) const RECOVERY: u64 = 17 * S;

/// What happens to requests that are due in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// Refused at once.
    Fails,
    /// Never answered: they end at the timeout.
    Hangs,
    /// Answered so late (microseconds).
    Slow(u64),
    /// Accepted, and completed at that moment.
    CompletedAt(u64),
}

/// One request of the fabricated load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) due: u64,
    pub(crate) end: u64,
    pub(crate) outcome: Outcome,
    pub(crate) good: bool,
    pub(crate) acknowledged: Option<Acknowledgement>,
    pub(crate) settled: Option<u64>,
}

/// A run in the making.
#[derive(Debug, Clone)]
pub(crate) struct Fabricated {
    rate: u64,
    offset: u64,
    latency: u64,
    troubles: Vec<(Range<u64>, Trouble)>,
    pending: Vec<(Range<u64>, u64)>,
    fault: Option<(u64, u64)>,
    load_end: u64,
    browse: bool,
    pub(crate) plan: Plan,
}

impl Fabricated {
    /// 100 orders a second that take 20 ms, a fault from 11 s to 17 s that nobody notices, and
    /// load until 33 s.
    pub(crate) fn run() -> Self {
        Self {
            rate: 100,
            offset: 0,
            latency: 20 * MS,
            troubles: Vec::new(),
            pending: Vec::new(),
            fault: Some((TEST, RECOVERY)),
            load_end: 33 * S,
            browse: false,
            plan: plan::plan(),
        }
    }

    /// The same without a fault.
    pub(crate) fn control() -> Self {
        let mut run = Self::run();
        run.fault = None;
        run.plan.timeline.clear();
        run.plan.kind = RunKind::Control;
        run.plan.expect = plan::expect(&["availability >= 99%", "lost == 0"]);
        run
    }

    pub(crate) fn rate(mut self, orders_per_second: u64) -> Self {
        self.rate = orders_per_second;
        self
    }

    /// Shifts all due times, so that they do not stand on round numbers.
    pub(crate) fn offset(mut self, micros: u64) -> Self {
        self.offset = micros;
        self
    }

    pub(crate) fn latency(mut self, micros: u64) -> Self {
        self.latency = micros;
        self
    }

    pub(crate) fn fault(mut self, felt: u64, healed: u64) -> Self {
        self.fault = Some((felt, healed));
        self
    }

    pub(crate) fn load_end(mut self, at: u64) -> Self {
        self.load_end = at;
        self
    }

    /// A second class of requests, which has no trouble.
    pub(crate) fn with_browse(mut self) -> Self {
        self.browse = true;
        self
    }

    pub(crate) fn outage(self, stretch: Range<u64>) -> Self {
        self.trouble(stretch, Trouble::Fails)
    }

    pub(crate) fn hang(self, stretch: Range<u64>) -> Self {
        self.trouble(stretch, Trouble::Hangs)
    }

    pub(crate) fn slow(self, stretch: Range<u64>, latency: u64) -> Self {
        self.trouble(stretch, Trouble::Slow(latency))
    }

    pub(crate) fn completed_at(self, stretch: Range<u64>, moment: u64) -> Self {
        self.trouble(stretch, Trouble::CompletedAt(moment))
    }

    fn trouble(mut self, stretch: Range<u64>, trouble: Trouble) -> Self {
        self.troubles.push((stretch, trouble));
        self
    }

    /// So much pending work in a stretch of time; none otherwise.
    pub(crate) fn pending(mut self, stretch: Range<u64>, count: u64) -> Self {
        self.pending.push((stretch, count));
        self
    }

    pub(crate) fn expect(mut self, texts: &[&str]) -> Self {
        self.plan.expect = plan::expect(texts);
        self
    }

    /// All orders of the load.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let dues = (0..).map(|n| WARM_UP + self.offset + n * S / self.rate);
        dues.take_while(|due| *due < self.load_end).map(|due| self.request(due)).collect()
    }

    fn request(&self, due: u64) -> Request {
        let troubles = self.troubles.iter().filter(|(stretch, _)| stretch.contains(&due));
        let trouble = troubles.map(|(_, trouble)| *trouble).next();
        let end = due + self.latency;
        let completed = Some(Acknowledgement::Completed);
        let ok = Request {
            due,
            end,
            outcome: Outcome::Ok,
            good: true,
            acknowledged: completed,
            settled: Some(end),
        };
        let bad = Request { good: false, acknowledged: None, settled: None, ..ok };
        match trouble {
            None => ok,
            Some(Trouble::Fails) => Request { end: due + MS, outcome: Outcome::Fail, ..bad },
            Some(Trouble::Hangs) => Request { end: due + 3 * S, outcome: Outcome::Unknown, ..bad },
            Some(Trouble::Slow(latency)) => {
                let end = due + latency;
                Request { end, good: latency <= S, settled: Some(end), ..ok }
            }
            Some(Trouble::CompletedAt(moment)) => Request {
                acknowledged: Some(Acknowledgement::Accepted),
                settled: Some(moment.max(end)),
                ..ok
            },
        }
    }

    /// The journal.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        journal::entries(self)
    }

    /// The journal, folded.
    pub(crate) fn record(&self) -> RunRecord {
        self.record_until(u64::MAX)
    }

    /// The journal, folded up to a moment: what is known while the run goes on.
    pub(crate) fn record_until(&self, moment: u64) -> RunRecord {
        let mut record = RunRecord::default();
        let known = self.entries().into_iter().filter(|entry| entry.at.0 <= moment);
        known.for_each(|entry| record.apply(&entry));
        record
    }

    /// The ledger.
    pub(crate) fn orders(&self) -> Vec<OrderRecord> {
        let requests = self.requests().into_iter().enumerate();
        requests
            .map(|(n, request)| OrderRecord {
                n: n as u64,
                id: format!("order-{n}"),
                kind: Some("standard".to_owned()),
                expect: Expected::Completed,
                due: Moment(request.due),
                start: Some(Moment(request.due)),
                end: Some(Moment(request.end)),
                outcome: request.outcome,
                acknowledged: request.acknowledged,
                status: request.acknowledged.map(|_| 201),
                error: None,
                polls: Vec::new(),
            })
            .collect()
    }

    /// The final state: every order that settled is completed with all its effects, no other is
    /// there.
    pub(crate) fn final_state(&self) -> FinalState {
        let mut builder = state::StateBuilder::default();
        for (n, request) in self.requests().into_iter().enumerate() {
            if let Some(settled) = request.settled {
                builder
                    .completed(&format!("order-{n}"), journal::WALL_CLOCK + settled.cast_signed());
            }
        }
        builder.build()
    }

    pub(crate) fn judge(&self) -> Judgement {
        judge(&self.record(), &self.orders(), &self.final_state())
    }
}
