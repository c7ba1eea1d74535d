//! What the kernel says about a process, whatever the process says about itself.

use std::fs;

use chaos_harness::recorder::wall_clock;

const KIB_PER_MIB: f64 = 1024.0;

/// A process at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Microseconds since 1970.
    pub(crate) wall_clock: i64,
    /// Resident memory, MiB.
    pub(crate) memory: f64,
    /// Open file handles.
    pub(crate) handles: f64,
    /// Threads.
    pub(crate) threads: f64,
}

/// Looks at a process; none if it has ended.
pub(crate) fn look(process: u32) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let handles = fs::read_dir(format!("/proc/{process}/fd")).ok()?.count();
    Some(Sample {
        wall_clock: wall_clock(),
        memory: field("VmRSS:")? / KIB_PER_MIB,
        handles: handles as f64,
        threads: field("Threads:")?,
    })
}
