//! The auditor against a server that says what it is told to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chaos_reports::record::final_state::AuditRow;
use chaos_scenarios::action::Replica;
use chaos_scenarios::plan::Plan;
use chaos_scenarios::plan::capability::Capabilities;
use chaos_scenarios::plan::compile::{Overrides, PlanRequest};
use chaos_scenarios::plan::profile::Profile;
use chaos_scenarios::target::Endpoint;
use chaos_scenarios::{scenario, target, workload};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const COMPOSE: &str = "
services:
  shop: {image: shop, deploy: {replicas: 2}}
x-chaos:
  version: 1
  title: A shop in memory
  entry: http://shop:8080
  roles: {shop: app}
  ready: {shop: http://shop:8080/readyz}
  audit: [http://shop:8080/audit]
  pending: [http://shop:8080/pending]
  canary: order
";

const SCENARIO: &str = "
version: 1
title: Nothing happens
";

/// Answers by the beginning of the path, the longest that fits, in turn; the last answer stays.
/// `None` closes at once.
type Script = BTreeMap<&'static str, Vec<Option<(u16, String)>>>;

/// A server per replica; returns the deployment that reaches them.
async fn deploy(scripts: Vec<Script>) -> Deployment {
    let mut deployment = Deployment::default();
    for (number, script) in (1..).zip(scripts) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let replica = Replica { component: "shop".to_owned(), number };
        deployment.ports.insert((replica, 8080), port);
        tokio::spawn(serve(listener, Arc::new(Mutex::new(script))));
    }
    deployment
}

async fn serve(listener: TcpListener, script: Arc<Mutex<Script>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut text = vec![0; 4096];
        let read = stream.read(&mut text).await.unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..read]).into_owned();
        let path = text.split_whitespace().nth(1).unwrap_or_default();
        let Some((status, body)) = next(&mut script.lock().unwrap(), path) else { continue };
        let head = format!("HTTP/1.1 {status} Told\r\nconnection: close\r\n");
        let whole = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        let _ = stream.write_all(whole.as_bytes()).await;
    }
}

fn next(script: &mut Script, path: &str) -> Option<(u16, String)> {
    let (_, answers) = script.iter_mut().rev().find(|(start, _)| path.starts_with(**start))?;
    if answers.len() > 1 { answers.remove(0) } else { answers.first().cloned().flatten() }
}

