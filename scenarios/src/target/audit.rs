//! A second reading of the final state: queries that ask the databases themselves. They check the
//! word of the application, which would repeat its own mistakes. They are data of the target, so
//! every target can bring some.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Endpoint;
use super::chaos::{HTTP, endpoint};
use super::section::Names;
use crate::text::Item;
use crate::text::decode::Key;
use crate::text::diagnostic::help_for_name;

/// The only databases that can be asked.
const DATABASES: [&str; 1] = ["postgres"];

/// The tables that an audit may tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AuditTable {
    /// Orders and where they stand.
    Orders,
    /// Stock per article.
    Stock,
    /// Stock set aside per order.
    Reservations,
    /// Bookings of money.
    Ledger,
    /// Parcels.
    Shipments,
    /// Rights to digital articles.
    Grants,
    /// Messages that were given up.
    Dead,
    /// Steps of orders.
    Steps,
    /// Pipelines of orders.
    Pipelines,
    /// What a pipeline intended and came to.
    PipelineLog,
    /// What is still to be undone.
    Todos,
    /// Events to send.
    Messages,
}

impl AuditTable {
    /// Every table with its name in audit rows and target files.
    pub const ALL: [(&str, Self); 12] = [
        ("orders", Self::Orders),
        ("stock", Self::Stock),
        ("reservations", Self::Reservations),
        ("ledger", Self::Ledger),
        ("shipments", Self::Shipments),
        ("grants", Self::Grants),
        ("dead", Self::Dead),
        ("steps", Self::Steps),
        ("pipelines", Self::Pipelines),
        ("pipeline-log", Self::PipelineLog),
        ("todos", Self::Todos),
        ("messages", Self::Messages),
    ];

    /// The name in audit rows and target files.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, table)| *table == self).map_or("?", |(name, _)| name)
    }
}

impl fmt::Display for AuditTable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One database with the queries that check what an audit tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseAudit {
    /// Where the database is.
    pub database: Endpoint,
    /// The audit whose word is checked: one of the target's.
    pub checks: Endpoint,
    /// By table, one `SELECT` whose columns are the fields of the table's rows.
    pub queries: BTreeMap<AuditTable, String>,
}

/// Reads an item of `audit-sql`; `audits` are the addresses that the file lists under `audit`.
pub(super) fn read(item: &Item<'_>, names: &Names, audits: &[String]) -> Option<DatabaseAudit> {
    let mut fields = item.fields()?;
    let database = fields.required("database").and_then(|item| endpoint(&item, names, &DATABASES));
    let checks = fields.required("checks").and_then(|item| checked(&item, names, audits));
    let queries = fields.required("queries").and_then(|item| read_queries(&item));
    fields.finish();
    Some(DatabaseAudit { database: database?, checks: checks?, queries: queries? })
}

fn checked(item: &Item<'_>, names: &Names, audits: &[String]) -> Option<Endpoint> {
    let endpoint = endpoint(item, names, &HTTP)?;
    let text = item.text()?;
    if audits.contains(&text) {
        return Some(endpoint);
    }
    let help = help_for_name(&text, audits.iter().map(String::as_str));
    item.wrong(format!("`{text}` is not listed under `audit`"), help)
}

fn read_queries(item: &Item<'_>) -> Option<BTreeMap<AuditTable, String>> {
    let entries = item.entries()?;
    if entries.is_empty() {
        return item.wrong("no table is asked for", Some("write `table: SELECT …`".to_owned()));
    }
    let read: Vec<Option<(AuditTable, String)>> = entries
        .iter()
        .map(|(key, value)| {
            let (table, query) = (read_table(key), read_query(value));
            Some((table?, query?))
        })
        .collect();
    read.into_iter().collect()
}

fn read_table(key: &Key<'_>) -> Option<AuditTable> {
    let known = AuditTable::ALL.iter().find(|(name, _)| *name == key.text);
    let names = AuditTable::ALL.map(|(name, _)| name);
    known.map(|(_, table)| *table).or_else(|| key.unknown("table of an audit", names))
}

