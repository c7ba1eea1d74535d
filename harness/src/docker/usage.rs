//! Samples what each container of a run uses: one request per container and period. Engines answer
//! at the next tick of their own collector, up to a second later, so all are asked at once.

use std::sync::Arc;
use std::time::Duration;

use bollard::models::{ContainerCpuStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptionsBuilder;
use chaos_reports::record::event::Event;
use chaos_scenarios::action::Replica;
use futures::stream::{self, StreamExt};
use tokio::time::MissedTickBehavior;

use super::connection::Daemon;
use super::site::Site;

/// Time between two samples of a container.
const PERIOD: Duration = Duration::from_secs(2);
/// Requests at the same time, most of which only wait.
const CONCURRENT: usize = 32;
/// Bound of one request.
const ANSWER: Duration = Duration::from_secs(3);
/// Bound of one that waits for a second sample; a crowded daemon takes several seconds.
const SECOND_ANSWER: Duration = Duration::from_secs(8);

/// Records the usage of containers until aborted.
pub(super) async fn sample(site: Arc<Site>) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        stream::iter(site.containers())
            .map(|(replica, held)| read(site.daemon().clone(), replica, held.id))
            .buffer_unordered(CONCURRENT)
            .for_each(|event| async {
                if let Some(event) = event {
                    site.recorder().emit(event);
                }
            })
            .await;
    }
}

async fn read(daemon: Daemon, replica: Replica, id: String) -> Option<Event> {
    let (cpu, memory) = usage(&statistics(&daemon, &id).await?)?;
    Some(Event::Usage { replica, cpu, memory })
}

/// What Docker tells of a container's use at this moment.
pub(super) async fn statistics(daemon: &Daemon, id: &str) -> Option<ContainerStatsResponse> {
    let options = StatsOptionsBuilder::default().stream(false).one_shot(true).build();
    let mut answers = daemon.client.stats(id, Some(options));
    tokio::time::timeout(ANSWER, answers.next()).await.ok()??.ok()
}

/// The same together with what was told of its CPU a second before.
pub(super) async fn statistics_of_a_second(
    daemon: &Daemon,
    id: &str,
) -> Option<ContainerStatsResponse> {
    let options = StatsOptionsBuilder::default().stream(false).one_shot(false).build();
    let mut answers = daemon.client.stats(id, Some(options));
    tokio::time::timeout(SECOND_ANSWER, answers.next()).await.ok()??.ok()
}

/// CPU time since the start, microseconds.
pub(super) fn cpu_micros(told: Option<&ContainerCpuStats>) -> Option<u64> {
    Some(told?.cpu_usage.as_ref()?.total_usage? / 1000)
}

/// CPU time in microseconds and memory in bytes; none for a container that does not run.
fn usage(answer: &ContainerStatsResponse) -> Option<(u64, u64)> {
    let cpu = cpu_micros(answer.cpu_stats.as_ref())?;
    let memory = answer.memory_stats.as_ref()?;
    let stats = memory.stats.as_ref();
    let stat = |name: &str| stats.and_then(|stats| stats.get(name)).copied();
    // Files in the page cache that nobody uses are not memory of the container. Control groups
    // version 1 and 2 name them differently.
    let cache = stat("total_inactive_file").or_else(|| stat("inactive_file")).unwrap_or(0);
    Some((cpu, memory.usage?.saturating_sub(cache)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_answer(text: &str) -> Option<(u64, u64)> {
        usage(&serde_json::from_str(text).expect("an answer"))
    }

    #[test]
    fn both_versions_of_control_groups_are_read() {
        let first = r#"{"cpu_stats": {"cpu_usage": {"total_usage": 2500000, "percpu_usage": [1, 2]}},
            "memory_stats": {"usage": 9000, "max_usage": 9500, "failcnt": 0,
                "stats": {"cache": 5000, "total_inactive_file": 4000, "inactive_file": 1}}}"#;
        assert_eq!(read_answer(first), Some((2500, 5000)));
        let second = r#"{"cpu_stats": {"cpu_usage": {"total_usage": 1000}},
            "memory_stats": {"usage": 9000, "stats": {"anon": 5000, "inactive_file": 3000}}}"#;
        assert_eq!(read_answer(second), Some((1, 6000)));
    }

    #[test]
    fn a_stopped_container_uses_nothing() {
        assert_eq!(
            read_answer(r#"{"cpu_stats": {"cpu_usage": {"total_usage": 0}}, "memory_stats": {}}"#),
            None
        );
    }
}
