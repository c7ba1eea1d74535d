//! Trouble on request, at exactly named places: the process aborts, hangs, answers an error or
//! panics there. This is how a crash between two particular statements is tested for real.
//!
//! It is off unless `CHAOS_SWITCH` is `on`, it is armed over the admin port, and a restart disarms
//! it. One process has one switch, which any place may reach without being handed it.
//!
//! A place is `STEP.POINT`. The step is that of the domain where a service does or undoes one
//! (`charge`), `order` where an order is taken, `advance` where the orders hear of it again, and
//! `outbox` where events are published. A reply to a message is its acknowledgement.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use crate::log::{self, now_micros};

/// The longest delay that can be asked for.
const LONGEST_DELAY: u64 = 60_000;
/// How long `hog` keeps its thread busy.
const HOG: Duration = Duration::from_millis(200);

/// Where in the handling of a step trouble can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Nothing has been done yet.
    BeforeTx,
    /// The transaction is committed, nobody has been told.
    AfterCommit,
    /// A message is on its way, the broker has not confirmed it.
    AfterPublish,
    /// The broker has confirmed a message, its row still says that it was not sent.
    AfterConfirm,
    /// It is noted down that a call follows.
    AfterIntent,
    /// A call was answered, its outcome is not noted down.
    AfterCall,
    /// A step is undone, the transaction is not committed.
    MidCompensation,
    /// A step is undone and committed, nobody has been told.
    AfterCompensation,
}

impl Point {
    /// Every place there is.
    pub(crate) const ALL: [Self; 8] = [
        Self::BeforeTx,
        Self::AfterCommit,
        Self::AfterPublish,
        Self::AfterConfirm,
        Self::AfterIntent,
        Self::AfterCall,
        Self::MidCompensation,
        Self::AfterCompensation,
    ];

    /// The name in requests.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BeforeTx => "before_tx",
            Self::AfterCommit => "after_commit_before_reply",
            Self::AfterPublish => "after_publish_before_confirm",
            Self::AfterConfirm => "after_confirm_before_mark_sent",
            Self::AfterIntent => "after_intent_before_call",
            Self::AfterCall => "after_call_before_outcome",
            Self::MidCompensation => "mid_compensation",
            Self::AfterCompensation => "after_compensation_before_reply",
        }
    }
}

/// What happens at the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// The request is answered with an error.
    Status,
    /// It takes longer.
    Delay,
    /// The task that works on it panics.
    Panic,
    /// The whole process ends at once, as if killed.
    Abort,
    /// A processor is kept busy.
    Hog,
}

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// `STEP.POINT`, where the step may be `*`.
    at: String,
    mode: Mode,
    /// The share of those who pass, 0 to 1.
    #[serde(default = "always")]
    probability: f64,
    /// Only the passer of this number, counted from 1.
    #[serde(default)]
    nth: Option<u64>,
    /// Only the first so many.
    #[serde(default)]
    first: Option<u64>,
    /// Not after this time, unix microseconds.
    #[serde(default)]
    until: Option<i64>,
    /// The status to answer with.
    #[serde(default = "unavailable")]
    status: u16,
    /// The delay in milliseconds.
    #[serde(default)]
    delay_ms: u64,
    /// All chance derives from it.
    #[serde(default)]
    seed: u64,
}

fn always() -> f64 {
    1.0
}

fn unavailable() -> u16 {
    StatusCode::SERVICE_UNAVAILABLE.as_u16()
}

/// What the switch has done since it was armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// How often the place was passed.
    passed: u64,
    /// How often trouble was made.
    acted: u64,
}

/// Trouble of the mode `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this failure was asked for")]
pub(crate) struct Injected(StatusCode);

impl Injected {
    /// The status to answer with.
    pub(crate) fn status(self) -> StatusCode {
        self.0
    }
}

struct Armed {
    order: Order,
    counts: Counts,
    random: fastrand::Rng,
}

static SWITCH: OnceLock<Mutex<Option<Armed>>> = OnceLock::new();

fn switch() -> MutexGuard<'static, Option<Armed>> {
    // A panic on request happens outside of the lock; whatever is behind it is sound.
    SWITCH.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Arms the switch, in place of whatever it was armed with.
