//! A calibration as a person reads it: errors of every figure, and which are out of bounds.

use std::fmt::Write as _;

use chaos_reports::statistics::median;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};

use super::compare::{Figure, is_informal};
use super::suite::Row;

/// Columns of words and counts; those behind them hold errors.
const WORDS: usize = 4;

/// One row per case: of every figure the median and the largest error over the runs, and what is
/// allowed; marked where that is exceeded.
pub fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_HORIZONTAL_ONLY);
    table.set_content_arrangement(ContentArrangement::Disabled);
    let heads = ["outage", "rate", "engine", "runs"].into_iter();
    table.set_header(heads.chain(Figure::ALL.iter().map(|figure| figure.name())));
    for row in rows {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut().skip(WORDS) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("{table}\n{}", notes(rows))
}

fn cells(row: &Row) -> Vec<Cell> {
    let refused = match row.refused.len() {
        0 => String::new(),
        count => format!(" (+{count} refused)"),
    };
    let mut cells = vec![
        Cell::new(row.case.name),
        Cell::new(format!("{}/s", row.case.rate)),
        Cell::new(row.case.engine),
        Cell::new(format!("{}{refused}", row.runs.len())),
    ];
    cells.extend(Figure::ALL.iter().map(|figure| Cell::new(errors(row, *figure))));
    cells
}

fn errors(row: &Row, figure: Figure) -> String {
    let (sizes, bound) = row.sizes(figure);
    let (Some(middle), Some(most)) = (median(&sizes), sizes.last()) else {
        return "—".to_owned();
    };
    let mut text = format!("{}, {}", figure.show(middle), figure.show(*most));
    if let Some(bound) = bound {
        let mark = match (*most > bound, is_informal(&row.case)) {
            (false, _) => "≤",
            (true, true) => "over",
            (true, false) => "OVER",
        };
        let _ = write!(text, " {mark} {}", figure.show(bound));
    }
    text
}

fn notes(rows: &[Row]) -> String {
    let mut text =
        "Of each error: median, largest, bound. Detection is the time from the outage to \
                    the first sign of the target itself, and has no bound.\n"
            .to_owned();
    for row in rows {
        for reason in &row.refused {
            let Row { case, .. } = row;
            let (name, rate, engine) = (case.name, case.rate, case.engine);
            let _ = writeln!(text, "refused: {name} at {rate}/s by {engine}: {reason}");
        }
    }
    text
}
