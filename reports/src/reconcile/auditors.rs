//! Two auditors, one final state: what the application tells about itself against what its
//! databases tell. An audit that misreports hides every other finding, so a disagreement is one of
//! its own, in every mode.

use std::collections::{BTreeMap, BTreeSet};

use chaos_scenarios::target::{AuditTable, DatabaseAudit};

use crate::judge::InvariantResult;
use crate::record::final_state::{AuditRow, FinalState, Reading, SourcedRow};
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

/// Everything that both auditors are asked about, by table and name.
fn told<'a>(
    databases: &[DatabaseAudit],
    state: &'a FinalState,
) -> BTreeMap<(AuditTable, String), Told<'a>> {
    let pairs = |audit: &DatabaseAudit| {
        let source = audit.checks.to_string();
        audit.queries.keys().map(|table| (source.clone(), *table)).collect::<Vec<_>>()
    };
    let checked: BTreeSet<(String, AuditTable)> = databases.iter().flat_map(pairs).collect();
    let mut told: BTreeMap<(AuditTable, String), Told<'a>> = BTreeMap::new();
    for row in &state.rows {
        let table = row.row.table();
        let database = row.reading == Reading::Database;
        if !database && !checked.contains(&(row.source.clone(), table)) {
            continue;
        }
        let of = told.entry((table, row.row.name())).or_default();
        match row.reading {
            Reading::Database => of.database.push(row),
            Reading::Gone => of.moved = true,
            Reading::Audit | Reading::Moving => {
                of.moved |= row.reading == Reading::Moving;
                of.audit.push(row);
            }
        }
    }
    told
}

/// What they agree on, and where they do not; or why nothing can be said.
fn judge(told: &BTreeMap<(AuditTable, String), Told<'_>>) -> Result<(String, Vec<String>), String> {
    let (mut rows, mut moved, mut tables, mut lines) = (0, 0, BTreeSet::new(), Vec::new());
    for ((table, name), of) in told {
        if of.moved {
            moved += 1;
        } else if sorted(&of.audit) == sorted(&of.database) {
            rows += of.audit.len();
            tables.insert(*table);
        } else {
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

fn sorted<'a>(rows: &[&'a SourcedRow]) -> Vec<&'a AuditRow> {
    let mut rows: Vec<&AuditRow> = rows.iter().map(|row| &row.row).collect();
    rows.sort_unstable();
    rows
}

fn shown(rows: &[&SourcedRow]) -> String {
    let Some(first) = rows.first() else { return "nothing".to_owned() };
    let texts: Vec<String> =
        rows.iter().map(|row| serde_json::to_string(&row.row).unwrap_or_default()).collect();
    format!("{} ({})", texts.join(" and "), first.source)
}
