//! The contract with messages: the two implementations follow each other on one broker, so that the
//! broker itself compares their queues, and each finds what the other has left.

use std::time::Instant;

use crate::flows::{CASES, Flow, id};
use crate::order::{event, order};
use crate::queues::Queues;
use crate::shop::{Shop, layout};
use crate::stage::{PYTHON, RUST};

/// Cases that concern the change from one to the other.
const CHANGES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn both_handle_messages_alike() {
    let begun = Instant::now();
    let shop = Shop::open(true).await;
    let mut audits = Vec::new();
    let mut layouts = Vec::new();
    let mut queues = Queues::connect(&shop.amqp_url()).await;
    // Each on a database of its own; the queues are the same ones.
    for implementation in [RUST, PYTHON] {
        let database = implementation.name;
        shop.create(database).await;
        let service = shop.start(implementation, "broker", database);
        service.ready().await;
        let session = shop.session(database).await;
        layouts.push(layout(&session).await);
        Flow { service: &service, queues: &mut queues, session: &session }.run().await;
        audits.push(service.audit("/audit").await);
        service.stop().await;

        // The other one goes on where this one has stopped, on the same database.
        let other = if implementation == RUST { PYTHON } else { RUST };
        let other = shop.start(other, "broker", database);
        other.ready().await;
        let mut flow = Flow { service: &other, queues: &mut queues, session: &session };
        assert_eq!(other.audit("/audit").await, audits[audits.len() - 1], "{}", other.name);
        // It reads how often its predecessor has tried the dead letters again.
        flow.redrive(0, 4).await;
        handled_by_the_other(&mut flow).await;
        other.stop().await;
        queues.empty().await;
        queues.unlisten("stock.*.pickup").await;
    }
    assert!(layouts[0].len() > 15, "the tables are laid out: {:?}", layouts[0]);
    assert_eq!(layouts[0], layouts[1], "the tables differ");
    let [rust, python] = [0, 1].map(|number| comparable(&audits[number]));
    assert_eq!(rust, python, "the audits differ");
    let passed = CASES + CHANGES;
    eprintln!("contract: rust {passed} message cases passed, python {passed} passed");
    eprintln!("contract: {:.1} s in all", begun.elapsed().as_secs_f64());
}

/// A message that the predecessor has handled is known; one that is new is not.
async fn handled_by_the_other(flow: &mut Flow<'_>) {
    let known = event("order.created", &order("m-5", "standard", &[("SKU-4", 1)]), None);
    let known_id = id("m-5", "order.created");
    flow.queues.send(Some("order.created.standard"), Some(&known_id), &known).await;
    flow.rests().await;
    flow.queues.silence().await;
    let new = order("m-10", "standard", &[("SKU-4", 1)]);
    let new_id = id("m-10", "order.created");
    let body = event("order.created", &new, None);
    flow.queues.send(Some("order.created.standard"), Some(&new_id), &body).await;
    let told = flow.queues.next().await;
    assert_eq!(told.body, event("stock.reserved", &new, None), "{}", flow.service.name);
    flow.rests().await;
}

/// Why a message cannot be read is told in the words of a parser, and each sends at a time of its
/// own.
fn comparable(audit: &str) -> Vec<String> {
    const SAID: &str = "the message cannot be read: ";
    const SENT: &str = "\"sent_at\" : ";
    let cut = |line: &str| {
        if let Some((before, after)) = line.split_once(SAID) {
            let after = after.rsplit_once("\",\"attempts\"").expect("attempts follow").1;
            return format!("{before}{SAID}…{after}");
        }
        match line.split_once(SENT) {
            Some((before, "null}")) => format!("{before}{SENT}null}}"),
            Some((before, _)) => format!("{before}{SENT}…}}"),
            None => line.to_owned(),
        }
    };
    audit.lines().map(cut).collect()
}
