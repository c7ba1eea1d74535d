//! The final state is read and stored: what the audits tell and, where the target names some, what
//! its databases tell. An audit that is checked is read before and after the databases, so that
//! what moves meanwhile is known to.

use std::time::Duration;

use chaos_reports::record::event::{Event, Phase};
use chaos_reports::record::final_state::{SourcedRow, read_twice};
use chaos_scenarios::target::{DatabaseAudit, Endpoint};
use futures::future::join_all;
use tokio::time::timeout;

use super::Run;
use super::halt::Halt;
use crate::folder;
use crate::port::{Auditor, LoadGenerator, PortError, Runtime};

/// How long one audit endpoint, or one database, may take.
const AUDIT_LIMIT: Duration = Duration::from_secs(60);

/// The rows of one source, or why there are none.
type Read = Result<Vec<SourcedRow>, String>;

impl<R: Runtime, L: LoadGenerator, A: Auditor> Run<R, L, A> {
    pub(super) async fn audit(&mut self) -> Result<(), Halt> {
        self.begin(Phase::Audit);
        let rows = self.unless_halted(self.final_state()).await?;
        let path = self.setting.folder.join(folder::FINAL_STATE);
        folder::write_final_state(&path, &rows).map_err(|error| {
            Halt::Failed(format!("{} cannot be written: {error}; free space", path.display()))
        })
    }

    async fn final_state(&self) -> Vec<SourcedRow> {
        let (audits, databases) = (&self.plan.target.audit, &self.plan.target.audit_sql);
        let first = join_all(audits.iter().map(|endpoint| self.read_audit(endpoint))).await;
        let checks = join_all(databases.iter().map(|audit| self.read_database(audit))).await;
        let readings = audits.iter().zip(first);
        let last = join_all(readings.map(|(endpoint, first)| self.read_again(endpoint, first)));
        let mut rows = Vec::new();
        for (endpoint, read) in audits.iter().zip(last.await) {
            rows.extend(self.told(endpoint, read));
        }
        for (audit, read) in databases.iter().zip(checks) {
            rows.extend(self.told(&audit.database, read));
        }
        rows
    }

    async fn read_audit(&self, endpoint: &Endpoint) -> Read {
        within(self.ports.auditor.audit(endpoint, &self.deployment)).await
    }

    async fn read_database(&self, audit: &DatabaseAudit) -> Read {
        within(self.ports.auditor.audit_database(audit, &self.deployment)).await
    }

    /// Reads an audit once more if a database checks it.
    async fn read_again(&self, endpoint: &Endpoint, first: Read) -> Read {
        let first = first?;
        if self.plan.target.audit_sql.iter().any(|audit| audit.checks == *endpoint) {
            let last = self.read_audit(endpoint).await?;
            return Ok(read_twice(first, last));
        }
        Ok(first)
    }

    /// Puts a reading on record.
    fn told(&self, endpoint: &Endpoint, read: Read) -> Vec<SourcedRow> {
        let source = endpoint.to_string();
        match read {
            Ok(rows) => {
                let last_word = rows.iter().filter(|row| !row.reading.is_gone());
                let count = last_word.count() as u64;
                self.recorder.emit(Event::Audited { source, rows: count });
                rows
            }
            Err(reason) => {
                self.recorder.emit(Event::AuditFailed { source, reason });
                Vec::new()
            }
        }
    }
}

async fn within(reading: impl Future<Output = Result<Vec<SourcedRow>, PortError>>) -> Read {
    match timeout(AUDIT_LIMIT, reading).await {
        Ok(read) => read.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no end within {} s", AUDIT_LIMIT.as_secs())),
    }
}
