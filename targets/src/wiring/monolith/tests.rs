//! The monolith on a real database.

use std::sync::Arc;

use super::{Database, Metrics, Monolith, PARTS, PlaceError};
use crate::domain::order::{Kind, Order};
use crate::http::public::Checkout as _;
use crate::store::schema::lay_out;
use crate::trial::{all_but, check_fates, check_stock, database, every_order, number, order};

fn monolith(database: &Database, off: &str) -> Arc<Monolith> {
    let metrics = Metrics::new();
    Arc::new(Monolith { database: database.clone(), metrics, safeguards: all_but(off) })
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn every_order_ends_as_it_has_to_and_nothing_is_left_behind() {
    let (database, _) = database(PARTS).await;
    let shop = monolith(&database, "");
    let orders = every_order("m");
    for (order, fate) in &orders {
        let view = shop.place(order).await.unwrap();
        assert_eq!((view.state.as_str(), view.reason.as_deref()), (fate.state, fate.reason));
    }
    check_fates(&orders, &database, &database).await;
    check_stock(&database).await;
    let expected = |kind| {
        let good =
            orders.iter().filter(|(order, fate)| order.kind == kind && fate.state == "COMPLETED");
        i64::try_from(good.count()).unwrap()
    };
    let shipments = number(&database, "SELECT count(*) FROM shipments").await;
    assert_eq!(shipments, expected(Kind::Standard));
    let grants = number(&database, "SELECT count(*) FROM grants").await;
    assert_eq!(grants, expected(Kind::Digital));
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn a_repeated_order_is_processed_once_unless_its_safeguard_is_off() {
    let (database, _) = database(PARTS).await;
    let (order, _) = order("twice", Kind::Standard, "SKU-3", "tok_ok", "Main St 1");
    let charges = "SELECT count(*) FROM ledger";
    let shop = monolith(&database, "");
    let (first, second) = (shop.place(&order).await.unwrap(), shop.place(&order).await.unwrap());
    assert_eq!(first, second);
    assert_eq!(number(&database, charges).await, 1);
    let other = Order { customer: "bob".into(), ..order.clone() };
    assert!(matches!(shop.place(&other).await, Err(PlaceError::Conflict)));
    monolith(&database, "IDEMPOTENCY").place(&order).await.unwrap();
    assert_eq!(number(&database, charges).await, 2);
    assert_eq!(number(&database, "SELECT count(*) FROM shipments").await, 2);
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn scarce_stock_is_sold_to_the_last_piece_and_no_further() {
    let (database, _) = database(PARTS).await;
    let shop = monolith(&database, "");
    let buyers = (0..60).map(|buyer| {
        let (order, _) = order(&format!("hot-{buyer}"), Kind::Pickup, "HOT-1", "tok_ok", "");
        let shop = shop.clone();
        async move { shop.place(&order).await.unwrap().state }
    });
    let states = futures::future::join_all(buyers).await;
    // Two pieces each, one hundred pieces in all.
    assert_eq!(states.iter().filter(|state| *state == "COMPLETED").count(), 50);
    check_stock(&database).await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn a_unit_that_is_dropped_leaves_nothing() {
    let (database, _) = database(PARTS).await;
    let unit = database.begin().await.unwrap();
    unit.execute("INSERT INTO shipments VALUES ('gone', 'ACTIVE')", &[]).await.unwrap();
    drop(unit);
    let broken = database.begin().await.unwrap();
    assert!(broken.execute("INSERT INTO nowhere VALUES (1)", &[]).await.is_err());
    drop(broken);
    assert_eq!(number(&database, "SELECT count(*) FROM shipments").await, 0);
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn replicas_that_start_together_lay_out_the_same_tables() {
    let (database, _) = database(&[]).await;
    let starts = (0..4).map(|_| lay_out(&database, PARTS));
    for result in futures::future::join_all(starts).await {
        result.unwrap();
    }
    assert_eq!(number(&database, "SELECT count(*) FROM stock").await, 22);
}
