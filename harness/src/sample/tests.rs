//! The samplers on paused time, against a target that is told when to be slow or down.

use std::collections::BTreeMap;

use chaos_reports::record::final_state::SourcedRow;
use chaos_scenarios::action::Replica;
use chaos_scenarios::target::{DatabaseAudit, Endpoint};
use chaos_scenarios::workload::Request;
use tokio::time::{Instant, sleep};

use super::*;
use crate::audit::tests::plan;
use crate::port::PortError;

/// The second replica hangs between 1 s and 3 s; pending work takes 600 ms to tell.
struct Shop {
    begun: Instant,
}

impl Auditor for Shop {
    async fn ready(
        &self,
        _: &Plan,
        deployment: &Deployment,
        component: &str,
    ) -> Result<String, PortError> {
        let alone: Vec<&Replica> = deployment.ports.keys().map(|(replica, _)| replica).collect();
        assert_eq!((alone.len(), component), (1, "shop"), "each replica is asked on its own");
        let since = self.begun.elapsed().as_secs();
        if alone[0].number == 2 && (1..3).contains(&since) {
            sleep(Duration::from_secs(60)).await;
        }
        Ok("it said so".to_owned())
    }

    async fn canary(&self, _: &Plan, _: &Deployment, _: &Request) -> Result<String, PortError> {
        Err(PortError("no sampler sends a canary".to_owned()))
    }

    async fn pending(&self, _: &Plan, _: &Deployment) -> (BTreeMap<String, u64>, Vec<String>) {
        sleep(Duration::from_millis(600)).await;
        (BTreeMap::from([("outbox".to_owned(), 1)]), vec!["other".to_owned()])
    }

    async fn audit(&self, _: &Endpoint, _: &Deployment) -> Result<Vec<SourcedRow>, PortError> {
        Err(PortError("no sampler audits".to_owned()))
    }

    async fn audit_database(
        &self,
        _: &DatabaseAudit,
        _: &Deployment,
    ) -> Result<Vec<SourcedRow>, PortError> {
        Err(PortError("no sampler audits".to_owned()))
    }
}

async fn sampled(seconds: u64) -> Recorder {
    let recorder = Recorder::new(Box::new(Vec::new()));
    let replica = |number| (Replica { component: "shop".to_owned(), number }, 8080);
    let deployment = Deployment {
        ports: BTreeMap::from([(replica(1), 40_001), (replica(2), 40_002)]),
        variables: BTreeMap::new(),
    };
    let stop = CancellationToken::new();
    let auditor = Arc::new(Shop { begun: Instant::now() });
    start(auditor, plan(), deployment, recorder.clone(), stop.clone());
    sleep(Duration::from_secs(seconds)).await;
    stop.cancel();
    sleep(Duration::from_secs(10)).await;
    recorder
}

#[tokio::test(start_paused = true)]
async fn a_slow_target_is_never_asked_twice_at_once() {
    let recorder = sampled(5).await;
    let moments: Vec<u64> =
        recorder.read(|record| record.pending.iter().map(|sample| sample.at.0 / 1_000).collect());
    // Of the ticks that fall into an answer one is made up for, the others are left out.
    assert_eq!(moments, [600, 1_200, 1_800, 2_400, 3_000, 3_600, 4_200, 4_800]);
    let silent = recorder.read(|record| record.pending[0].silent.clone());
    assert_eq!(silent, ["other"]);
}

#[tokio::test(start_paused = true)]
async fn readiness_is_told_once_per_change_and_replica() {
    let recorder = sampled(6).await;
    let told: Vec<(u64, u32, bool)> = recorder.read(|record| {
        let changes = record.readiness.iter();
        changes.map(|it| (it.at.0 / 1_000, it.replica.number, it.ready)).collect()
    });
    assert_eq!(told, [(1_500, 2, false), (3_000, 2, true)]);
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_the_host_is_told_until_the_end() {
    let recorder = sampled(3).await;
    let last = recorder.read(|record| (record.host_memory_free, record.last));
    assert!(last.0.is_some_and(|free| free > 0));
    assert!(last.1.0 <= 3_000_000, "nothing is told after the stop");
}
