//! Faults of resources: limits by an update of the container, and hogs inside it. Docker's own
//! figures prove them.

use std::time::Duration;

use bollard::models::{ContainerCpuStats, ContainerStatsResponse, ContainerUpdateBody};
use chaos_reports::record::Moment;
use chaos_scenarios::action::{Check, Hog, Replica};
use chaos_scenarios::quantity::Bytes;

use super::error::{DockerError, classify};
use super::inside::{self, Running};
use super::site::Site;
use super::usage::{self, statistics};
use crate::port::Proof;

/// Microseconds in which a quota of CPU is given.
const PERIOD: i64 = 100_000;
/// Time between two samples that are compared.
const BETWEEN: Duration = Duration::from_millis(300);
/// A hog is felt when it runs and its container uses so much CPU between two samples, seconds: it
/// may share a crowded core.
const BUSY: f64 = 0.05;
/// Memory is short when so much of the limit is used.
const TIGHT: f64 = 0.95;
/// Memory that is taken and given back all the time comes this close to what was asked.
const FILLED: f64 = 0.9;

/// Something of ours that uses up a resource inside a replica.
pub(super) struct Hogging {
    replica: Replica,
    hog: Hog,
    running: Running,
    /// When it began.
    begun: Moment,
}

impl Hogging {
    fn is(&self, replica: &Replica, hog: Hog) -> bool {
        self.replica == *replica && self.hog == hog
    }
}

/// Limits CPU. Docker cannot take a limit in cores back, so a container without one gets a quota,
/// which is the same to the kernel.
pub(super) async fn limit_cpu(
    site: &Site,
    replica: &Replica,
    millicores: Option<u32>,
) -> Result<(), DockerError> {
    let has_own = site.component(replica)?.cpus.is_some();
    let mut body = ContainerUpdateBody::default();
    match millicores.map(i64::from) {
        Some(limit) if has_own => body.nano_cpus = Some(limit * 1_000_000),
        Some(limit) => {
            body.cpu_period = Some(PERIOD);
            body.cpu_quota = Some(limit * PERIOD / 1000);
        }
        None => body.cpu_quota = Some(-1),
    }
    update(site, replica, body).await
}

/// Limits memory and swap together: swap would turn a limit into slowness.
pub(super) async fn limit_memory(
    site: &Site,
    replica: &Replica,
    limit: Option<Bytes>,
) -> Result<(), DockerError> {
    let bytes = limit.map_or(-1, |limit| i64::try_from(limit.0).unwrap_or(i64::MAX));
    let (memory, memory_swap) = (Some(bytes), Some(bytes));
    update(site, replica, ContainerUpdateBody { memory, memory_swap, ..Default::default() }).await
}

async fn update(
    site: &Site,
    replica: &Replica,
    body: ContainerUpdateBody,
) -> Result<(), DockerError> {
    let id = site.held(replica)?.id;
    let updated = site.daemon().client.update_container(&id, body).await;
    match updated.map_err(|error| classify(format!("limiting {replica}"), &error)) {
        // One that was removed is made again with the limits of its file.
        Err(_)
            if matches!(site.inspect(replica).await, Err(DockerError::UnknownReplica { .. })) =>
        {
            Ok(())
        }
        other => other,
    }
}

/// Starts a hog; one that goes on already is left alone.
pub(super) async fn hog(site: &Site, replica: &Replica, hog: Hog) -> Result<(), DockerError> {
    let mut hogs = site.hogs().await;
    if hogs.iter().any(|it| it.is(replica, hog)) {
        return Ok(());
    }
    let number = match hog {
        Hog::Cpu { threads } => threads.to_string(),
        Hog::Memory { until } => until.0.to_string(),
    };
    let task = match hog {
        Hog::Cpu { .. } => ["hog-cpu", number.as_str()],
        Hog::Memory { .. } => ["hog-memory", number.as_str()],
    };
    let task = inside::task(&site.maker.entry, &task);
    let id = site.held(replica)?.id;
    let running = inside::start(site.daemon(), replica, &id, task).await?;
    let begun = site.recorder().now();
    hogs.push(Hogging { replica: replica.clone(), hog, running, begun });
    Ok(())
}

