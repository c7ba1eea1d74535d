//! `summary.md`: what fits the summary of a CI step. What went wrong comes first, the charts are
//! files beside it.

use std::fmt::Write as _;

use chaos_scenarios::measure::{Fate, Measure};

use super::view::{CellView, Figure, ScenarioView, clock, scenarios, slug};
use super::{Artifact, RenderError, headline, value};
use crate::chart::timeline::timeline;
use crate::judge::Verdict;
use crate::judge::report::{ExperimentReport, RunReport};

/// The measures of the matrix.
const COLUMNS: [(&str, Measure); 6] = [
    ("accepted", Measure::AvailabilityAccepted),
    ("completed", Measure::AvailabilityCompleted),
    ("recovery", Measure::Recovery),
    ("all work done", Measure::RecoveryFull),
    ("lost", Measure::Fate(Fate::Lost)),
    ("duplicate", Measure::Fate(Fate::Duplicate)),
];

/// Writes `summary.md` and a chart per scenario.
#[expect(clippy::unnecessary_wraps, reason = "the shape of every format")]
pub(super) fn render(report: &ExperimentReport) -> Result<Vec<Artifact>, RenderError> {
    let scenarios = scenarios(report);
    let mut charts = Vec::new();
    let mut text = String::from("# Chaos report\n\n");
    if let Some(beside) = report.beside.told() {
        let _ = writeln!(text, "**{beside}.**\n");
    }
    for scenario in &scenarios {
        text.push_str(&headlines(scenario));
    }
    text.push_str(&matrix(&scenarios));
    text.push_str(&deviations(report));
    for scenario in &scenarios {
        if let Some(chart) = chart(scenario) {
            let _ = writeln!(text, "![Timeline of {}]({})\n", plain(scenario.name), chart.path);
            charts.push(chart);
        }
    }
    text.push_str(&reconciliation(report));
    text.push_str(&closing(report));
    charts.insert(0, Artifact::text("summary.md", text));
    Ok(charts)
}

/// Text that says what it says: nothing in it is taken for markup.
fn plain(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '!' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

/// Text in which what stands between backticks is code; nothing else in it is taken for markup.
fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return plain(text);
    }
    let part = |(n, part): (usize, &&str)| match n % 2 {
        0 => plain(part),
        _ if part.is_empty() => "\\`\\`".to_owned(),
        _ => format!("`{}`", part.replace(['\n', '\r'], " ").replace('|', "\\|")),
    };
    parts.iter().enumerate().map(part).collect()
}

const fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "✅",
        Verdict::Deviated => "❌",
        Verdict::Inconclusive => "❔",
        Verdict::NotApplicable => "➖",
        Verdict::Aborted | Verdict::Interrupted => "⏹️",
        Verdict::NotSteady | Verdict::Error => "⚠️",
    }
}

fn headlines(scenario: &ScenarioView) -> String {
    let mut text = String::new();
    let name = plain(scenario.name);
    let _ = writeln!(text, "## {} {name}\n", sign(scenario.verdict()));
    if let Some(circumstance) = headline::circumstance(scenario) {
        let _ = writeln!(text, "{}:\n", plain(&circumstance));
    }
    for sentence in headline::sentences(scenario) {
        let _ = writeln!(text, "- **{}** {}.", plain(&sentence.subject), prose(&sentence.text));
    }
    text.push('\n');
    text
}

fn matrix(scenarios: &[ScenarioView]) -> String {
    let mut text = String::from("| scenario | target | verdict |");
    for (title, _) in &COLUMNS {
        let _ = write!(text, " {title} |");
    }
    text.push_str("\n|---|---|---|");
    text.push_str(&"--:|".repeat(COLUMNS.len()));
    text.push('\n');
    for scenario in scenarios {
        for cell in &scenario.cells {
            text.push_str(&matrix_rows(scenario, cell));
        }
    }
    text.push('\n');
    text
}

