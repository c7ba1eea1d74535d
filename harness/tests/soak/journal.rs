//! What the journal of the run says about its beginning and its end.

use std::fs;
use std::path::{Path, PathBuf};

use chaos_reports::record::event::{Entry, Event, Phase};
use chaos_reports::record::window::Sparse;

use crate::table::{Row, tenths};

const MICROS_PER_SECOND: f64 = 1e6;

/// One second of the load generator.
struct Second {
    lag: Sparse,
    /// CPU time of the whole harness, microseconds.
    cpu: u64,
}

/// A journal, read line by line.
#[derive(Default)]
pub(crate) struct Journal {
    /// Wall clock at moment 0, microseconds since 1970.
    wall_clock: i64,
    /// First and last moment of the load that counts, microseconds.
    load: [u64; 2],
    seconds: Vec<Second>,
    /// Moment and length of every line of that time.
    lines: Vec<(u64, usize)>,
    /// Faults that were planned.
    pub(crate) faults: usize,
    /// Faults that were felt, and faults that were undone.
    pub(crate) acted: [usize; 2],
}

impl Journal {
    /// Reads the journal of the only run of an experiment.
    pub(crate) fn read(experiment: &Path) -> Self {
        let mut journal = Self::default();
        for line in fs::read_to_string(found(experiment)).unwrap().lines() {
            let entry: Entry = serde_json::from_str(line).unwrap();
            journal.take(&entry, line.len() + 1);
        }
        journal
    }

    fn take(&mut self, entry: &Entry, length: usize) {
        match &entry.event {
            Event::Started { wall_clock, plan, .. } => {
                self.wall_clock = *wall_clock;
                self.faults = plan.timeline.len();
            }
            Event::PhaseStarted { phase: Phase::Baseline } => self.load[0] = entry.at.0,
            Event::PhaseStarted { phase: Phase::Drain } => self.load[1] = entry.at.0,
            Event::FaultFelt { .. } => self.acted[0] += 1,
            Event::FaultHealed { .. } => self.acted[1] += 1,
            Event::Generator { lag, cpu, .. } if self.is_under_load() => {
                self.seconds.push(Second { lag: lag.clone(), cpu: *cpu });
            }
            _ => {}
        }
        if self.is_under_load() {
            self.lines.push((entry.at.0, length));
        }
    }

    fn is_under_load(&self) -> bool {
        self.load[0] > 0 && self.load[1] == 0
    }

    /// Whether a moment, in microseconds since 1970, was under the load that counts.
    pub(crate) fn is_loaded(&self, wall_clock: i64) -> bool {
        let moment = u64::try_from(wall_clock - self.wall_clock).unwrap_or(0);
        (self.load[0]..self.load[1]).contains(&moment)
    }

    /// Length of the load that counts.
    pub(crate) fn seconds(&self) -> f64 {
        (self.load[1] - self.load[0]) as f64 / MICROS_PER_SECOND
    }

    /// Lag, CPU time and size, of the first tenth and of the last.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let [first, last] = tenths(&self.seconds);
        let lag = |name, share, factor: f64, slack: f64| {
            let (first, last) = (quantile(first, share), quantile(last, share));
            Row { name, unit: "ms", first, last, most: first * factor + slack }
        };
        let (cpu_first, cpu_last) = (cpu(first), cpu(last));
        let [size_first, size_last] = self.sizes();
        let (most_cpu, most_size) = (cpu_first * 1.25 + 2.0, size_first * 1.25 + 1.0);
        vec![
            lag("lag, median", 0.5, 1.5, 0.1),
            lag("lag, 99th percentile", 0.99, 3.0, 5.0),
            Row {
                name: "CPU",
                unit: "% of a core",
                first: cpu_first,
                last: cpu_last,
                most: most_cpu,
            },
            Row {
                name: "journal",
                unit: "KiB/s",
                first: size_first,
                last: size_last,
                most: most_size,
            },
        ]
    }

    /// KiB per second in the first and in the last tenth of the load.
    fn sizes(&self) -> [f64; 2] {
        let tenth = (self.load[1] - self.load[0]) / 10;
        let within = |from: u64, to: u64| {
            let lines = self.lines.iter().filter(|(at, _)| (from..to).contains(at));
            let bytes: usize = lines.map(|(_, length)| length).sum();
            bytes as f64 / 1024.0 / (tenth as f64 / MICROS_PER_SECOND)
        };
        [within(self.load[0], self.load[0] + tenth), within(self.load[1] - tenth, self.load[1])]
    }
}

/// Lag in milliseconds that a share of the requests did not exceed.
fn quantile(seconds: &[Second], share: f64) -> f64 {
    let mut lag: Sparse = seconds.iter().flat_map(|second| second.lag.iter().copied()).collect();
    lag.sort_unstable();
    let total: u64 = lag.iter().map(|(_, count)| count).sum();
    let mut seen = 0;
    let found = lag.iter().find(|(_, count)| {
        seen += count;
        seen as f64 >= share * total as f64
    });
    found.map_or(0.0, |(micros, _)| *micros as f64 / 1e3)
}

/// Per cent of a core.
fn cpu(seconds: &[Second]) -> f64 {
    let micros: u64 = seconds.iter().map(|second| second.cpu).sum();
    100.0 * micros as f64 / MICROS_PER_SECOND / seconds.len() as f64
}

fn found(experiment: &Path) -> PathBuf {
    let mut folder = experiment.join("runs");
    while !folder.join("journal.jsonl").is_file() {
        let mut inside = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        folder = inside.next().expect("an experiment of one run");
    }
    folder.join("journal.jsonl")
}
