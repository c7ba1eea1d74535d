//! What this machine has besides Docker.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio::process::Command;

use super::Finding;
use crate::docker::Facts;

/// Free space that images, volumes and logs may need, bytes.
const DOCKER_SPACE: u64 = 5 << 30;
/// Free space that the folder of an experiment may need, bytes.
const OUT_SPACE: u64 = 1 << 30;
/// Bound of a program that is asked for its version.
const PROGRAM_LIMIT: Duration = Duration::from_secs(5);

/// Looks at this machine.
pub(super) async fn examine(out: &Path) -> Vec<Finding> {
    vec![out_folder(out), compose().await, network_faults().await]
}

/// Free space where Docker keeps images and volumes; nothing where that is not on this machine.
pub(super) fn docker_disk(facts: &Facts) -> Option<Finding> {
    let folder = Path::new(&facts.root_folder);
    let free = free_space(folder)?;
    let detail = format!("{} free in {}", gibibytes(free), folder.display());
    Some(if free < DOCKER_SPACE {
        let advice = "images and volumes may need 5 GiB: remove what is not needed";
        Finding::warn("docker's disk", detail, advice)
    } else {
        Finding::ok("docker's disk", detail)
    })
}

fn out_folder(out: &Path) -> Finding {
    let name = "output folder";
    let folder = nearest_folder(out);
    if nix::unistd::access(&folder, nix::unistd::AccessFlags::W_OK).is_err() {
        let detail = format!("{} cannot be written", folder.display());
        return Finding::fail(name, detail, "choose another folder with --out");
    }
    let Some(free) = free_space(&folder) else {
        return Finding::warn(name, format!("{} does not tell its space", folder.display()), "");
    };
    let detail = format!("{} free in {}", gibibytes(free), folder.display());
    if free == 0 {
        return Finding::fail(name, detail, "free space, or choose another folder with --out");
    }
    if free < OUT_SPACE {
        return Finding::warn(name, detail, "free space, or choose another folder with --out");
    }
    Finding::ok(name, detail)
}

/// The folder itself, or what stands above it.
fn nearest_folder(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = absolute.ancestors().find(|folder| folder.is_dir());
    existing.unwrap_or(Path::new("/")).to_owned()
}

fn free_space(folder: &Path) -> Option<u64> {
    let told = statvfs(folder).ok()?;
    Some(told.blocks_available().saturating_mul(told.fragment_size()))
}

fn gibibytes(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

async fn compose() -> Finding {
    let name = "docker-compose";
    let found = match version("docker-compose", &["version", "--short"]).await {
        None => version("docker", &["compose", "version", "--short"]).await,
        found => found,
    };
    match found {
        Some(version) => Finding::ok(name, version),
        None => {
            Finding::ok(name, "not installed; only needed to run a target's file without chaos")
        }
    }
}

/// Whether faults on the network can be injected. Kernels load the modules when they are asked
/// for, so that what is not there yet may still come.
async fn network_faults() -> Finding {
    let name = "network faults";
    let queue = Path::new("/proc/net/netfilter/nfnetlink_queue");
    let iptables = version("iptables", &["--version"]).await;
    let targets = std::fs::read_to_string("/proc/net/ip_tables_targets").unwrap_or_default();
    let has_queue = queue.exists() || targets.lines().any(|target| target == "NFQUEUE");
    let iptables = iptables.unwrap_or_else(|| "no iptables on the host".to_owned());
    if has_queue {
        return Finding::ok(name, format!("the kernel has NFQUEUE; {iptables}"));
    }
    Finding::warn(
        name,
        format!("NFQUEUE is not loaded, or cannot be looked for without root; {iptables}"),
        "faults on the network need it: `modprobe nfnetlink_queue xt_NFQUEUE`",
    )
}

/// The first line that a program says about itself; none if it is not there.
async fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(PROGRAM_LIMIT, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let first = text.lines().next()?.trim();
    (output.status.success() && !first.is_empty()).then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Status;

    #[test]
    fn a_folder_that_is_not_there_yet_is_judged_by_what_is_above() {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("runs/today");
        assert_eq!(nearest_folder(&out), folder.path());
        assert_ne!(out_folder(&out).status, Status::Fail);
        assert!(free_space(folder.path()).is_some_and(|free| free > 0));
        let refused = out_folder(Path::new("/proc/runs"));
        assert_eq!(refused.status, Status::Fail);
        assert!(refused.advice.contains("--out"), "{}", refused.advice);
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_has_no_version() {
        assert_eq!(version("no-such-program", &["--version"]).await, None);
        assert_eq!(version("false", &[]).await, None);
    }
}
