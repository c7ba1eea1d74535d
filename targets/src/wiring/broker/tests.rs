//! The services with each other: first over a network of the test's own that repeats and reorders
//! messages at will, then over a real broker.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{
    Acceptance, Reaction, SERVICES, Service, every_event, parts, reaction, teller, told_by,
    undone_by,
};
use crate::backlog::Backlog as _;
use crate::domain::event::{Event, EventName};
use crate::domain::order::Kind;
use crate::http::public::Checkout as _;
use crate::messaging::offline::{self, Message, take_unsent};
use crate::messaging::{Broker, Reactor as _};
use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::Safeguards;
use crate::store::Database;
use crate::trial::{all_but, check_fates, check_stock, database, every_order, needed, number};

#[test]
fn every_event_that_needs_a_listener_has_one_besides_the_notifications() {
    for kind in Kind::ALL {
        let order = crate::domain::order::sample("o", kind);
        for name in EventName::ALL {
            let listens = |role: &Role| reaction(*role, name, kind).is_some();
            let others = SERVICES.iter().filter(|role| **role != Role::Notify).any(listens);
            // Events that cannot happen to the kind have nobody to hear them.
            let possible = kind != Kind::Digital || !name.name().starts_with("stock.");
            if possible && name != EventName::PaymentRefunded {
                assert_eq!(others, Event::new(name, &order).needs_listener(), "{name} of {kind:?}");
            }
        }
    }
}

#[test]
fn bindings_are_exact_keys_without_repeats() {
    for role in SERVICES {
        let service = Service { role, metrics: Metrics::new() };
        let keys = service.routing_keys();
        assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        assert!(keys.iter().all(|key| !key.contains(['*', '#'])), "{keys:?}");
    }
    let notify = Service { role: Role::Notify, metrics: Metrics::new() };
    assert_eq!(notify.routing_keys().len(), 2 * Kind::ALL.len());
}

#[test]
fn whoever_tells_an_event_sees_to_the_queues_of_all_who_hear_of_it() {
    let service = |role| Service { role, metrics: Metrics::new() };
    let audiences: HashSet<_> =
        SERVICES.into_iter().flat_map(|role| service(role).audience()).collect();
    let keys = |role| service(role).routing_keys().into_iter().map(move |key| (role, key));
    let heard = SERVICES.into_iter().flat_map(keys);
    assert_eq!(audiences, heard.collect());
}

#[test]
fn a_service_tells_what_is_its_own_to_tell() {
    for (role, (name, kind)) in
        SERVICES.into_iter().flat_map(|it| every_event().map(move |e| (it, e)))
    {
        let told: Vec<EventName> = match reaction(role, name, kind) {
            Some(Reaction::Do(step)) => {
                told_by(step).into_iter().flat_map(<[_; 2]>::from).collect()
            }
            Some(Reaction::Undo(step)) => undone_by(step).into_iter().collect(),
            Some(Reaction::Advance(_)) | None => Vec::new(),
        };
        assert!(told.iter().all(|told| teller(*told) == role), "{role:?} after {name}: {told:?}");
    }
}

/// Five services with a database each, and messages on their way.
struct Shop {
    services: Vec<(Role, Database, crate::messaging::offline::Handling)>,
    acceptance: Acceptance,
    on_the_way: Vec<(Role, Message)>,
    random: fastrand::Rng,
}

impl Shop {
    async fn open(safeguards: Safeguards, seed: u64) -> Self {
        let mut services = Vec::new();
        let mut acceptance = None;
        for role in SERVICES {
            let (database, _) = database(parts(role)).await;
            let service = Arc::new(Service { role, metrics: Metrics::new() });
            let (handling, outbox) =
                offline::handling((role, safeguards), database.clone(), service);
            let entry = Acceptance { database: database.clone(), outbox, safeguards };
            acceptance.get_or_insert(entry);
            services.push((role, database, handling));
        }
        let acceptance = acceptance.expect("the first service takes orders");
        let random = fastrand::Rng::with_seed(seed);
        Self { services, acceptance, on_the_way: Vec::new(), random }
    }

    fn database(&self, role: Role) -> &Database {
        let service = self.services.iter().find(|(name, ..)| *name == role);
        &service.expect("every role has a service").1
    }

    /// Puts what is in the outboxes on its way to everybody who listens.
    async fn relay(&mut self) {
        for (_, database, _) in &self.services {
            for event in take_unsent(database).await {
                let kind = event.order.kind;
                let listens = |role: &Role| reaction(*role, event.name, kind).is_some();
                for role in SERVICES.into_iter().filter(listens) {
                    let message = Message { id: event.message_id(), event: event.clone() };
                    self.on_the_way.push((role, message));
                }
            }
        }
    }