/// One statement: it is wrapped into another, in a transaction that cannot write.
fn read_query(item: &Item<'_>) -> Option<String> {
    let query = item.text()?;
    if query.trim().is_empty() {
        return item.wrong("the query is empty", Some("write one `SELECT`".to_owned()));
    }
    if let Some(at) = query.find(';') {
        let help = "write one `SELECT` without `;`, also at its end";
        return item.wrong_within(at..at + 1, "`;` is not allowed here", Some(help.to_owned()));
    }
    Some(query)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::target::{Target, decode};
    use crate::text::Diagnostics;

    fn read(audit_sql: &str) -> Result<Target, Diagnostics> {
        let text = format!(
            "services: {{app: {{image: a}}, db: {{image: b}}}}\n\
             x-chaos:\n  version: 1\n  title: t\n  entry: http://app:80\n  \
             audit: ['http://app:9090/audit']\n  audit-sql:\n{audit_sql}"
        );
        decode("shop.yaml", "shop", &text)
    }

    #[test]
    fn a_database_is_asked_and_its_port_published() {
        let target = read(
            "    - database: postgres://shop:${PASSWORD:-p}@db:5432/shop\n      \
             checks: http://app:9090/audit\n      \
             queries: {orders: 'SELECT id, state FROM orders', pipeline-log: SELECT 1}\n",
        );
        let target = target.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        let [audit] = target.audit_sql.as_slice() else { panic!("{:?}", target.audit_sql) };
        assert_eq!(audit.database.to_string(), "postgres://db:5432/shop");
        assert_eq!(audit.checks, target.audit[0]);
        assert_eq!(audit.queries[&AuditTable::Orders], "SELECT id, state FROM orders");
        assert!(audit.queries.contains_key(&AuditTable::PipelineLog));
        assert_eq!(target.component("db").expect("read").ports, [5432]);
        let text = serde_json::to_string(&target).expect("plain values");
        assert_eq!(serde_json::from_str::<Target>(&text).expect("what was written"), target);
    }

    #[test]
    fn every_mistake_is_told_where_it_stands() {
        let mistakes = read(
            "    - database: mysql://db:3306/shop\n      \
             checks: http://app:9090/audits\n      \
             queries: {order: SELECT 1, stock: ' ', ledger: SELECT 1; DROP TABLE ledger}\n    \
             - database: amqp://mq:5672\n      queries: {}\n      query: SELECT 1\n    \
             - database: http://app:80\n      checks: http://ap:9090/audit\n      queries: []\n",
        );
        assert_snapshot!(mistakes.expect_err("it is wrong"), @r"
        shop.yaml:8:17: `mysql` is no scheme for an address inside the target: write one of http, postgres, amqp, tcp
        shop.yaml:9:15: `http://app:9090/audits` is not listed under `audit` (did you mean `http://app:9090/audit`?)
        shop.yaml:10:17: no table of an audit is called `order` (did you mean `orders`?)
        shop.yaml:10:41: the query is empty (write one `SELECT`)
        shop.yaml:10:62: `;` is not allowed here (write one `SELECT` without `;`, also at its end)
        shop.yaml:11:7: `checks` is missing here
        shop.yaml:11:17: `amqp` is not spoken here (write `postgres://…`)
        shop.yaml:12:16: no table is asked for (write `table: SELECT …`)
        shop.yaml:13:7: the key `query` is not known here (did you mean `queries`?)
        shop.yaml:14:17: `http` is not spoken here (write `postgres://…`)
        shop.yaml:15:22: no service is called `ap` (did you mean `app`?)
        shop.yaml:16:16: expected a mapping, found a list
        ");
    }

    #[test]
    fn what_checks_a_wrong_audit_is_not_told_to_be_unlisted() {
        let text = "services: {app: {image: a}, db: {image: b}}\n\
                    x-chaos: {version: 1, title: t, entry: 'http://app:80', audit: ['http://ap:1/a'],\n\
                    audit-sql: [{database: 'postgres://db:1/x', checks: 'http://ap:1/a', queries: {orders: SELECT 1}}]}\n";
        assert_snapshot!(decode("shop.yaml", "shop", text).expect_err("it is wrong"), @r"
        shop.yaml:2:73: no service is called `ap` (did you mean `app`?)
        shop.yaml:3:61: no service is called `ap` (did you mean `app`?)
        ");
    }
}
