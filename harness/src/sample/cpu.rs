//! What keeps the harness from its cores: a hypervisor that gives them to other machines, and other
//! processes. A load that is sent late, and answers that are read late, would be taken for the
//! target's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chaos_reports::record::Moment;
use chaos_reports::record::event::CpuKept;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// Where control groups of version 2 are mounted, alone or beside version 1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
/// Place of the stolen time among the numbers of a core in `/proc/stat`.
const STEAL: usize = 7;

/// Counters of the kernel, microseconds since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counters {
    at: Moment,
    stolen: u64,
    pressed: Option<u64>,
}

/// Looks again and again, and tells what came since the last look.
#[derive(Debug)]
pub struct Watch {
    cores: BTreeSet<usize>,
    pressure: Option<PathBuf>,
    last: Option<Counters>,
}

impl Watch {
    /// A watch over the cores that this process may use and the target does not (`target_cpus`,
    /// such as `1`); over all that it may use, if the target uses them all.
    pub fn new(target_cpus: &str) -> Self {
        let allowed = allowed();
        let target: BTreeSet<usize> =
            target_cpus.split(',').filter_map(|core| core.trim().parse().ok()).collect();
        let own: BTreeSet<usize> = allowed.difference(&target).copied().collect();
        let cores = if own.is_empty() { allowed } else { own };
        Self { cores, pressure: own_pressure(), last: None }
    }

    /// What came since the last look; none at the first, and where the kernel does not tell.
    pub fn look(&mut self, at: Moment) -> Option<CpuKept> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let stolen = stolen_ticks(&stat, &self.cores)?.saturating_mul(tick_micros());
        let pressure = self.pressure.as_ref().and_then(|path| fs::read_to_string(path).ok());
        let pressed = pressure.and_then(|text| full_stall(&text));
        let now = Counters { at, stolen, pressed };
        let last = self.last.replace(now)?;
        Some(since(last, now, self.cores.len() as u64))
    }
}

fn since(last: Counters, now: Counters, cores: u64) -> CpuKept {
    let pressed = now.pressed.zip(last.pressed).map(|(now, last)| now.saturating_sub(last));
    CpuKept {
        elapsed: now.at.0.saturating_sub(last.at.0),
        stolen: now.stolen.saturating_sub(last.stolen) / cores.max(1),
        pressed,
    }
}

fn allowed() -> BTreeSet<usize> {
    let set = sched_getaffinity(Pid::from_raw(0)).unwrap_or_default();
    (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect()
}

/// Length of the kernel's unit of CPU time.
fn tick_micros() -> u64 {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    let per_second = per_second.and_then(|ticks| u64::try_from(ticks).ok());
    1_000_000 / per_second.filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// Stolen time of some cores by `/proc/stat`, summed, in ticks; none if none of them is listed.
fn stolen_ticks(stat: &str, cores: &BTreeSet<usize>) -> Option<u64> {
    let of_core = |line: &str| {
        let mut words = line.strip_prefix("cpu")?.split_ascii_whitespace();
        let core: usize = words.next()?.parse().ok()?;
        cores.contains(&core).then(|| words.nth(STEAL)?.parse::<u64>().ok())?
    };
    stat.lines().filter_map(of_core).reduce(|sum, ticks| sum + ticks)
}

/// Time in which every task of a control group that could run had to wait, microseconds. Threads
/// of the harness that wait for each other do not count: one of them runs then.
fn full_stall(pressure: &str) -> Option<u64> {
    let line = pressure.lines().find_map(|line| line.strip_prefix("full "))?;
    line.split_ascii_whitespace().find_map(|word| word.strip_prefix("total="))?.parse().ok()
}

/// The pressure on the control group of this process; none if that is the whole machine, whose
/// pressure is the target's as well.
fn own_pressure() -> Option<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let folders = MOUNTS.map(|mount| Path::new(mount).join(path.trim_start_matches('/')));
    // Only the root has no type.
    let own = folders.iter().find(|folder| folder.join("cgroup.type").exists())?;
    Some(own.join("cpu.pressure")).filter(|file| file.exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  900 0 0 0 0 0 0 90 0 0\ncpu0 1 2 3 4 5 6 7 80 9 10\n\
                        cpu1 1 2 3 4 5 6 7 10 9 10\ncpu10 1 2 3 4 5 6 7 5 9 10\nintr 5 6\n";

    #[test]
    fn the_stolen_time_of_the_cores_asked_for_is_summed() {
        let of = |cores: &[usize]| stolen_ticks(STAT, &cores.iter().copied().collect());
        assert_eq!(of(&[0]), Some(80));
        assert_eq!(of(&[1, 10]), Some(15));
        assert_eq!(of(&[2]), None, "not listed");
    }

    #[test]
    fn pressure_is_what_the_whole_group_waited() {
        let text = "some avg10=1.61 avg60=6.47 avg300=6.13 total=44313961\n\
                    full avg10=0.00 avg60=0.00 avg300=0.00 total=512\n";
        assert_eq!(full_stall(text), Some(512));
        assert_eq!(full_stall("some avg10=0.00 total=7\n"), None, "older kernels tell no full");
    }

    #[test]
    fn a_stretch_is_the_mean_over_the_cores() {
        let counters = |at, stolen, pressed| Counters { at: Moment(at), stolen, pressed };
        let kept = since(counters(5, 100, Some(7)), counters(1_005, 300, Some(9)), 2);
        assert_eq!(kept, CpuKept { elapsed: 1_000, stolen: 100, pressed: Some(2) });
        let unknown = since(counters(5, 100, None), counters(1_005, 50, Some(9)), 2);
        assert_eq!((unknown.stolen, unknown.pressed), (0, None));
    }

    #[test]
    fn this_machine_tells_at_the_second_look() {
        let mut watch = Watch::new("");
        assert_eq!(watch.look(Moment(0)), None);
        let kept = watch.look(Moment(1_000)).expect("Linux tells it");
        assert_eq!(kept.elapsed, 1_000);
    }

    #[test]
    fn the_cores_of_the_target_are_not_ours_unless_there_are_no_others() {
        let all = allowed();
        let (first, more) = (*all.first().expect("a core"), all.len() > 1);
        let watch = Watch::new(&first.to_string());
        assert_eq!(watch.cores.contains(&first), !more);
        assert_eq!(Watch::new("all").cores, all);
    }
}
