//! The final state of a target after the drain: what its audits tell, and what its databases tell
//! when they are asked themselves.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use super::audit_row::AuditRow;

/// Who read a row, and whether it stood still.
///
/// Where databases are asked too, an audit is read before and after them: what differs between its
/// two readings moved meanwhile, and cannot be compared with anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// Told by the audit.
    #[default]
    Audit,
    /// Told by the audit's last reading, and not by the one before.
    Moving,
    /// Told by the audit's first reading, and no longer by its last.
    Gone,
    /// Read in the database itself.
    Database,
}

impl Reading {
    /// Whether the row is part of the last word of the audit, which is what orders are judged by.
    pub const fn is_last_word(self) -> bool {
        matches!(self, Self::Audit | Self::Moving)
    }

    /// Whether the row no longer stood there in the end.
    pub const fn is_gone(self) -> bool {
        matches!(self, Self::Gone)
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_audit(&self) -> bool {
        *self == Self::Audit
    }
}

/// One row and who told it; one line of `final-state.jsonl.zst`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcedRow {
    /// The audit endpoint or the database, such as `http://orders:9090/audit`.
    pub source: Arc<str>,
    /// Who read it.
    #[serde(default, skip_serializing_if = "Reading::is_audit")]
    pub reading: Reading,
    /// What it told.
    pub row: AuditRow,
}

impl SourcedRow {
    /// A row that an audit told. Rows share the name of their source: there may be millions.
    pub fn told(source: impl Into<Arc<str>>, row: AuditRow) -> Self {
        Self { source: source.into(), reading: Reading::Audit, row }
    }
}

/// All that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FinalState {
    /// Rows of every reading, in the order read.
    pub rows: Vec<SourcedRow>,
    /// Endpoints that could not be read, with the reason.
    pub unread: Vec<(String, String)>,
}

impl FinalState {
    /// The last word of the audits.
    pub fn last_word(&self) -> impl Iterator<Item = &SourcedRow> {
        self.rows.iter().filter(|row| row.reading.is_last_word())
    }
}

/// Puts two readings of one audit together: its last word, of which each row tells whether it stood
/// there before, and then the rows that are gone.
pub fn read_twice(first: Vec<SourcedRow>, last: Vec<SourcedRow>) -> Vec<SourcedRow> {
    let mut before: HashMap<&AuditRow, usize> = HashMap::with_capacity(first.len());
    for row in &first {
        *before.entry(&row.row).or_default() += 1;
    }
    let mut rows = last;
    for row in &mut rows {
        match before.get_mut(&row.row).filter(|count| **count > 0) {
            Some(count) => *count -= 1,
            None => row.reading = Reading::Moving,
        }
    }
    let mut left: HashMap<AuditRow, usize> =
        before.into_iter().filter(|(_, n)| *n > 0).map(|(row, n)| (row.clone(), n)).collect();
    let gone = first.into_iter().filter(|row| {
        let count = left.get_mut(&row.row).filter(|count| **count > 0);
        count.map(|count| *count -= 1).is_some()
    });
    rows.extend(gone.map(|row| SourcedRow { reading: Reading::Gone, ..row }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(order: &str, state: &str) -> SourcedRow {
        let row = AuditRow::Shipments { order: order.into(), state: state.into() };
        SourcedRow::told("http://shop:9090/audit", row)
    }

    fn shown(rows: &[SourcedRow]) -> Vec<(String, Reading)> {
        rows.iter().map(|row| (row.row.name(), row.reading)).collect()
    }

    #[test]
    fn what_differs_between_two_readings_moved() {
        let first = vec![parcel("a", "ACTIVE"), parcel("b", "ACTIVE"), parcel("c", "ACTIVE")];
        let last = vec![parcel("a", "ACTIVE"), parcel("b", "CANCELLED"), parcel("d", "ACTIVE")];
        let rows = read_twice(first, last);
        let of = |name: &str, reading| (name.to_owned(), reading);
        assert_eq!(
            shown(&rows),
            [
                of("a", Reading::Audit),
                of("b", Reading::Moving),
                of("d", Reading::Moving),
                of("b", Reading::Gone),
                of("c", Reading::Gone),
            ]
        );
    }

    #[test]
    fn equal_rows_are_counted() {
        let twice = || vec![parcel("a", "ACTIVE"), parcel("a", "ACTIVE")];
        let once = || vec![parcel("a", "ACTIVE")];
        let readings = |first, last| shown(&read_twice(first, last)).into_iter().map(|row| row.1);
        assert_eq!(readings(twice(), twice()).collect::<Vec<_>>(), [Reading::Audit; 2]);
        let gone = readings(twice(), once()).collect::<Vec<_>>();
        assert_eq!(gone, [Reading::Audit, Reading::Gone]);
        let come = readings(once(), twice()).collect::<Vec<_>>();
        assert_eq!(come, [Reading::Audit, Reading::Moving]);
    }

    #[test]
    fn a_line_of_an_older_version_is_the_audits_word() {
        let text = r#"{"source":"here","row":{"table":"shipments","order":"a","state":"ACTIVE"}}"#;
        let row: SourcedRow = serde_json::from_str(text).expect("a row");
        assert_eq!(row.reading, Reading::Audit);
        assert_eq!(serde_json::to_string(&row).expect("a line"), text);
    }
}
