//! The figures of one cell: what the events of its runs say, counted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chaos_reports::record::event::{Entry, Event, Phase};
use chaos_reports::record::run_record::RunRecord;
use chaos_reports::record::window::{Sparse, Window};
use chaos_scenarios::plan::PlannedFault;
use prometheus::core::Collector;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
};

use super::names::Names;
use super::{Cell, boxed, made};
use crate::recorder::Observer;

/// Upper bounds of response times, seconds.
const DURATIONS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Upper bounds of the lag behind the schedule, seconds.
const LAGS: [f64; 11] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.1, 1.0, 10.0];
const MICROS_PER_SECOND: f64 = 1e6;

/// The figures of one cell.
#[derive(Debug)]
pub(super) struct Figures {
    requests: IntCounterVec,
    durations: HistogramVec,
    due: IntCounter,
    not_sent: IntCounter,
    lag: Histogram,
    phases: IntGaugeVec,
    faults: IntGaugeVec,
    orders_in_flight: IntGauge,
    pending: IntGaugeVec,
    classes: Names,
    fault_names: Names,
    kinds: Names,
}

impl Figures {
    /// Nothing counted yet.
    pub(super) fn new(cell: &Cell) -> Self {
        let describe = Describe(cell);
        let figures = Self {
            requests: describe.counters(
                "chaos_requests_total",
                "Requests that were due, by what became of them.",
                &["class", "outcome"],
            ),
            durations: describe.histograms(
                "chaos_request_duration_seconds",
                "Time from when a request was due to its end; a timeout stands at the timeout.",
                &["class"],
            ),
            due: describe
                .counter("chaos_arrivals_due_total", "Requests that the schedule asked for."),
            not_sent: describe.counter(
                "chaos_arrivals_not_sent_total",
                "Requests that were due and could not be sent.",
            ),
            lag: describe.histogram(
                "chaos_schedule_lag_seconds",
                "Time by which requests were sent later than they were due.",
            ),
            phases: describe.gauges("chaos_phase", "1 for the phase of the run, else 0.", "phase"),
            faults: describe.gauges(
                "chaos_fault_active",
                "Faults that act now: injected and not yet undone.",
                "fault",
            ),
            orders_in_flight: describe.gauge(
                "chaos_orders_in_flight",
                "Orders that were sent and not yet answered or given up.",
            ),
            pending: describe.gauges(
                "chaos_pending_work",
                "Work that waits in the target, as it tells itself.",
                "kind",
            ),
            classes: Names::default(),
            fault_names: Names::default(),
            kinds: Names::default(),
        };
        figures.enter(None);
        figures
    }

    /// Everything that is to be registered.
    pub(super) fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            boxed(self.requests.clone()),
            boxed(self.durations.clone()),
            boxed(self.due.clone()),
            boxed(self.not_sent.clone()),
            boxed(self.lag.clone()),
            boxed(self.phases.clone()),
            boxed(self.faults.clone()),
            boxed(self.orders_in_flight.clone()),
            boxed(self.pending.clone()),
        ]
    }

    fn enter(&self, current: Option<Phase>) {
        for phase in Phase::ALL {
            let here = current == Some(phase);
            self.phases.with_label_values(&[phase.name()]).set(i64::from(here));
        }
    }

    fn count(&self, window: &Window) {
        let class = self.classes.label(&window.class);
        let outcomes = [
            ("good", window.good),
            ("slow", window.slow),
            ("wrong", window.wrong),
            ("fail", window.fail),
            ("unknown", window.unknown),
            ("not-sent", window.not_sent),
        ];
        for (outcome, count) in outcomes {
            self.requests.with_label_values(&[class.as_str(), outcome]).inc_by(u64::from(count));
        }
        add(&self.durations.with_label_values(&[class.as_str()]), &window.latencies);
    }

    /// Faults of the same name on the same components are counted together.
    fn mark_faults(&self, record: &RunRecord) {
        let timeline = record.plan().map_or(&[][..], |plan| &plan.timeline);
        let acts = |fault: &PlannedFault| {
            let record = record.faults.get(&fault.id);
            record.is_some_and(|it| it.injected.is_some() && it.healed.is_none())
        };
        let named: Vec<(String, u64)> =
            timeline.iter().map(|fault| (title(fault), u64::from(acts(fault)))).collect();
        let active = named.iter().map(|(name, acts)| (name.as_str(), *acts));
        set(&self.faults, &self.fault_names.sums(active));
    }

    fn count_generator(&self, due: u64, not_sent: u64, lag: &Sparse, in_flight: u64) {
        self.due.inc_by(due);
        self.not_sent.inc_by(not_sent);
        self.orders_in_flight.set(whole(in_flight));
        add(&self.lag, lag);
    }

    /// What was true of the run that ended is true no more.
    fn rest(&self) {
        self.enter(None);
        self.faults.reset();
        self.pending.reset();
        self.orders_in_flight.set(0);
    }
}

impl Observer for Arc<Figures> {
    fn observe(&mut self, entry: &Entry, record: &RunRecord) {
        match &entry.event {
            Event::PhaseStarted { phase } => self.enter(Some(*phase)),
            Event::Window(window) => self.count(window),
            Event::Generator { due, not_sent, lag, orders_in_flight, .. } => {
                self.count_generator(*due, *not_sent, lag, *orders_in_flight);
            }
            Event::LoadEnded { .. } => self.orders_in_flight.set(0),
            Event::Pending { counts, .. } => {
                let counts = counts.iter().map(|(kind, count)| (kind.as_str(), *count));
                set(&self.pending, &self.kinds.sums(counts));
            }
            Event::Started { .. } | Event::FaultInjected { .. } | Event::FaultHealed { .. } => {
                self.mark_faults(record);
            }
            Event::Ended { .. } => self.rest(),
            _ => {}
        }
    }
}

fn title(fault: &PlannedFault) -> String {
    format!("{} {}", fault.name, fault.components.join(" ")).trim_end().to_owned()
}

fn set(gauges: &IntGaugeVec, values: &BTreeMap<String, u64>) {
    for (label, value) in values {
        gauges.with_label_values(&[label]).set(whole(*value));
    }
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn add(histogram: &Histogram, values: &Sparse) {
    let local = histogram.local();
    for (micros, count) in values {
        let seconds = *micros as f64 / MICROS_PER_SECOND;
        (0..*count).for_each(|_| local.observe(seconds));
    }
    local.flush();
}

/// Makes the metrics of a cell, which stands in the labels of each.
struct Describe<'a>(&'a Cell);

impl Describe<'_> {
    fn labels(&self) -> HashMap<String, String> {
        let names = ["scenario", "target", "mode"].map(str::to_owned);
        names.into_iter().zip(self.0.iter().cloned()).collect()
    }

    fn options(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).const_labels(self.labels())
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        made(IntCounter::with_opts(self.options(name, help)))
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        made(IntCounterVec::new(self.options(name, help), labels))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        made(IntGauge::with_opts(self.options(name, help)))
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> IntGaugeVec {
        made(IntGaugeVec::new(self.options(name, help), &[label]))
    }

    fn histogram(&self, name: &str, help: &str) -> Histogram {
        let options = HistogramOpts::new(name, help).const_labels(self.labels());
        made(Histogram::with_opts(options.buckets(LAGS.to_vec())))
    }

    fn histograms(&self, name: &str, help: &str, labels: &[&str]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).const_labels(self.labels());
        made(HistogramVec::new(options.buckets(DURATIONS.to_vec()), labels))
    }
}
