//! The plots of a timeline: good answers, completions, response times, pending work.

use super::Placed;
use crate::chart::axis::Axis;
use crate::chart::panel::{Line, Panel};
use crate::chart::sampling::Samples;

/// The plots of runs, from above.
pub(super) fn panels(placed: &[Placed], samples: &[Samples], class: &str, step: f64) -> Vec<Panel> {
    let mut panels = vec![shares(placed, samples, class)];
    if samples.iter().any(|run| run.completed.iter().any(Option::is_some)) {
        panels.push(completions(placed, samples, class, step));
    }
    let axis = latency_axis(samples);
    for (run, samples) in placed.iter().zip(samples) {
        panels.push(latencies(run, samples, axis.clone()));
    }
    if samples.iter().any(|run| run.pending.iter().any(Option::is_some)) {
        panels.push(pending(placed, samples));
    }
    panels
}

fn shares(placed: &[Placed], samples: &[Samples], class: &str) -> Panel {
    let share = |(due, good): (&Option<u64>, &Option<u64>)| match (due, good) {
        (Some(due), Some(good)) if *due > 0 => Some(*good as f64 / *due as f64 * 100.0),
        _ => None,
    };
    let line = |(run, of): (&Placed, &Samples)| Line {
        style: run.style,
        role: "good",
        values: of.due.iter().zip(&of.good).map(share).collect(),
        filled: false,
    };
    Panel {
        title: "Good answers".to_owned(),
        detail: format!("share of the requests of class {class} that were due"),
        key: Vec::new(),
        key_style: 0,
        height: 170,
        // A little above, so that a line at 100 % is seen whole.
        axis: Axis::exact(0.0, 104.0, 6),
        tick_text: |value| format!("{value} %"),
        lines: placed.iter().zip(samples).map(line).collect(),
    }
}

fn completions(placed: &[Placed], samples: &[Samples], class: &str, step: f64) -> Panel {
    let due = |(run, of): (&Placed, &Samples)| Line {
        style: run.style,
        role: "due",
        values: of.due.iter().map(|due| due.map(|count| count as f64 / step)).collect(),
        filled: false,
    };
    let completed = |(run, of): (&Placed, &Samples)| Line {
        style: run.style,
        role: "completed",
        values: of.completed.clone(),
        filled: false,
    };
    let runs = || placed.iter().zip(samples);
    let lines: Vec<Line> = runs().map(due).chain(runs().map(completed)).collect();
    let highest = lines.iter().flat_map(|line| line.values.iter().flatten()).copied();
    let highest = highest.fold(0.0, f64::max);
    Panel {
        title: "Completed per second".to_owned(),
        detail: format!("beside the requests of class {class} that were due"),
        key: vec![("due", "due"), ("completed", "completed")],
        key_style: placed.first().map_or(0, |run| run.style),
        height: 130,
        axis: Axis::from_zero(highest * 1.03, 4),
        tick_text: |value| value.to_string(),
        lines,
    }
}

fn latency_axis(samples: &[Samples]) -> Axis {
    let all = |column: fn(&Samples) -> &Vec<Option<u64>>| {
        samples.iter().flat_map(move |of| column(of).iter().flatten().copied())
    };
    let low = all(|of| &of.p50).min().unwrap_or(1_000);
    let high = all(|of| &of.p99).max().unwrap_or(1_000_000);
    Axis::decades(low.max(100) as f64, high.max(1_000) as f64)
}

fn latencies(run: &Placed, samples: &Samples, axis: Axis) -> Panel {
    let line = |role, values: &[Option<u64>]| Line {
        style: run.style,
        role,
        values: values.iter().map(|value| value.map(|micros| micros as f64)).collect(),
        filled: false,
    };
    Panel {
        title: format!("Response time of {}", run.name),
        detail: String::new(),
        key: vec![("p50", "p50"), ("p95", "p95"), ("p99", "p99")],
        key_style: run.style,
        height: 110,
        axis,
        tick_text: |micros| match micros {
            _ if micros >= 1e6 => format!("{} s", micros / 1e6),
            _ if micros >= 1e3 => format!("{} ms", micros / 1e3),
            _ => format!("{} µs", micros.round()),
        },
        lines: vec![
            line("p99", &samples.p99),
            line("p95", &samples.p95),
            line("p50", &samples.p50),
        ],
    }
}

fn pending(placed: &[Placed], samples: &[Samples]) -> Panel {
    let line = |(run, of): (&Placed, &Samples)| Line {
        style: run.style,
        role: "pending",
        values: of.pending.iter().map(|value| value.map(|count| count as f64)).collect(),
        filled: true,
    };
    let highest = samples.iter().flat_map(|of| of.pending.iter().flatten()).max();
    Panel {
        title: "Pending work".to_owned(),
        detail: "orders, messages and steps not yet done".to_owned(),
        key: Vec::new(),
        key_style: 0,
        height: 110,
        axis: Axis::from_zero(highest.copied().unwrap_or(0).max(4) as f64, 3),
        tick_text: |value| value.to_string(),
        lines: placed.iter().zip(samples).map(line).collect(),
    }
}