fn matrix_rows(scenario: &ScenarioView, cell: &CellView) -> String {
    let mut text = matrix_row(scenario, &cell.name, cell.cell.verdict, &cell.runs);
    if let Some(control) = cell.control {
        let name = format!("{} (control)", cell.name);
        text.push_str(&matrix_row(scenario, &name, control.judgement.verdict, &[control]));
    }
    text
}

fn matrix_row(
    scenario: &ScenarioView,
    name: &str,
    verdict: Verdict,
    runs: &[&RunReport],
) -> String {
    let (scenario, name) = (plain(scenario.name), plain(name));
    let mut row = format!("| {scenario} | {name} | {} {} |", sign(verdict), verdict.name());
    for (_, measure) in &COLUMNS {
        let _ = write!(row, " {} |", plain(&Figure::of(measure, runs).text(measure.unit())));
    }
    row.push('\n');
    row
}

/// Every run that did not hold, with why.
fn deviations(report: &ExperimentReport) -> String {
    let mut text = String::new();
    for run in &report.runs {
        let judgement = &run.judgement;
        if matches!(judgement.verdict, Verdict::Held | Verdict::NotApplicable) {
            continue;
        }
        let _ = writeln!(text, "### {} {}\n", sign(judgement.verdict), plain(&run.id));
        for reason in &judgement.reasons {
            let _ = writeln!(text, "- {}", prose(reason));
        }
        for result in judgement.expectations.iter().filter(|result| result.held == Some(false)) {
            let asked = result.expectation.to_string();
            if judgement.reasons.iter().any(|reason| reason.contains(&asked)) {
                continue;
            }
            let seen = value::text(&result.observed, result.expectation.measure.unit());
            let _ = writeln!(text, "- `{}` is expected, {} was seen", asked, plain(&seen));
        }
        let _ = writeln!(text, "- journal, orders and logs: {}\n", plain(&run.folder));
    }
    text
}

fn chart(scenario: &ScenarioView) -> Option<Artifact> {
    let drawn = timeline(scenario.name, &scenario.charted())?;
    let path = format!("timeline-{}.svg", slug(scenario.name));
    Some(Artifact::text(path, drawn.figure.file(&format!("{}: {}", scenario.name, scenario.title))))
}

fn reconciliation(report: &ExperimentReport) -> String {
    let found: Vec<_> = report
        .runs
        .iter()
        .filter_map(|run| Some((run, run.judgement.reconciliation.as_ref()?)))
        .collect();
    if found.is_empty() {
        return String::new();
    }
    let mut text = String::from("## What became of the orders\n\n| run | sent |");
    for fate in Fate::ALL.iter().rev() {
        let _ = write!(text, " {} |", fate.name());
    }
    text.push_str("\n|---|--:|");
    text.push_str(&"--:|".repeat(Fate::ALL.len()));
    text.push('\n');
    for (run, one) in found {
        let _ = write!(text, "| {} | {} |", plain(&run.id), one.sent);
        for fate in Fate::ALL.iter().rev() {
            let _ = write!(text, " {} |", one.fates.get(fate).copied().unwrap_or(0));
        }
        text.push('\n');
    }
    text.push('\n');
    text
}

fn closing(report: &ExperimentReport) -> String {
    let header = &report.header;
    format!(
        "Started {}, seed {}, chaos {}, Docker {}, {} cores. The whole story with charts: \
         `report/index.html`. Repeat it with:\n\n```sh\n{}\n```\n",
        clock(header.started),
        header.seed,
        plain(&header.version),
        plain(&header.host.docker),
        header.host.cores,
        header.command.replace("```", "'''"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_between_backticks_is_code_and_the_rest_is_text() {
        assert_eq!(
            prose("`recovery < 15s` is expected, <b> seen"),
            "`recovery < 15s` is expected, &lt;b&gt; seen"
        );
        assert_eq!(prose("a single ` is a text"), "a single \\` is a text");
        assert_eq!(prose("`a|b` | c"), "`a\\|b` \\| c");
        assert_eq!(plain("# [x](y)\n<i>"), "\\# \\[x\\](y) &lt;i&gt;");
    }
}
