//! Two auditors, one final state: what the application tells about itself against what its
//! databases tell. An audit that misreports hides every other finding, so a disagreement is one of
//! its own, in every mode.

use std::collections::BTreeSet;

use chaos_scenarios::target::{AuditTable, DatabaseAudit};

use crate::judge::InvariantResult;
use crate::record::final_state::{FinalState, Reading, SourcedRow};
use crate::record::run_record::RunRecord;

use super::invariant::{result, shortened};

/// The invariant's name among the others.
pub const BOTH_AUDITORS: &str = "A1";
const TEXT: &str = "the audit and the databases tell the same";

/// What both auditors tell of one thing.
#[derive(Default)]
struct Told<'a> {
    audit: Vec<&'a SourcedRow>,
    database: Vec<&'a SourcedRow>,
    /// It changed while it was read.
    moved: bool,
}

/// Compares both readings; nothing where the target names no database.
pub(super) fn compare(
    record: &RunRecord,
    state: &FinalState,
    unread: Option<&str>,
) -> Option<InvariantResult> {
    let databases = databases(record);
    if databases.is_empty() {
        return None;
    }
    let reason = unread.map(str::to_owned).or_else(|| unread_database(record, databases));
    let told = reason.map_or_else(|| judge(&told(databases, state)), Err);
    Some(match told {
        Ok((agreement, lines)) if lines.is_empty() => {
            result(BOTH_AUDITORS, TEXT, Some(true), vec![agreement])
        }
        Ok((_, lines)) => result(BOTH_AUDITORS, TEXT, Some(false), shortened(lines)),
        Err(reason) => result(BOTH_AUDITORS, TEXT, None, vec![reason]),
    })
}

/// The databases that a run asks.
pub(super) fn databases(record: &RunRecord) -> &[DatabaseAudit] {
    record.plan().map_or(&[], |plan| &plan.target.audit_sql)
}

/// Whether a source is one of the databases.
pub(super) fn is_database(record: &RunRecord, source: &str) -> bool {
    databases(record).iter().any(|audit| audit.database.to_string() == source)
}

fn unread_database(record: &RunRecord, databases: &[DatabaseAudit]) -> Option<String> {
    databases.iter().map(|audit| audit.database.to_string()).find_map(|database| {
        let failed = record.audit_failed.iter().find(|(source, _)| *source == database);
        let read = record.audited.iter().any(|(source, _)| *source == database);
        match failed {
            Some((_, reason)) => Some(format!("{database} could not be read: {reason}")),
            None if !read => Some(format!("{database} was never read")),
            None => None,
        }
    })
}

/// Everything that both auditors are asked about, rows that speak of the same thing side by side.
fn told<'a>(databases: &[DatabaseAudit], state: &'a FinalState) -> Vec<&'a SourcedRow> {
    let pairs = |audit: &DatabaseAudit| {
        let source = audit.checks.to_string();
        audit.queries.keys().map(|table| (source.clone(), *table)).collect::<Vec<_>>()
    };
    let checked: BTreeSet<(String, AuditTable)> = databases.iter().flat_map(pairs).collect();
    let is_checked = |row: &SourcedRow| {
        let mut checked = checked.iter();
        checked.any(|(source, table)| *table == row.row.table() && **source == *row.source)
    };
    let asked = |row: &&SourcedRow| row.reading == Reading::Database || is_checked(row);
    let mut told: Vec<&SourcedRow> = state.rows.iter().filter(asked).collect();
    told.sort_unstable_by(|one, other| one.row.thing().cmp(&other.row.thing()));
    told
}

/// What they agree on, and where they do not; or why nothing can be said.
fn judge(told: &[&SourcedRow]) -> Result<(String, Vec<String>), String> {
    let (mut rows, mut moved, mut tables, mut lines) = (0, 0, BTreeSet::new(), Vec::new());
    for of in told.chunk_by(|one, other| one.row.thing() == other.row.thing()) {
        let of = Told::of(of);
        if of.moved {
            moved += 1;
        } else if of.audit.iter().map(|it| &it.row).eq(of.database.iter().map(|it| &it.row)) {
            rows += of.audit.len();
            tables.extend(of.audit.first().map(|it| it.row.table()));
        } else if let Some(first) = of.audit.first().or(of.database.first()) {
            let (table, name) = (first.row.table(), first.row.name());
            let (audit, database) = (shown(&of.audit), shown(&of.database));
            lines.push(format!("{table} {name}: the audit tells {audit}, the database {database}"));
        }
    }
    if rows == 0 && lines.is_empty() {
        return Err(match moved {
            0 => "neither auditor told anything".to_owned(),
            _ => "everything moved while it was read".to_owned(),
        });
    }
    let still = match moved {
        0 => String::new(),
        _ => format!("; {moved} more moved while they were read and are not compared"),
    };
    let tables = tables.len();
    Ok((format!("two auditors agree on {rows} rows of {tables} tables{still}"), lines))
}

impl<'a> Told<'a> {
    /// Parts the rows of one thing by who told them.
    fn of(rows: &[&'a SourcedRow]) -> Self {
        let mut told = Self::default();
        for row in rows {
            match row.reading {
                Reading::Database => told.database.push(row),
                Reading::Gone => told.moved = true,
                Reading::Audit | Reading::Moving => {
                    told.moved |= row.reading == Reading::Moving;
                    told.audit.push(row);
                }
            }
        }
        for rows in [&mut told.audit, &mut told.database] {
            rows.sort_unstable_by(|one, other| one.row.cmp(&other.row));
        }
        told
    }
}

fn shown(rows: &[&SourcedRow]) -> String {
    let Some(first) = rows.first() else { return "nothing".to_owned() };
    let texts: Vec<String> =
        rows.iter().map(|row| serde_json::to_string(&row.row).unwrap_or_default()).collect();
    format!("{} ({})", texts.join(" and "), first.source)
}
