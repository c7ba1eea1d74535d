//! The trouble that was ordered: what, where, for which share of the calls, and how often it met
//! one. The orders are those of an application's chaos switch, apart from where trouble is made.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaos_scenarios::random::Random;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};

/// The longest delay that can be asked for, milliseconds.
const LONGEST_DELAY: u64 = 60_000;
/// Name of the stream of chance.
const CHANCE: &str = "proxy";

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// It is answered with an error.
    Status,
    /// It takes longer.
    Delay,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// The port that calls come to.
    port: u16,
    /// Their paths; `*` stands for any characters.
    at: String,
    /// Paths that meet no trouble, whatever `at` says.
    #[serde(default)]
    except: Vec<String>,
    mode: Mode,
    /// The share of the calls, 0 to 1.
    #[serde(default = "always")]
    probability: f64,
    /// Only the first so many.
    #[serde(default)]
    first: Option<u64>,
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

/// What was done since an order was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Counts {
    /// Calls that came to the place.
    passed: u64,
    /// Those that met trouble.
    acted: u64,
}

/// What a call meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is answered so.
    Status(StatusCode),
    /// It is held for so long.
    Delay(Duration),
}

struct Armed {
    order: Order,
    trouble: Trouble,
    counts: Counts,
    random: Random,
}

/// The order that is in force, if one is.
#[derive(Default)]
pub(super) struct Switch(Mutex<Option<Armed>>);

impl Switch {
    /// Takes an order, in the place of whatever was ordered before.
    pub(super) fn arm(&self, order: Order) -> Result<(), String> {
        if !(0.0..=1.0).contains(&order.probability) {
            return Err("probability is a share from 0 to 1".to_owned());
        }
        if order.delay_ms > LONGEST_DELAY {
            return Err(format!("delay_ms is at most {LONGEST_DELAY}"));
        }
        let status = StatusCode::from_u16(order.status);
        let status = status.map_err(|_| format!("{} is no status", order.status))?;
        let trouble = match order.mode {
            Mode::Status => Trouble::Status(status),
            Mode::Delay => Trouble::Delay(Duration::from_millis(order.delay_ms)),
        };
        let random = Random::stream(order.seed, CHANCE);
        *self.lock() = Some(Armed { order, trouble, counts: Counts::default(), random });
        Ok(())
    }

    /// Ends it; tells what was done.
    pub(super) fn disarm(&self) -> Counts {
        self.lock().take().map(|armed| armed.counts).unwrap_or_default()
    }

    /// What was done so far.
    pub(super) fn counts(&self) -> Counts {
        self.lock().as_ref().map(|armed| armed.counts).unwrap_or_default()
    }

    /// What a call to a port and path meets.
    pub(super) fn meets(&self, port: u16, path: &str) -> Option<Trouble> {
        self.lock().as_mut()?.meets(port, path)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Armed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Armed {
    fn meets(&mut self, port: u16, path: &str) -> Option<Trouble> {
        let Order { first, probability, .. } = self.order;
        let is_meant = self.order.port == port
            && is_like(&self.order.at, path)
            && !self.order.except.iter().any(|except| except == path);
        if !is_meant {
            return None;
        }
        self.counts.passed += 1;
        // Drawn for every call, so that the n-th call meets the same whatever came of others.
        let drawn = self.random.unit() < probability;
        if !drawn || first.is_some_and(|first| self.counts.acted >= first) {
            return None;
        }
        self.counts.acted += 1;
        Some(self.trouble)
    }
}

/// Whether a path is like a pattern in which `*` stands for any characters. Every part between two
/// stars is taken where it comes first, so no pattern takes long.
fn is_like(pattern: &str, path: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == path };
    let Some(mut left) = path.strip_prefix(start) else { return false };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        let Some(at) = left.find(part) else { return false };
        left = &left[at + part.len()..];
    }
    left.ends_with(end)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn armed(order: Value) -> Switch {
        let switch = Switch::default();
        switch.arm(serde_json::from_value(order).expect("an order")).expect("it makes sense");
        switch
    }

    fn met(switch: &Switch, calls: usize) -> Vec<usize> {
        (1..=calls).filter(|_| switch.meets(80, "/orders").is_some()).collect()
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, path, like) in [
            ("*", "/", true),
            ("/orders", "/orders", true),
            ("/orders", "/orders/1", false),
            ("/orders/*", "/orders/1/lines", true),
            ("/orders/*/lines", "/orders/1/lines", true),
            ("/orders/*/lines", "/orders/lines", false),
            ("*/a/*/b", "/a/x/b", true),
            ("*/a/*/b", "/a/x/b/c", false),
            ("/a*a", "/a", false),
        ] {
            assert_eq!(is_like(pattern, path), like, "{pattern} {path}");
        }
        let long = "a".repeat(10_000);
        assert!(!is_like(&format!("{}b", "*a".repeat(1_000)), &long));
    }

    #[test]
    fn only_the_named_calls_count_and_only_the_asked_ones_meet_trouble() {
        let order = json!({
            "port": 80, "at": "*", "except": ["/healthz"], "mode": "status", "first": 2
        });
        let switch = armed(order);
        assert_eq!(switch.meets(81, "/orders"), None);
        assert_eq!(switch.meets(80, "/healthz"), None);
        assert_eq!(met(&switch, 5), [1, 2]);
        assert_eq!(switch.counts(), Counts { passed: 5, acted: 2 });
        assert_eq!(switch.disarm(), Counts { passed: 5, acted: 2 });
        assert_eq!(switch.counts(), Counts::default());
        assert_eq!(met(&switch, 5), [0_usize; 0]);
    }

    #[test]
    fn the_same_seed_draws_the_same_calls() {
        let drawn = |seed: u64| {
            let at = json!({"port": 80, "at": "*", "mode": "delay", "delay_ms": 5,
                "probability": 0.3, "seed": seed});
            met(&armed(at), 1000)
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!((250..350).contains(&drawn(7).len()), "{}", drawn(7).len());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (more, start) in [
            (json!({"probability": 2}), "probability is"),
            (json!({"delay_ms": 99_999}), "delay_ms is"),
            (json!({"status": 7}), "7 is no status"),
        ] {
            let mut order = json!({"port": 80, "at": "*", "mode": "status"});
            order.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
            let order = serde_json::from_value(order).expect("an order");
            let error = Switch::default().arm(order).expect_err("it makes no sense");
            assert!(error.starts_with(start), "{error}");
        }
    }
}
