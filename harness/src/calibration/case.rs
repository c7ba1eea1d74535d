//! What one run of a calibration is about, and the plan that it becomes, by the same compiler that
//! makes every other plan.

use chaos_scenarios::plan::capability::Capabilities;
use chaos_scenarios::plan::compile::{Overrides, PlanRequest};
use chaos_scenarios::plan::profile::Profile;
use chaos_scenarios::plan::{Phases, Plan};
use chaos_scenarios::quantity::{Rate, Span};
use chaos_scenarios::workload::Arrival;
use chaos_scenarios::{scenario, target, workload};

use super::CalibrationError;
use super::stub::{Latency, Setup, Trouble};

/// The component that is the stub.
pub(super) const COMPONENT: &str = "server";
/// Its port, as if it were in a container.
pub(super) const PORT: u16 = 8080;
/// Clients give up after this time.
pub(super) const TIMEOUT: Span = Span::milliseconds(1_000);
/// Later answers are not good.
pub(super) const BOUND: Span = Span::milliseconds(300);
/// Watch for relapse.
const KEEP: Span = Span::milliseconds(300);
/// Recovery is waited for so long after the horizon.
const RECOVERY_LIMIT: Span = Span::seconds(30);

const COMPOSE: &str = "
services:
  server: {image: stub}
x-chaos:
  version: 1
  title: A server whose outage is known
  entry: http://server:8080
  roles: {server: service}
  ready: {server: http://server:8080/healthz}
  audit: [http://server:8080/audit]
  canary: order
";

const SCENARIO: &str = "
version: 1
title: An outage that is known
steady-state-hypothesis: {title: Orders are taken, probes: [availability >= 99%]}
method:
  - {at: 0s, for: 2s, fault: {kill: {name: server}}}
";

const WORKLOAD: &str = r#"
version: 1
name: calibration
headline: order
timeout: 1s
requests:
  - class: order
    weight: 1
    method: POST
    path: /orders/{{seq}}/{{order_id}}
    accept: [201]
    bound: 300ms
    ledger: {id: "{{uuid}}", expect: completed, status-path: "/orders/{{order_id}}"}
"#;

/// How long the phases take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lengths {
    /// Load whose results are dropped.
    pub warm_up: Span,
    /// Load before the fault.
    pub baseline: Span,
    /// From the fault to its undo, and so the length of the outage.
    pub outage: Span,
    /// Load after it.
    pub horizon: Span,
}

/// One run against the stub.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Case {
    /// What is tested, in words.
    pub name: &'static str,
    /// Arrivals per second.
    pub rate: f64,
    /// `goose` or `direct`.
    pub engine: &'static str,
    /// How arrivals follow each other.
    pub arrival: Arrival,
    /// What befalls requests in the outage.
    pub trouble: Trouble,
    /// Which share of them.
    pub share: f64,
    /// What the stub does at any time.
    pub setup: Setup,
    /// From the fault to the outage that follows, and from the undo to its end.
    pub delay: Span,
    /// How long the phases take.
    pub lengths: Lengths,
}

impl Case {
    /// All requests have trouble as soon as the fault acts; answers take 20 to 200 ms otherwise.
    pub fn new(name: &'static str, trouble: Trouble, rate: f64, engine: &'static str) -> Self {
        Self {
            name,
            rate,
            engine,
            arrival: Arrival::Constant,
            trouble,
            share: 1.0,
            setup: Setup { latency: Latency { least: 20_000, most: 200_000 }, noise: 0.0 },
            delay: Span::ZERO,
            lengths: Lengths {
                warm_up: Span::milliseconds(1_000),
                baseline: Span::milliseconds(2_000),
                outage: Span::milliseconds(2_000),
                horizon: Span::milliseconds(6_000),
            },
        }
    }

    /// Time from one request that has trouble to the next, seconds.
    pub fn gap(&self) -> f64 {
        1.0 / (self.rate * self.share)
    }

    /// The plan of the run.
    pub fn plan(&self, seed: u64) -> Result<Plan, CalibrationError> {
        let rate = Rate::per_second(self.rate).ok_or_else(|| {
            CalibrationError(format!("{} arrivals a second are no rate", self.rate))
        })?;
        let source =
            scenario::decode("calibration.yaml", SCENARIO).map_err(CalibrationError::of)?;
        let target =
            target::decode("compose.yaml", "stub", COMPOSE).map_err(CalibrationError::of)?;
        let mut plan = Plan::compile(&PlanRequest {
            source: &source,
            target: &target,
            workload: &workload::decode("calibration.yaml", WORKLOAD)
                .map_err(CalibrationError::of)?,
            each: None,
            mode: "hardened",
            profile: Profile::Quick,
            seed,
            repeat: 1,
            overrides: &Overrides {
                rate: Some(rate),
                engine: Some(self.engine.to_owned()),
                ..Overrides::default()
            },
            capabilities: &Capabilities::default(),
        })
        .map_err(CalibrationError::of)?;
        plan.load.arrival = self.arrival;
        plan.phases = self.phases();
        plan.timeline.iter_mut().for_each(|fault| fault.until = Some(self.lengths.outage));
        Ok(plan)
    }

    fn phases(&self) -> Phases {
        let Lengths { warm_up, baseline, outage, horizon } = self.lengths;
        Phases {
            warm_up,
            baseline,
            test: outage,
            horizon,
            recovery_limit: horizon + RECOVERY_LIMIT,
            keep: KEEP,
            drain_limit: TIMEOUT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_becomes_a_plan() {
        let case = Case::new("hang", Trouble::Hang, 500.0, "direct");
        let plan = case.plan(7).expect("a plan");
        assert_eq!((plan.load.users, plan.load.engine.as_str()), (600, "direct"));
        assert_eq!(plan.timeline[0].until, Some(Span::seconds(2)));
        assert_eq!(plan.phases.test, Span::seconds(2));
        let request = &plan.load.workload.requests[0];
        assert_eq!((plan.load.workload.timeout, request.bound), (TIMEOUT, BOUND));
    }
}
