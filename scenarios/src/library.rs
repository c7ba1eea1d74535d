//! The scenarios that come with the program, embedded so that it works from any folder. A new one
//! is a file in `library/` and a line here.

/// Name and text of every scenario, in the order in which they are listed.
const FILES: &[(&str, &str)] = &[
    ("baseline", include_str!("library/baseline.yaml")),
    ("capacity", include_str!("library/capacity.yaml")),
    ("broker-down", include_str!("library/broker-down.yaml")),
    ("coordinator-down", include_str!("library/coordinator-down.yaml")),
    ("service-down", include_str!("library/service-down.yaml")),
    ("middle-service-down", include_str!("library/middle-service-down.yaml")),
    ("rollback-under-failure", include_str!("library/rollback-under-failure.yaml")),
    ("pipeline-manager-down", include_str!("library/pipeline-manager-down.yaml")),
    ("broker-paused", include_str!("library/broker-paused.yaml")),
    ("broker-flapping", include_str!("library/broker-flapping.yaml")),
    ("broker-down-full-queues", include_str!("library/broker-down-full-queues.yaml")),
    ("poison-message", include_str!("library/poison-message.yaml")),
    ("redrive", include_str!("library/redrive.yaml")),
    ("consumer-crash-loop", include_str!("library/consumer-crash-loop.yaml")),
    ("queue-limit", include_str!("library/queue-limit.yaml")),
    ("instance-down", include_str!("library/instance-down.yaml")),
    ("database-down", include_str!("library/database-down.yaml")),
    ("proxy-down", include_str!("library/proxy-down.yaml")),
    ("proxy-floor", include_str!("library/proxy-floor.yaml")),
    ("rolling-restart", include_str!("library/rolling-restart.yaml")),
    ("kill-each", include_str!("library/kill-each.yaml")),
    ("noisy-neighbour", include_str!("library/noisy-neighbour.yaml")),
    ("service-slow", include_str!("library/service-slow.yaml")),
    ("dependency-hangs", include_str!("library/dependency-hangs.yaml")),
    ("partition", include_str!("library/partition.yaml")),
    ("lossy-network", include_str!("library/lossy-network.yaml")),
    ("flaky-service", include_str!("library/flaky-service.yaml")),
    ("memory-pressure", include_str!("library/memory-pressure.yaml")),
    ("disk-full", include_str!("library/disk-full.yaml")),
    ("broker-disk-full", include_str!("library/broker-disk-full.yaml")),
    ("traffic-spike", include_str!("library/traffic-spike.yaml")),
    ("remove-service", include_str!("library/remove-service.yaml")),
];

/// The names of all scenarios.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    FILES.iter().map(|(name, _)| *name)
}

/// The text of a scenario, if there is one of this name.
pub fn text(name: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// What a diagnostic calls the file of a scenario.
pub fn file_name(name: &str) -> String {
    format!("library/{name}.yaml")
}
