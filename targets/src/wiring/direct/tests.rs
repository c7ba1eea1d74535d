//! The orders service with the real services on loopback, each with a database of its own, and a
//! door in front of each that makes trouble.

mod shop;

use std::time::Duration;

use futures::future::join_all;
use tokio::time::sleep;

use self::shop::{Shop, Trouble};
use super::PlaceError;
use super::flow::WHOLE_LIMIT;
use crate::backlog::Backlog as _;
use crate::client::{CallError, Direction};
use crate::domain::order::{Kind, Order};
use crate::domain::state::State;
use crate::http::steps::StepRequest;
use crate::role::Role;
use crate::trial::{check_fates, check_stock, every_order, number, order};

fn plain(id: &str) -> Order {
    order(id, Kind::Standard, "SKU-3", "tok_ok", "Main St 1").0
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn every_order_ends_as_it_has_to_and_nothing_is_left_behind() {
    let shop = Shop::open("").await;
    let orders = every_order("d");
    for (order, fate) in &orders {
        let view = shop.place(order).await.unwrap();
        assert_eq!((view.state.as_str(), view.reason.as_deref()), (fate.state, fate.reason));
    }
    shop.settle().await;
    check_fates(&orders, &shop.orders, &shop.payments).await;
    check_stock(&shop.inventory).await;
    let good = |kind| {
        let of_kind = orders.iter().filter(|(order, _)| order.kind == kind);
        i64::try_from(of_kind.filter(|(_, fate)| fate.state == "COMPLETED").count()).unwrap()
    };
    let (parcels, grants) = ("SELECT count(*) FROM shipments", "SELECT count(*) FROM grants");
    assert_eq!(number(&shop.shipping, parcels).await, good(Kind::Standard));
    assert_eq!(number(&shop.shipping, grants).await, good(Kind::Digital));
    let told = number(&shop.notify, "SELECT count(*) FROM notifications").await;
    assert_eq!(told, i64::try_from(orders.len()).unwrap());
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn a_repeated_order_is_processed_once_unless_its_safeguard_is_off() {
    let charges = "SELECT count(*) FROM ledger";
    let shop = Shop::open("").await;
    let order = plain("twice");
    let first = shop.place(&order).await.unwrap();
    assert_eq!(shop.place(&order).await.unwrap(), first);
    let other = Order { customer: "bob".into(), ..order.clone() };
    assert!(matches!(shop.place(&other).await, Err(PlaceError::Conflict)));
    assert_eq!(number(&shop.payments, charges).await, 1);
    let shop = Shop::open("IDEMPOTENCY").await;
    shop.place(&order).await.unwrap();
    shop.place(&order).await.unwrap();
    assert_eq!(number(&shop.payments, charges).await, 2);
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn with_a_dead_service_orders_are_cancelled_and_leave_nothing() {
    let shop = Shop::without(Role::Payments).await;
    for kind in Kind::ALL {
        let (order, _) = order(kind.name(), kind, "SKU-3", "tok_ok", "Main St 1");
        let error = shop.place(&order).await.unwrap_err();
        assert!(matches!(error, PlaceError::Cancelled(_)), "{error}");
        let again = shop.place(&order).await.unwrap_err();
        assert!(matches!(again, PlaceError::Cancelled(_)), "{again}");
    }
    assert_eq!(shop.states().await, ["CANCELLED"; 3]);
    shop.assert_nothing_owed_and_nothing_left().await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn a_step_whose_answer_is_lost_is_undone_with_the_others() {
    let shop = Shop::open("").await;
    for (role, path) in [
        (Role::Inventory, "/steps/reserve"),
        (Role::Payments, "/steps/charge"),
        (Role::Shipping, "/steps/ship"),
    ] {
        shop.trouble(role, Trouble::LosesAnswer, path);
        let error = shop.place(&plain(role.name())).await.unwrap_err();
        assert!(matches!(error, PlaceError::Cancelled(_)), "{error}");
        shop.heal(role);
    }
    assert_eq!(shop.states().await, ["CANCELLED"; 3]);
    shop.assert_nothing_owed_and_nothing_left().await;
    let charged = "SELECT count(*) FROM ledger WHERE amount > 0";
    assert_eq!(number(&shop.payments, charged).await, 2, "the effects were real");
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn a_late_original_meets_the_tombstone() {
    let shop = Shop::impatient().await;
    shop.trouble(Role::Payments, Trouble::Delays, "/steps/charge");
    // On a busy machine an order may be given up before its charge.
    for attempt in 0..10 {
        shop.place(&plain(&format!("late-{attempt}"))).await.unwrap_err();
        sleep(2 * shop::DELAY).await;
        shop.settle().await;
        if shop.delayed(Role::Payments) > 0 {
            break;
        }
    }
    assert!(shop.delayed(Role::Payments) > 0, "no original was late");
    assert!(shop.states().await.iter().all(|state| state == "CANCELLED"));
    shop.assert_nothing_owed_and_nothing_left().await;
    assert_eq!(number(&shop.payments, "SELECT count(*) FROM ledger").await, 0);
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn what_cannot_be_undone_at_once_is_owed_and_worked_off() {
    let shop = Shop::open("").await;
    shop.trouble(Role::Payments, Trouble::LosesAnswer, "/steps");
    let error = shop.place(&plain("unclear")).await.unwrap_err();
    assert!(matches!(error, PlaceError::Unfinished(_)), "{error}");
    shop.heal(Role::Payments);
    let (refused, _) = order("refused", Kind::Standard, "SKU-3", "tok_ok", "nowhere");
    shop.trouble(Role::Payments, Trouble::LosesAnswer, "/steps/charge/compensate");
    let error = shop.place(&refused).await.unwrap_err();
    assert!(matches!(error, PlaceError::Unfinished(_)), "{error}");
    assert_eq!(shop.states().await, ["COMPENSATING", "COMPENSATING"]);
    let again = shop.place(&refused).await.unwrap_err();
    assert!(matches!(again, PlaceError::Unfinished(_)), "{again}");
    let owed = ["refused", "unclear"].map(|id| (id.into(), "compensate-charge".into()));
    assert_eq!(shop.owed().await, owed);
    check_stock(&shop.inventory).await;
    shop.heal(Role::Payments);
    shop.settle().await;
    assert_eq!(shop.states().await, ["REJECTED", "CANCELLED"]);
    assert_eq!(shop.place(&refused).await.unwrap().reason.as_deref(), Some("undeliverable"));
    shop.assert_nothing_owed_and_nothing_left().await;
    let told = "SELECT count(*) FROM notifications WHERE state = 'REJECTED'";
    assert_eq!(number(&shop.notify, told).await, 1);
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn what_keeps_failing_is_given_up_and_can_be_tried_again_thrice() {
    let shop = Shop::open("RETRIES").await;
    shop.trouble(Role::Payments, Trouble::LosesAnswer, "/steps");
    shop.place(&plain("stubborn")).await.unwrap_err();
    for redrive in 0..=3 {
        shop.settle().await;
        assert_eq!(shop.states().await, ["NEEDS_ATTENTION"]);
        let letters = serde_json::to_value(shop.backlog.dead().await.unwrap()).unwrap();
        assert_eq!(letters[0]["id"], "stubborn/compensate-charge");
        assert_eq!(letters[0]["attempts"], 8);
        let result = serde_json::to_value(shop.backlog.redrive().await.unwrap()).unwrap();
        let expected = if redrive < 3 { [1, 0] } else { [0, 1] };
        assert_eq!([&result["redriven"], &result["refused"]], expected, "redrive {redrive}");
    }
    shop.heal(Role::Payments);
    shop.orders.rows("UPDATE todos SET redrives = 0", &[]).await.unwrap();
    shop.backlog.redrive().await.unwrap();
    shop.settle().await;
    assert_eq!(shop.states().await, ["CANCELLED"]);
    shop.assert_nothing_owed_and_nothing_left().await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn what_cannot_be_read_stands_in_nobodys_way() {
    let shop = Shop::open("").await;
    for (id, what) in [("a", "forward-nothing"), ("b", "compensate-charge")] {
        let sql = "INSERT INTO todos (order_id, what, request, due_at) VALUES ($1, $2, '{}', 0)";
        shop.orders.rows(sql, &[&id, &what]).await.unwrap();
    }
    shop.place(&plain("sound")).await.unwrap();
    shop.settle().await;
    check_stock(&shop.inventory).await;
    let letters = serde_json::to_value(shop.backlog.dead().await.unwrap()).unwrap();
    assert_eq!(letters[0]["reason"], "`forward-nothing` is unknown");
    assert!(letters[1]["reason"].as_str().unwrap().starts_with("the order cannot be read"));
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn an_order_that_was_left_halfway_is_rolled_back_and_its_owner_comes_too_late() {
    for done in 0..=3 {
        let shop = Shop::open("").await;
        let request = StepRequest { order: plain("halfway"), epoch: None };
        shop.flow.open(&request.order).await.unwrap();
        let again = shop.place(&request.order).await.unwrap_err();
        assert!(matches!(again, PlaceError::Unfinished(_)), "{again}");
        for step in &Kind::Standard.steps()[..done] {
            shop.call(*step, Direction::Forward, &request).await.unwrap();
        }
        assert!(!shop.sweeper().sweep().await.unwrap(), "it is not abandoned yet");
        let pending = shop.backlog.pending().await.unwrap();
        assert_eq!((&pending["todos"], &pending["dead"]), (&0.into(), &0.into()));
        shop.orders.rows("UPDATE todos SET due_at = 0", &[]).await.unwrap();
        shop.settle().await;
        assert_eq!(shop.states().await, ["CANCELLED"], "after {done} steps");
        shop.assert_nothing_owed_and_nothing_left().await;
        for step in Kind::Standard.steps() {
            let late = shop.call(*step, Direction::Forward, &request).await;
            assert!(matches!(late, Err(CallError::Never(..))), "{late:?}");
        }
        let order = &request.order;
        assert!(shop.flow.store_end(order, State::Completed, None, &[]).await.is_err());
        assert_eq!(shop.states().await, ["CANCELLED"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn sweepers_of_several_replicas_end_every_order_together() {
    let shop = Shop::open("").await;
    for id in 0..60 {
        let order = plain(&format!("many-{id}"));
        shop.flow.open(&order).await.unwrap();
    }
    shop.orders.rows("UPDATE todos SET due_at = 0", &[]).await.unwrap();
    let sweepers: Vec<_> = (0..4).map(|_| shop.sweeper()).collect();
    let finished = join_all(sweepers.iter().map(async |sweeper| {
        while number(&shop.orders, "SELECT count(*) FROM todos").await > 0 {
            sweeper.sweep().await.unwrap();
        }
    }));
    tokio::time::timeout(Duration::from_secs(30), finished).await.unwrap();
    assert_eq!(shop.states().await, ["CANCELLED"; 60]);
    shop.assert_nothing_owed_and_nothing_left().await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn nobody_waits_for_the_notifications_and_they_are_given_up_quietly() {
    let shop = Shop::open("").await;
    shop.trouble(Role::Notify, Trouble::Closed, "/steps");
    assert_eq!(shop.place(&plain("untold")).await.unwrap().state, "COMPLETED");
    shop.settle().await;
    assert_eq!(shop.states().await, ["COMPLETED"]);
    assert!(shop.owed().await.is_empty() && shop.backlog.dead().await.unwrap().is_empty());
    check_stock(&shop.inventory).await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn goods_of_a_completed_order_stay_owed_until_they_are_out_of_the_stock() {
    let shop = Shop::open("").await;
    shop.trouble(Role::Inventory, Trouble::Closed, "/steps/consume");
    shop.place(&plain("kept")).await.unwrap();
    shop.sweeper().sweep().await.unwrap();
    assert_eq!(shop.owed().await, [("kept".into(), "forward-consume".into())]);
    assert_eq!(shop.backlog.pending().await.unwrap()["todos"], 1);
    shop.heal(Role::Inventory);
    shop.settle().await;
    check_stock(&shop.inventory).await;
    assert!(shop.owed().await.is_empty());
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn without_any_safeguard_a_failed_call_leaves_everything_as_it_is() {
    let shop = Shop::of_mode("naive").await;
    shop.trouble(Role::Payments, Trouble::LosesAnswer, "/steps/charge");
    let error = shop.place(&plain("torn")).await.unwrap_err();
    assert!(matches!(error, PlaceError::Unfinished(_)), "{error}");
    shop.heal(Role::Payments);
    assert_eq!(shop.states().await, ["ACCEPTED"]);
    assert!(shop.owed().await.is_empty());
    let held = "SELECT count(*) FROM reservations WHERE state = 'RESERVED'";
    assert_eq!(number(&shop.inventory, held).await, 2);
    assert_eq!(number(&shop.payments, "SELECT count(*) FROM ledger").await, 1);
    // A refusal is undone, once and without a look at how that went.
    let (refused, _) = order("refused", Kind::Standard, "SKU-3", "tok_ok", "nowhere");
    assert_eq!(shop.place(&refused).await.unwrap().state, "REJECTED");
    assert_eq!(number(&shop.inventory, held).await, 2);
    shop.trouble(Role::Payments, Trouble::Closed, "/steps/charge/compensate");
    let unlucky = Order { id: "unlucky".into(), ..refused };
    assert_eq!(shop.place(&unlucky).await.unwrap().state, "REJECTED");
    let taken = "SELECT sum(amount)::bigint FROM ledger WHERE order_id = 'unlucky'";
    assert_eq!(number(&shop.payments, taken).await, unlucky.amount);
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn with_the_log_alone_what_was_done_is_rolled_back() {
    let shop = Shop::of_mode("notes").await;
    shop.trouble(Role::Shipping, Trouble::Closed, "/steps/ship");
    let error = shop.place(&plain("back")).await.unwrap_err();
    assert!(matches!(error, PlaceError::Cancelled(_)), "{error}");
    assert_eq!(shop.states().await, ["CANCELLED"]);
    shop.assert_nothing_owed_and_nothing_left().await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn an_order_goes_on_when_its_customer_hangs_up() {
    let shop = Shop::open("").await;
    let order = plain("gone");
    let hung_up = tokio::time::timeout(Duration::from_millis(1), shop.place(&order)).await;
    assert!(hung_up.is_err(), "the order was placed too fast for this test");
    shop.tasks.close();
    tokio::time::timeout(WHOLE_LIMIT, shop.tasks.wait()).await.unwrap();
    assert_eq!(shop.states().await, ["COMPLETED"]);
}