    /// Delivers everything, in any order; about a third of the messages come more than once.
    async fn deliver_all(&mut self) {
        self.relay().await;
        while !self.on_the_way.is_empty() {
            let pick = self.random.usize(..self.on_the_way.len());
            let (role, message) = self.on_the_way.swap_remove(pick);
            let again = self.random.u8(..3) == 0;
            if again {
                self.on_the_way.push((role, message.clone()));
            }
            let service = self.services.iter().find(|(name, ..)| *name == role);
            let (_, _, handling) = service.expect("every role has a service");
            handling.handle(&[&message, &message]).await.unwrap();
            self.relay().await;
        }
    }
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn every_order_ends_as_it_has_to_whatever_the_network_repeats_or_reorders() {
    for seed in 0..3 {
        let mut shop = Shop::open(all_but(""), seed).await;
        let orders = every_order("b");
        for (order, _) in &orders {
            assert_eq!(shop.acceptance.place(order).await.unwrap().state, "ACCEPTED");
        }
        shop.deliver_all().await;
        let ledger = shop.database(Role::Payments);
        check_fates(&orders, shop.database(Role::Orders), ledger).await;
        check_stock(shop.database(Role::Inventory)).await;
        let doubles = "SELECT count(*) FROM (SELECT order_id FROM ledger WHERE amount > 0
                       GROUP BY order_id HAVING count(*) > 1) AS doubles";
        assert_eq!(number(ledger, doubles).await, 0);
        let told = number(shop.database(Role::Notify), "SELECT count(*) FROM notifications").await;
        assert_eq!(told, i64::try_from(orders.len()).unwrap());
    }
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn without_the_inbox_a_repeated_message_has_its_effect_again() {
    let mut shop = Shop::open(all_but("INBOX"), 1).await;
    let (order, _) = &every_order("d")[0];
    shop.acceptance.place(order).await.unwrap();
    shop.relay().await;
    let (role, message) = shop.on_the_way.pop().expect("the order was published");
    assert_eq!(role, Role::Inventory);
    let (_, database, handling) = &shop.services[1];
    handling.handle(&[&message]).await.unwrap();
    handling.handle(&[&message]).await.unwrap();
    let held = "SELECT sum(quantity)::bigint FROM reservations WHERE sku = 'SKU-3'";
    assert_eq!(number(database, held).await, 4);
    assert_eq!(number(database, "SELECT reserved FROM stock WHERE sku = 'SKU-3'").await, 4);
}

/// Longest time for anything to happen over the real broker, retries included.
const PATIENCE: Duration = Duration::from_mins(1);

async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done().await {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// An earlier run on the same broker leaves a message that may not be sent again.
async fn forget_dead_letters(url: &str) {
    let properties = lapin::ConnectionProperties::default();
    let connection = lapin::Connection::connect(url, properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let options = lapin::options::QueueDeleteOptions::default();
    channel.queue_delete("dlq.orders".into(), options).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CHAOS_TEST_DATABASE_URL and CHAOS_TEST_AMQP_URL"]
async fn over_a_real_broker_orders_flow_failures_wait_and_dead_letters_come_back() {
    let url = needed("CHAOS_TEST_AMQP_URL");
    forget_dead_letters(&url).await;
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    let mut services = Vec::new();
    for role in SERVICES {
        let (database, _) = database(parts(role)).await;
        let metrics = Metrics::new();
        let service = Arc::new(Service { role, metrics: metrics.clone() });
        let stores = (database.clone(), metrics.clone());
        let (broker, outbox) =
            Broker::start((role, all_but("")), stores, &url, service, (&stop, &tasks));
        until("ready", async || broker.probe().await.is_ok()).await;
        services.push((database, broker, outbox, metrics));
    }
    let (store, _, outbox, _) = &services[0];
    let safeguards = all_but("");
    let acceptance = Acceptance { database: store.clone(), outbox: outbox.clone(), safeguards };

    // A table that is away for a while: its messages wait in the retry queues and then go well.
    let (ledger, payments, _, metrics) = &services[2];
    ledger.rows("ALTER TABLE ledger RENAME TO away", &[]).await.unwrap();
    let orders = every_order("r");
    for (order, _) in &orders {
        acceptance.place(order).await.unwrap();
    }
    let retried = metrics.messages.with_label_values(&["retried"]);
    until("retried", async || retried.get() > 0).await;
    ledger.rows("ALTER TABLE away RENAME TO ledger", &[]).await.unwrap();
    let open = "SELECT count(*) FROM orders WHERE terminal_at IS NULL";
    until("all final", async || number(store, open).await == 0).await;
    let (stock, inventory, ..) = &services[1];
    until("consumed", async || {
        let depths = inventory.pending().await.unwrap();
        depths["ready"] == 0 && depths["unacked"] == 0
    })
    .await;
    check_fates(&orders, store, ledger).await;
    check_stock(stock).await;

    // An order that nobody knows is given up by the orders at once, and may be sent again thrice.
    let (stranger, _) = &every_order("stranger")[0];
    let lost = vec![Event::new(EventName::ShipmentCreated, stranger)];
    let unit = stock.begin().await.unwrap();
    let pending = services[1].2.record(&unit, lost).await.unwrap();
    unit.commit().await.unwrap();
    services[1].2.dispatch(pending).await.unwrap();
    let (_, broker, ..) = &services[0];
    for redrive in 0..=3 {
        until("one dead letter", async || broker.pending().await.unwrap()["dead"] == 1).await;
        let letters = serde_json::to_value(broker.dead().await.unwrap()).unwrap();
        assert_eq!(letters[0]["order"], stranger.id.as_str());
        assert_eq!(letters[0]["reason"], format!("there is no order {}", stranger.id));
        let result = serde_json::to_value(broker.redrive().await.unwrap()).unwrap();
        let expected = if redrive < 3 { [1, 0] } else { [0, 1] };
        assert_eq!([&result["redriven"], &result["refused"]], expected, "redrive {redrive}");
    }
    assert_eq!(payments.pending().await.unwrap()["dead"], 0);
    stop.cancel();
    tasks.close();
    tasks.wait().await;
}