pub(crate) fn arm(order: Order) -> Result<(), String> {
    let (_, point) = order.at.split_once('.').unwrap_or_default();
    let known = Point::ALL.map(Point::name);
    if !known.contains(&point) {
        return Err(format!(
            "`{}` is no place: use STEP.POINT, POINT any of {}",
            order.at,
            known.join(", ")
        ));
    }
    if !(0.0..=1.0).contains(&order.probability) {
        return Err("probability is a share from 0 to 1".into());
    }
    if order.delay_ms > LONGEST_DELAY {
        return Err(format!("delay_ms is at most {LONGEST_DELAY}"));
    }
    if StatusCode::from_u16(order.status).is_err() {
        return Err(format!("{} is no status", order.status));
    }
    log::event("chaos switch armed", &[("at", &order.at)]);
    let random = fastrand::Rng::with_seed(order.seed);
    *switch() = Some(Armed { order, counts: Counts::default(), random });
    Ok(())
}

/// Disarms the switch and tells what it has done.
pub(crate) fn disarm() -> Counts {
    switch().take().map(|armed| armed.counts).unwrap_or_default()
}

/// What it has done so far.
pub(crate) fn counts() -> Counts {
    switch().as_ref().map(|armed| armed.counts).unwrap_or_default()
}

impl Armed {
    /// Counts a passer and says whether it meets trouble.
    fn meets(&mut self, step: &str, point: Point) -> Option<Order> {
        let (wanted, place) = self.order.at.split_once('.')?;
        if place != point.name() || (wanted != "*" && wanted != step) {
            return None;
        }
        self.counts.passed += 1;
        let Order { nth, first, until, probability, .. } = self.order;
        let drawn = self.random.f64() < probability;
        let counted = nth.is_none_or(|nth| nth == self.counts.passed)
            && first.is_none_or(|first| self.counts.acted < first);
        if !drawn || !counted || until.is_some_and(|until| now_micros() > until) {
            return None;
        }
        self.counts.acted += 1;
        Some(self.order.clone())
    }
}

/// Passes a place: where trouble was asked for, it happens here.
pub(crate) async fn reach(step: &str, point: Point) -> Result<(), Injected> {
    let met = switch().as_mut().and_then(|armed| armed.meets(step, point));
    let Some(order) = met else { return Ok(()) };
    match order.mode {
        Mode::Status => {
            return Err(Injected(StatusCode::from_u16(order.status).unwrap_or_default()));
        }
        Mode::Delay => sleep(Duration::from_millis(order.delay_ms)).await,
        Mode::Panic => panic!("this panic was asked for at {}", order.at),
        Mode::Abort => std::process::abort(),
        Mode::Hog => {
            let begun = std::time::Instant::now();
            while begun.elapsed() < HOG {
                std::hint::spin_loop();
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Armed, Counts, Order, Point};

    fn armed(order: serde_json::Value) -> Armed {
        let order: Order = serde_json::from_value(order).unwrap();
        let random = fastrand::Rng::with_seed(order.seed);
        Armed { order, counts: Counts::default(), random }
    }

    fn met(armed: &mut Armed, passes: usize) -> Vec<usize> {
        (1..=passes).filter(|_| armed.meets("charge", Point::AfterCommit).is_some()).collect()
    }

    #[test]
    fn only_the_named_place_counts_and_only_the_asked_passers_meet_trouble() {
        let at = "charge.after_commit_before_reply";
        let mut third = armed(json!({"at": at, "mode": "abort", "nth": 3}));
        assert!(third.meets("reserve", Point::AfterCommit).is_none());
        assert!(third.meets("charge", Point::BeforeTx).is_none());
        assert_eq!(met(&mut third, 5), [3]);
        assert_eq!(third.counts, Counts { passed: 5, acted: 1 });
        let any = json!({"at": "*.after_commit_before_reply", "mode": "status", "first": 2});
        assert_eq!(met(&mut armed(any), 5), [1, 2]);
        let past = json!({"at": at, "mode": "status", "until": 1});
        assert!(met(&mut armed(past), 5).is_empty());
    }

    #[test]
    fn the_same_seed_draws_the_same_passers() {
        let order = |seed| {
            let at = "*.after_commit_before_reply";
            armed(json!({"at": at, "mode": "status", "probability": 0.3, "seed": seed}))
        };
        let drawn = met(&mut order(7), 1000);
        assert_eq!(drawn, met(&mut order(7), 1000));
        assert_ne!(drawn, met(&mut order(8), 1000));
        assert!((250..350).contains(&drawn.len()), "{}", drawn.len());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let wrong = [
            (json!({"at": "charge.sometime", "mode": "abort"}), "`charge.sometime` is no place"),
            (json!({"at": "*.before_tx", "mode": "abort", "probability": 2}), "probability is"),
            (json!({"at": "*.before_tx", "mode": "delay", "delay_ms": 99_999}), "delay_ms is"),
            (json!({"at": "*.before_tx", "mode": "status", "status": 7}), "7 is no status"),
        ];
        for (order, start) in wrong {
            let error = super::arm(serde_json::from_value(order).unwrap()).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
