//! The result of an experiment as a table on standard output.

use chaos_reports::judge::report::{Cell, ExperimentReport, RunReport};
use chaos_reports::judge::{Flag, Value, Verdict};
use chaos_scenarios::measure::{Fate, Measure, Unit};
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell as Field, CellAlignment, ContentArrangement, Table};
use console::style;

const COLUMNS: [&str; 9] = [
    "scenario",
    "target",
    "verdict",
    "completed",
    "accepted",
    "recovery",
    "in full",
    "lost",
    "duplicate",
];

/// Columns of words; those behind them hold figures.
const WORDS: usize = 3;

/// The matrix, one row per scenario and target, with the figures of its run, or the medians of its
/// repeats; then why what did not hold did not.
pub fn render(report: &ExperimentReport) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(COLUMNS);
    for cell in &report.cells {
        table.add_row(row(report, cell));
    }
    for column in table.column_iter_mut().skip(WORDS) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let mut text = table.to_string();
    if let Some(beside) = report.beside.told() {
        text.push('\n');
        text.push_str(&beside);
    }
    for run in &report.runs {
        text.push_str(&reasons(run));
    }
    text
}

fn row(report: &ExperimentReport, cell: &Cell) -> Vec<Field> {
    let mut fields = vec![
        Field::new(&cell.scenario),
        Field::new(format!("{}@{}", cell.target, cell.mode)),
        Field::new(verdict(cell.verdict, &cell.flags)),
    ];
    let ids = if cell.runs.is_empty() { cell.control.as_slice() } else { &cell.runs };
    let runs: Vec<&RunReport> = ids.iter().filter_map(|id| report.run(id)).collect();
    fields.extend(MEASURES.iter().map(|measure| Field::new(figure(&runs, measure))));
    fields
}

const MEASURES: [Measure; 6] = [
    Measure::AvailabilityCompleted,
    Measure::AvailabilityAccepted,
    Measure::Recovery,
    Measure::RecoveryFull,
    Measure::Fate(Fate::Lost),
    Measure::Fate(Fate::Duplicate),
];

/// A measure of a run, or the median of several: of an even number the lower one, so that it was
/// really observed.
fn figure(runs: &[&RunReport], measure: &Measure) -> String {
    let values = runs.iter().filter_map(|run| run.judgement.measures.get(measure));
    let mut known: Vec<(f64, &Value)> = values
        .filter_map(|value| match value {
            Value::Exact(number) => Some((*number, value)),
            Value::AtLeast(number) => Some((number.next_up(), value)),
            Value::Absent(_) => None,
        })
        .collect();
    known.sort_by(|one, other| one.0.total_cmp(&other.0));
    match known.get(known.len().saturating_sub(1) / 2) {
        None => "–".to_owned(),
        Some((_, Value::Exact(share))) if measure.unit() == Unit::Share => {
            format!("{:.1} %", share * 100.0)
        }
        Some((_, value)) => value.show(measure.unit()),
    }
}

fn verdict(verdict: Verdict, flags: &[Flag]) -> String {
    let word = match verdict {
        Verdict::Held => style("✓ held").green(),
        Verdict::NotApplicable => style("· not applicable").dim(),
        Verdict::Inconclusive => style("? inconclusive").yellow(),
        Verdict::Aborted => style("! aborted").yellow(),
        Verdict::Interrupted => style("! interrupted").yellow(),
        Verdict::NotSteady => style("! not steady").red(),
        Verdict::Deviated => style("✗ deviated").red(),
        Verdict::Error => style("✗ error").red(),
    };
    let flags: String = flags
        .iter()
        .map(|flag| match flag {
            Flag::Dirty => ", dirty",
            Flag::Flaky => ", flaky",
        })
        .collect();
    format!("{word}{flags}")
}

fn reasons(run: &RunReport) -> String {
    if matches!(run.judgement.verdict, Verdict::Held | Verdict::NotApplicable) {
        return String::new();
    }
    run.judgement
        .reasons
        .iter()
        .fold(String::new(), |text, reason| format!("{text}\n{}: {reason}", style(&run.id).bold()))
}