/// Ends a hog, if there is one.
pub(super) async fn end_hog(site: &Site, replica: &Replica, hog: Hog) -> Result<(), DockerError> {
    let mut hogs = site.hogs().await;
    let Some(place) = hogs.iter().position(|it| it.is(replica, hog)) else { return Ok(()) };
    hogs.swap_remove(place).running.end(site.daemon(), replica).await.map(|_| ())
}

/// Looks whether a check of resources is true; none of another check's.
pub(super) async fn look(
    site: &Site,
    check: &Check,
    since: Moment,
) -> Result<Option<Proof>, DockerError> {
    let evidence = match check {
        Check::Throttled { replica } => throttled(site, replica).await?,
        Check::ShortOfMemory { replica } => short_of_memory(site, replica, since).await?,
        Check::CpuLimit { replica, millicores } => {
            let found = cpu_limit(site, replica).await?;
            (found == *millicores).then(|| format!("Docker says that {check}"))
        }
        Check::MemoryLimit { replica, limit } => {
            let found = memory_limit(site, replica).await?;
            (found == *limit).then(|| format!("Docker says that {check}"))
        }
        Check::Hogged { replica, hog } if !goes_on(site, replica, *hog).await => {
            // The kernel may have killed it for want of memory, which is felt as well.
            oom_since(site, replica, since).map(str::to_owned)
        }
        Check::Hogged { replica, hog: Hog::Cpu { .. } } => busy(site, replica).await?,
        Check::Hogged { replica, hog: Hog::Memory { until } } => {
            match filled(site, replica, *until).await? {
                None => short_of_memory(site, replica, since).await?,
                filled => filled,
            }
        }
        Check::Unhogged { replica, hog } => {
            let hogs = site.hogs().await;
            let gone = !hogs.iter().any(|it| it.is(replica, *hog));
            gone.then(|| "our program has ended there".to_owned())
        }
        other => {
            return Err(DockerError::NotForRuntime { replica: other.replica().clone() });
        }
    };
    let known = match check {
        // It uses what it can from its beginning; Docker only takes its time to tell.
        Check::Hogged { replica, hog } => {
            let hogs = site.hogs().await;
            hogs.iter().find(|it| it.is(replica, *hog)).map(|it| it.begun)
        }
        _ => None,
    };
    let known = known.unwrap_or_else(|| site.recorder().now());
    Ok(evidence.map(|evidence| Proof { since: known, evidence }))
}

async fn cpu_limit(site: &Site, replica: &Replica) -> Result<Option<u32>, DockerError> {
    let host = site.inspect(replica).await?.host_config.unwrap_or_default();
    let of_quota = host.cpu_quota.filter(|quota| *quota > 0).map(|quota| quota * 1000 / PERIOD);
    let of_cores = host.nano_cpus.filter(|cores| *cores > 0).map(|cores| cores / 1_000_000);
    Ok(of_cores.or(of_quota).and_then(|limit| u32::try_from(limit).ok()))
}

async fn memory_limit(site: &Site, replica: &Replica) -> Result<Option<Bytes>, DockerError> {
    let host = site.inspect(replica).await?.host_config.unwrap_or_default();
    let limit = host.memory.filter(|limit| *limit > 0);
    Ok(limit.and_then(|limit| u64::try_from(limit).ok()).map(Bytes))
}

async fn two_samples(
    site: &Site,
    replica: &Replica,
) -> Result<Option<[ContainerStatsResponse; 2]>, DockerError> {
    let id = site.held(replica)?.id;
    let first = statistics(site.daemon(), &id).await;
    tokio::time::sleep(BETWEEN).await;
    let second = statistics(site.daemon(), &id).await;
    Ok(first.zip(second).map(|(first, second)| [first, second]))
}

