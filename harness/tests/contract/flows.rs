//! Messages: what the inventory does about the events of others and tells then, and what becomes of
//! messages that cannot be handled. Each case is one function, in an order that leaves the same
//! state behind in every implementation.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::order::{event, order};
use crate::queues::{Queues, Told};
use crate::service::{Door, Service};

/// What is waited for happens within this time.
const LIMIT: Duration = Duration::from_secs(10);
/// The namespace of message ids, which every service shares.
const MESSAGE_IDS: Uuid = Uuid::from_u128(0x5b0c_2a56_7b1e_4c0e_9d55_31a7_c0de_0b01);
/// Dead letters may be tried again this often.
const REDRIVES: usize = 3;

/// Cases in this file.
pub(crate) const CASES: usize = 13;

/// One implementation on its database, and the broker.
pub(crate) struct Flow<'a> {
    pub(crate) service: &'a Service,
    pub(crate) queues: &'a mut Queues,
    pub(crate) session: &'a Client,
}

pub(crate) fn id(order: &str, event: &str) -> String {
    Uuid::new_v5(&MESSAGE_IDS, format!("{order}/{event}").as_bytes()).to_string()
}

impl Flow<'_> {
    /// Runs all cases.
    pub(crate) async fn run(&mut self) {
        self.surroundings().await;
        self.an_order_reserves_and_says_so().await;
        self.what_is_out_of_stock_is_refused().await;
        self.a_declined_payment_releases().await;
        self.a_refund_releases().await;
        self.a_completed_order_consumes_and_says_nothing().await;
        self.a_message_that_comes_again_is_handled_once().await;
        self.a_message_without_an_id_has_that_of_its_event().await;
        self.who_comes_later_has_missed_nothing().await;
        self.what_nobody_takes_waits_in_the_outbox().await;
        self.a_failure_that_passes_is_tried_again().await;
        self.what_cannot_be_handled_is_set_aside().await;
        self.dead_letters_are_tried_again_at_most_three_times().await;
    }

    /// Sends an event of an order as its sender would.
    async fn send(&self, name: &str, order_id: &str, kind: &str, order: &str) {
        let reason = (name == "payment.declined").then_some("declined");
        let body = event(name, order, reason);
        let key = format!("{name}.{kind}");
        self.queues.send(Some(&key), Some(&id(order_id, name)), &body).await;
    }

    /// The next thing that is told, to the byte.
    async fn told(&mut self, name: &str, order_id: &str, order: &str, reason: Option<&str>) {
        let kind = if order.contains("\"pickup\"") { "pickup" } else { "standard" };
        let expected = Told {
            routing_key: format!("{name}.{kind}"),
            id: id(order_id, name),
            persistent: true,
            body: event(name, order, reason),
        };
        assert_eq!(self.queues.next().await, expected, "{}", self.service.name);
    }

    async fn surroundings(&mut self) {
        let ready = self.service.get(Door::Admin, "/readyz").await.json();
        let all = json!({ "database": "ok", "broker": "ok" });
        assert_eq!(ready, json!({ "ready": true, "dependencies": all }), "{}", self.service.name);
        let step = self.service.post("/steps/reserve", "{}").await;
        assert_eq!(step.status, 404, "{}: steps come as messages here", self.service.name);
        let offer = self.service.get(Door::Public, "/catalog/SKU-2").await;
        assert_eq!(offer.json()["available"], 1_000_000_000, "{}", self.service.name);
    }

    async fn an_order_reserves_and_says_so(&mut self) {
        let order = order("m-1", "standard", &[("SKU-1", 2), ("SKU-2", 1)])
            .replace("\"ada\"", r#""Ωñ \"\\\n\u0001😀""#);
        self.send("order.created", "m-1", "standard", &order).await;
        self.told("stock.reserved", "m-1", &order, None).await;
    }

    async fn what_is_out_of_stock_is_refused(&mut self) {
        let order = order("m-2", "standard", &[("OOS-1", 1), ("SKU-2", 1)]);
        self.send("order.created", "m-2", "standard", &order).await;
        self.told("stock.refused", "m-2", &order, Some("out_of_stock")).await;
    }

    async fn a_declined_payment_releases(&mut self) {
        let order = order("m-3", "standard", &[("SKU-3", 2)]);
        self.send("order.created", "m-3", "standard", &order).await;
        self.told("stock.reserved", "m-3", &order, None).await;
        self.send("payment.declined", "m-3", "standard", &order).await;
        self.told("stock.released", "m-3", &order, Some("declined")).await;
    }

    async fn a_refund_releases(&mut self) {
        let order = order("m-4", "standard", &[("SKU-3", 2)]);
        self.send("order.created", "m-4", "standard", &order).await;
        self.told("stock.reserved", "m-4", &order, None).await;
        let body = event("payment.refunded", &order, Some("undeliverable"));
        let refund = id("m-4", "payment.refunded");
        self.queues.send(Some("payment.refunded.standard"), Some(&refund), &body).await;
        self.told("stock.released", "m-4", &order, Some("undeliverable")).await;
    }

    async fn a_completed_order_consumes_and_says_nothing(&mut self) {
        let order = order("m-1", "standard", &[("SKU-1", 2), ("SKU-2", 1)]);
        self.send("order.completed", "m-1", "standard", &order).await;
        self.rests().await;
        self.queues.silence().await;
        let consumed = r#"{"table" : "reservations", "order" : "m-1", "sku" : "SKU-1", "quantity" : 2, "state" : "CONSUMED"}"#;
        let rows = self.service.audit("/audit/reservations").await;
        assert!(rows.lines().any(|row| row == consumed), "{}: {rows}", self.service.name);
    }

    async fn a_message_that_comes_again_is_handled_once(&mut self) {
        let order = order("m-5", "standard", &[("SKU-4", 1)]);
        for _ in 0..3 {
            self.send("order.created", "m-5", "standard", &order).await;
        }
        self.told("stock.reserved", "m-5", &order, None).await;
        self.rests().await;
        self.send("order.created", "m-5", "standard", &order).await;
        self.rests().await;
        self.queues.silence().await;
    }

    async fn a_message_without_an_id_has_that_of_its_event(&mut self) {
        let order = order("m-6", "standard", &[("SKU-4", 1)]);
        let body = event("order.created", &order, None);
        for id in [None, Some("not a uuid")] {
            self.queues.send(Some("order.created.standard"), id, &body).await;
        }
        self.send("order.created", "m-6", "standard", &order).await;
        self.told("stock.reserved", "m-6", &order, None).await;
        self.rests().await;
        self.queues.silence().await;
    }

    /// Whoever reacts has a queue before anything is told, whether it runs or not.
    async fn who_comes_later_has_missed_nothing(&mut self) {
        // Five reservations, one that was refused, and two that were given back.
        assert_eq!(self.queues.waiting().await, [8, 5], "{}", self.service.name);
    }

    async fn what_nobody_takes_waits_in_the_outbox(&mut self) {
        self.queues.unbind_others("stock.reserved.pickup").await;
        let order = order("m-7", "pickup", &[("SKU-5", 1)]);
        self.send("order.created", "m-7", "pickup", &order).await;
        self.pending("outbox", 1).await;
        self.queues.silence().await;
        self.queues.listen("stock.*.pickup").await;
        self.told("stock.reserved", "m-7", &order, None).await;
        self.rests().await;
    }

    /// The table is gone for a while: a failure that says nothing about the message.
    async fn a_failure_that_passes_is_tried_again(&mut self) {
        let order = order("m-8", "standard", &[("SKU-6", 1)]);
        let rename = "ALTER TABLE reservations RENAME TO away";
        self.session.batch_execute(rename).await.expect("it is renamed");
        self.send("order.created", "m-8", "standard", &order).await;
        self.pending("retry", 1).await;
        let back = "ALTER TABLE away RENAME TO reservations";
        self.session.batch_execute(back).await.expect("it is renamed back");
        self.told("stock.reserved", "m-8", &order, None).await;
        self.rests().await;
        self.queues.silence().await;
        let figures = self.service.get(Door::Admin, "/metrics").await.body;
        assert!(figures.contains("shop_messages_total{result=\"retried\"}"), "{figures}");
    }

    async fn what_cannot_be_handled_is_set_aside(&mut self) {
        let order = order("m-9", "standard", &[("SKU-6", 1)]);
        let strange = event("grant.created", &order, None);
        let id = id("m-9", "grant.created");
        self.queues.send(None, Some(&id), &strange).await;
        self.pending("dead", 1).await;
        for (number, body) in ["no json", "{}", &order].into_iter().enumerate() {
            let unreadable = format!("00000000-0000-0000-0000-00000000000{number}");
            self.queues.send(None, Some(&unreadable), body).await;
            self.pending("dead", number + 2).await;
        }
        let rows = self.service.audit("/audit/dead").await;
        let first = format!(
            r#"{{"table":"dead","id":"{id}","order":"m-9","queue":"dlq.inventory","reason":"grant.created.standard has nothing to do here","attempts":0}}"#
        );
        assert_eq!(rows.lines().next(), Some(first.as_str()), "{}", self.service.name);
        for row in rows.lines().skip(1) {
            let row: Value = serde_json::from_str(row).expect("a row");
            let reason = row["reason"].as_str().unwrap_or_default();
            assert!(reason.starts_with("the message cannot be read: "), "{row}");
            assert_eq!((&row["order"], &row["attempts"]), (&json!(""), &json!(0)));
        }
        // Looking at them leaves them where they are.
        assert_eq!(self.service.audit("/audit/dead").await, rows);
    }

    async fn dead_letters_are_tried_again_at_most_three_times(&mut self) {
        for _ in 0..REDRIVES {
            self.redrive(4, 0).await;
            self.pending("dead", 4).await;
        }
        self.redrive(0, 4).await;
    }

    /// Tries the dead letters again.
    pub(crate) async fn redrive(&self, redriven: usize, refused: usize) {
        let (method, path) = (Method::POST, "/dead/redrive");
        let answer = self.service.send(method, Door::Admin, path, Vec::new()).await;
        let expected = json!({ "redriven": redriven, "refused": refused });
        assert_eq!((answer.status, answer.json()), (200, expected), "{}", self.service.name);
    }

    /// Waits until so much of a kind is pending.
    pub(crate) async fn pending(&self, kind: &str, count: usize) {
        let wanted = |answer: &crate::service::Answer| answer.json()[kind] == count;
        self.service.wait_for("/audit/pending", LIMIT, wanted).await;
    }

    /// Waits until nothing but dead letters is pending.
    pub(crate) async fn rests(&self) {
        let at_rest = |answer: &crate::service::Answer| {
            let counts = answer.json();
            let kinds = ["outbox", "retry", "ready", "unacked"];
            counts["broker_reachable"] == true && kinds.iter().all(|kind| counts[kind] == 0)
        };
        self.service.wait_for("/audit/pending", LIMIT, at_rest).await;
    }
}
