//! What the Docker daemon can do, and what stands on it.

use super::Finding;
use crate::clean::Spared;
use crate::docker::image::{
    BASE, base_is_here, built_here, can_bootstrap, is_built, own_executable,
};
use crate::docker::{Daemon, DockerError, find_runs};
use crate::lock;
use crate::owner::{Liveness, Owner};
use crate::recorder::wall_clock;

/// Clocks that differ by more would put events of Docker at wrong places, microseconds.
const CLOCK_TOLERANCE: i64 = 100_000;
/// Memory that the largest target may use, bytes.
const MEMORY: u64 = 4 << 30;

/// Looks at a daemon that answers.
pub(super) async fn examine(daemon: &Daemon) -> Vec<Finding> {
    let facts = &daemon.facts;
    let about = format!("Docker {} (API {}) at {}", facts.version, facts.api, facts.address);
    let mut findings = vec![
        Finding::ok("docker", about),
        Finding::ok("control groups", format!("version {}", facts.cgroup)),
        storage(&facts.storage),
        cores(facts.cores),
        memory(facts.memory),
        clock(&facts.clock),
    ];
    findings.push(base(daemon).await);
    findings.push(images(daemon).await);
    findings.push(leftovers(daemon).await);
    findings.push(other_experiment(&facts.name()));
    findings
}

fn storage(driver: &str) -> Finding {
    if driver == "vfs" {
        return Finding::warn(
            "storage driver",
            "vfs copies every image for every container: starts take long",
            "use overlay2",
        );
    }
    Finding::ok("storage driver", driver)
}

fn cores(cores: u32) -> Finding {
    if cores < 2 {
        return Finding::warn(
            "cores",
            "1: the target and the load share it, so latencies tell of both",
            "use a machine with at least two cores",
        );
    }
    Finding::ok("cores", format!("{cores}, of which the target gets the last"))
}

fn memory(bytes: u64) -> Finding {
    let detail = format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30));
    if bytes < MEMORY {
        let advice = "the larger targets may need 4 GiB: watch for containers that are killed";
        return Finding::warn("memory", detail, advice);
    }
    Finding::ok("memory", detail)
}

/// The answer travelled some milliseconds; that is far below the tolerance.
fn clock(told: &str) -> Finding {
    let Ok(told) = chrono::DateTime::parse_from_rfc3339(told) else {
        return Finding::warn("clock", "Docker does not tell its time", "");
    };
    let difference = wall_clock() - told.timestamp_micros();
    let detail = format!("Docker's is {:.0} ms behind ours", difference as f64 / 1e3);
    if difference.abs() > CLOCK_TOLERANCE {
        let advice = "synchronise the clocks (NTP): times of faults come from Docker's";
        return Finding::warn("clock", detail, advice);
    }
    Finding::ok("clock", detail)
}

async fn base(daemon: &Daemon) -> Finding {
    let name = "base image";
    match base_is_here(daemon).await {
        Ok(true) => Finding::ok(name, format!("{BASE} is there")),
        Ok(false) => match can_bootstrap() {
            Ok(()) => Finding::ok(name, format!("{BASE} will be pulled, or made by debootstrap")),
            Err(reason) => Finding::warn(
                name,
                format!("{BASE} must be pulled; it cannot be made here ({reason})"),
                format!("where no registry can be reached, load {BASE} with `docker load`"),
            ),
        },
        Err(error) => failed(name, &error),
    }
}

async fn images(daemon: &Daemon) -> Finding {
    let name = "images";
    let mut missing = Vec::new();
    for reference in built_here() {
        match is_built(daemon, &reference, &own_executable()).await {
            Ok(true) => {}
            Ok(false) => missing.push(reference),
            Err(error) => return failed(name, &error),
        }
    }
    if missing.is_empty() {
        return Finding::ok(name, "all are built and current");
    }
    Finding::ok(name, format!("the first run builds {}", missing.join(", ")))
}

async fn leftovers(daemon: &Daemon) -> Finding {
    let name = "leftovers";
    let runs = match find_runs(daemon).await {
        Ok(runs) => runs,
        Err(error) => return failed(name, &error),
    };
    let mut lines = Vec::new();
    let mut is_dead = false;
    for run in runs {
        let owner: Option<Owner> = run.owner.parse().ok();
        let liveness = owner.as_ref().map_or(Liveness::Elsewhere, Owner::liveness);
        let what = match (liveness, run.kept, owner) {
            (Liveness::Alive, _, Some(owner)) => Spared::Alive { pid: owner.pid }.to_string(),
            (_, true, _) => Spared::Kept.to_string(),
            (Liveness::Dead, ..) => {
                is_dead = true;
                "left by a process that died".to_owned()
            }
            (_, _, owner) => {
                let host =
                    owner.map_or_else(|| "an unknown machine".to_owned(), |owner| owner.host);
                Spared::Elsewhere { host }.to_string()
            }
        };
        lines.push(format!("{} of {}: {what}", run.run, run.target));
    }
    if lines.is_empty() {
        return Finding::ok(name, "none");
    }
    let advice = if is_dead { "`chaos clean` removes what dead processes left" } else { "" };
    Finding::warn(name, lines.join("; "), advice)
}

fn other_experiment(daemon_id: &str) -> Finding {
    match lock::holder(daemon_id) {
        Ok(None) => Finding::ok("lock", "no experiment runs"),
        Ok(Some(holder)) => Finding::warn(
            "lock",
            format!("an experiment runs ({holder})"),
            "wait until it ends, or stop it with `chaos halt`",
        ),
        Err(error) => Finding::fail("lock", error.to_string(), ""),
    }
}

fn failed(name: &'static str, error: &DockerError) -> Finding {
    Finding::fail(name, error.to_string(), "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn limits_of_a_machine_are_told_with_what_to_do() {
        assert_eq!(storage("overlay2").status, Status::Ok);
        assert_eq!(storage("vfs").status, Status::Warn);
        assert_eq!(cores(1).status, Status::Warn);
        assert_eq!(cores(2).status, Status::Ok);
        assert_eq!(memory(2 << 30).status, Status::Warn);
        insta::assert_snapshot!(memory(24 << 30).detail, @"24.0 GiB");
    }

    #[test]
    fn clocks_are_compared() {
        let at = |micros: i64| chrono::DateTime::from_timestamp_micros(micros).expect("a time");
        assert_eq!(clock(&at(wall_clock()).to_rfc3339()).status, Status::Ok);
        let behind = clock(&at(wall_clock() - 5_000_000).to_rfc3339());
        assert_eq!(behind.status, Status::Warn);
        assert!(behind.detail.starts_with("Docker's is 5"), "{}", behind.detail);
        assert_eq!(clock("yesterday").status, Status::Warn);
    }
}