async fn throttled(site: &Site, replica: &Replica) -> Result<Option<String>, DockerError> {
    let Some(told) = of_a_second(site, replica).await? else { return Ok(None) };
    let time = |cpu: Option<&ContainerCpuStats>| {
        let throttling = cpu.and_then(|cpu| cpu.throttling_data.as_ref());
        throttling.and_then(|told| told.throttled_time).unwrap_or(0)
    };
    let (before, after) = (time(told.precpu_stats.as_ref()), time(told.cpu_stats.as_ref()));
    let share = after.saturating_sub(before) / 1_000_000;
    Ok((after > before).then(|| format!("throttled for {share} ms between two samples")))
}

async fn of_a_second(
    site: &Site,
    replica: &Replica,
) -> Result<Option<ContainerStatsResponse>, DockerError> {
    let id = site.held(replica)?.id;
    Ok(usage::statistics_of_a_second(site.daemon(), &id).await)
}

/// Control groups version 2 tell no failed requests: there, use close to the limit must do.
async fn short_of_memory(
    site: &Site,
    replica: &Replica,
    since: Moment,
) -> Result<Option<String>, DockerError> {
    if let Some(killed) = oom_since(site, replica, since) {
        return Ok(Some(killed.to_owned()));
    }
    let Some(samples) = two_samples(site, replica).await? else { return Ok(None) };
    let [before, after] = samples.map(|sample| sample.memory_stats.unwrap_or_default());
    let failed = after.failcnt.unwrap_or(0).saturating_sub(before.failcnt.unwrap_or(0));
    if failed > 0 {
        return Ok(Some(format!("{failed} failed requests for memory between two samples")));
    }
    let (used, limit) = (after.usage.unwrap_or(0), after.limit.unwrap_or(u64::MAX));
    Ok(share(used, limit, TIGHT).then(|| format!("{used} of {limit} bytes are used")))
}

fn oom_since(site: &Site, replica: &Replica, since: Moment) -> Option<&'static str> {
    let killed = site.recorder().read(|record| {
        let mut events = record.container_events.iter();
        events
            .any(|told| told.replica == *replica && told.action == "oom" && told.happened >= since)
    });
    killed.then_some("oom event")
}

async fn goes_on(site: &Site, replica: &Replica, hog: Hog) -> bool {
    let hogs = site.hogs().await;
    let found = hogs.iter().find(|it| it.is(replica, hog));
    let exec = found.map(|it| it.running.exec.clone());
    drop(hogs);
    match exec {
        Some(exec) => inside::goes_on(site.daemon(), &exec).await,
        None => false,
    }
}

async fn busy(site: &Site, replica: &Replica) -> Result<Option<String>, DockerError> {
    let Some(told) = of_a_second(site, replica).await? else { return Ok(None) };
    let micros = |cpu: Option<&ContainerCpuStats>| usage::cpu_micros(cpu).unwrap_or(0);
    let (before, after) = (micros(told.precpu_stats.as_ref()), micros(told.cpu_stats.as_ref()));
    // Docker's two samples are a second apart, or more where it is crowded.
    let cores = after.saturating_sub(before) as f64 / 1e6;
    Ok((cores >= BUSY).then(|| format!("it used {cores:.2} s of CPU between two samples")))
}

async fn filled(
    site: &Site,
    replica: &Replica,
    until: Bytes,
) -> Result<Option<String>, DockerError> {
    let id = site.held(replica)?.id;
    let sample = statistics(site.daemon(), &id).await;
    let used = sample.and_then(|sample| sample.memory_stats?.usage).unwrap_or(0);
    Ok(share(used, until.0, FILLED).then(|| format!("it uses {used} bytes of memory")))
}

/// Whether a part is at least such a share of the whole.
fn share(part: u64, whole: u64, least: f64) -> bool {
    part as f64 >= whole as f64 * least
}