fn script(answers: &[(&'static str, &[(u16, &str)])]) -> Script {
    let told = |list: &[(u16, &str)]| {
        let answer = |(status, body): &(u16, &str)| match status {
            0 => None,
            status => Some((*status, (*body).to_owned())),
        };
        list.iter().map(answer).collect()
    };
    answers.iter().map(|(path, list)| (*path, told(list))).collect()
}

/// One run of a shop with two replicas.
pub(crate) fn plan() -> Plan {
    Plan::compile(&PlanRequest {
        source: &scenario::decode("nothing.yaml", SCENARIO).expect("a valid scenario"),
        target: &target::decode("compose.yaml", "memory", COMPOSE).expect("a valid target"),
        workload: &workload::builtin("checkout").expect("it is built in"),
        each: None,
        mode: "hardened",
        profile: Profile::Quick,
        seed: 1,
        repeat: 1,
        overrides: &Overrides::default(),
        capabilities: &Capabilities::default(),
    })
    .expect("the scenario fits the target")
}

fn endpoint(path: &str) -> Endpoint {
    format!("http://shop:8080{path}").parse().expect("an endpoint")
}

fn auditor() -> HttpAuditor {
    HttpAuditor::new().expect("a client")
}

#[tokio::test]
async fn a_component_is_ready_when_every_replica_says_so() {
    let ready = || script(&[("/readyz", &[(200, "")])]);
    let not_ready = script(&[("/readyz", &[(503, "no broker")])]);
    let deployment = deploy(vec![ready(), not_ready]).await;
    let error = auditor().ready(&plan(), &deployment, "shop").await.expect_err("one is not");
    assert_eq!(error.to_string(), "shop-2 is not ready: HTTP 503: no broker");
    let first = Replica { component: "shop".to_owned(), number: 1 };
    auditor().ready(&plan(), &deployment.only(&first), "shop").await.expect("the first is");
    let error = auditor().ready(&plan(), &Deployment::default(), "shop").await;
    assert!(error.expect_err("nothing is there").to_string().contains("is not published"));
}

#[tokio::test]
async fn pending_work_comes_from_one_replica_that_answers() {
    let silent = script(&[("/pending", &[(0, "")])]);
    let telling = script(&[("/pending", &[(200, r#"{"outbox": 3, "reachable": true}"#)])]);
    let deployment = deploy(vec![silent, telling]).await;
    let (counts, quiet) = auditor().pending(&plan(), &deployment).await;
    assert_eq!((counts, quiet), (BTreeMap::from([("outbox".to_owned(), 3)]), Vec::new()));
    let broken = deploy(vec![script(&[("/pending", &[(200, "[1]")])])]).await;
    let (counts, quiet) = auditor().pending(&plan(), &broken).await;
    assert_eq!((counts.len(), quiet), (0, vec!["http://shop:8080/pending".to_owned()]));
}

#[tokio::test]
async fn an_audit_is_asked_again_where_the_connection_broke_and_nowhere_else() {
    let rows = "{\"table\":\"shipments\",\"order\":\"a\",\"state\":\"ACTIVE\"}\n";
    let deployment = deploy(vec![script(&[("/audit", &[(0, ""), (200, rows)])])]).await;
    let told = auditor().audit(&endpoint("/audit"), &deployment).await.expect("rows");
    let row = AuditRow::Shipments { order: "a".into(), state: "ACTIVE".into() };
    assert_eq!(told, [SourcedRow::told("http://shop:8080/audit", row)]);
    let wrong = deploy(vec![script(&[("/audit", &[(200, "{}\n"), (200, rows)])])]).await;
    let error = auditor().audit(&endpoint("/audit"), &wrong).await.expect_err("no such table");
    assert!(error.to_string().starts_with("http://shop:8080/audit, line 1: "), "{error}");
}

async fn canary(answers: &[(u16, &str)]) -> Result<String, PortError> {
    let plan = plan();
    let taken: &[(u16, &str)] = &[(202, r#"{"state":"ACCEPTED"}"#)];
    let deployment = deploy(vec![script(&[("/orders/", answers), ("/orders", taken)])]).await;
    let workload = plan.load.workload.compile().expect("a workload");
    let request = workload.canary(plan.seed, "order", 0).expect("an order");
    auditor().canary(&plan, &deployment, &request).await
}

#[tokio::test]
async fn a_canary_is_followed_to_its_final_state() {
    let told = canary(&[
        (404, ""),
        (200, r#"{"state":"RESERVED"}"#),
        (0, ""),
        (200, r#"{"state":"COMPLETED"}"#),
    ]);
    let evidence = told.await.expect("it was completed");
    assert!(evidence.contains(" is COMPLETED after "), "{evidence}");
    let cancelled = canary(&[(200, r#"{"state":"CANCELLED"}"#)]).await.expect_err("not expected");
    assert!(cancelled.to_string().ends_with("ended CANCELLED, but Completed is expected"));
    let unreadable = canary(&[(200, "fine")]).await.expect_err("no state");
    assert!(unreadable.to_string().contains("its state cannot be read"), "{unreadable}");
}

#[test]
fn counts_are_read_beside_whatever_else_is_told() {
    let told = r#"{"outbox": 3, "ready": 0, "broker_reachable": true, "note": null}"#;
    let counts = BTreeMap::from([("outbox".to_owned(), 3), ("ready".to_owned(), 0)]);
    assert_eq!(counts_in(told), Some(counts));
    assert_eq!(counts_in("[1]"), None);
    assert_eq!(counts_in(r#"{"reachable": false}"#), None);
}
