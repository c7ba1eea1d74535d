//! The manager with the real services on loopback, each with a database of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{PARTS, SERVICES};
use crate::backlog::Backlog as _;
use crate::client::Client;
use crate::domain::order::{Kind, Order};
use crate::domain::step::Step;
use crate::http::public::{Checkout as _, PlaceError};
use crate::http::steps;
use crate::log::now_micros;
use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::{Safeguard, Safeguards};
use crate::saga::{Clock, Manager, MemoryLog, PostgresLog, SagaLog};
use crate::store::Database;
use crate::store::orders::{self, View};
use crate::trial::{all_but, check_fates, check_stock, database, every_order, number, order};
use crate::wiring::service;

/// What has not happened by then will not.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// The time for going forward in tests of the way back.
const SHORT: Duration = Duration::from_millis(600);

/// What the network to a service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Network {
    Well,
    /// Turns requests away, and says so.
    Away,
    /// Lets requests pass and loses the answers.
    LosesAnswers,
    /// Keeps requests back until it is well again.
    Holds,
}

type Networks = watch::Receiver<(Network, &'static str)>;

async fn pass(State(mut network): State<Networks>, request: Request, next: Next) -> Response {
    let (now, path) = *network.borrow();
    if !request.uri().path().starts_with(path) {
        return next.run(request).await;
    }
    match now {
        Network::Well => next.run(request).await,
        Network::Away => (StatusCode::SERVICE_UNAVAILABLE, [("X-Effect", "none")]).into_response(),
        Network::LosesAnswers => {
            next.run(request).await;
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        // In a task of its own: it arrives although its sender has left.
        Network::Holds => {
            let late = tokio::spawn(async move {
                let _ = network.wait_for(|(now, _)| *now == Network::Well).await;
                next.run(request).await
            });
            late.await.unwrap()
        }
    }
}

/// A whole shop but its manager.
struct Shop {
    manager: Database,
    inventory: Database,
    payments: Database,
    shipping: Database,
    network: watch::Sender<(Network, &'static str)>,
    addresses: Vec<(Role, std::net::SocketAddr)>,
    safeguards: Safeguards,
}

/// One process of the manager.
struct Process {
    manager: Manager,
    stop: CancellationToken,
    stands_by: Arc<AtomicBool>,
}

impl Shop {
    async fn open(safeguards: Safeguards) -> Self {
        let network = watch::Sender::new((Network::Well, "/"));
        let (mut addresses, mut databases) = (Vec::new(), Vec::new());
        for role in SERVICES {
            let (store, _) = database(service::parts(*role)).await;
            let routes = steps::routes(store.clone(), *role, safeguards)
                .layer(from_fn_with_state(network.subscribe(), pass));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push((*role, listener.local_addr().unwrap()));
            tokio::spawn(async { axum::serve(listener, routes).await });
            databases.push(store);
        }
        let [inventory, payments, shipping, _] = databases.try_into().ok().unwrap();
        let (manager, _) = database(PARTS).await;
        Self { manager, inventory, payments, shipping, network, addresses, safeguards }
    }

    /// Starts a manager whose orders may go forward for so long.
    fn start(&self, deadline: Duration) -> Process {
        let clock = Clock::showing(now_micros());
        let (database, safeguards) = (self.manager.clone(), self.safeguards);
        let log: Arc<dyn SagaLog> = if safeguards.has(Safeguard::DurableLog) {
            Arc::new(PostgresLog::new(database, safeguards, clock, deadline))
        } else {
            Arc::new(MemoryLog::new(database, safeguards))
        };
        let steps = Arc::new(Client::at(&self.addresses, safeguards));
        let (stands_by, figures) = (Arc::new(AtomicBool::new(false)), (clock, Metrics::new()));
        let manager = Manager::new(log, steps, safeguards, figures, stands_by.clone());
        let stop = CancellationToken::new();
        tokio::spawn(manager.clone().lead(stop.clone()));
        Process { manager, stop, stands_by }
    }

    fn set(&self, network: Network, path: &'static str) {
        self.network.send_replace((network, path));
    }

    async fn view(&self, order: &Order) -> Option<View> {
        orders::find(&self.manager, &order.id).await.unwrap()
    }

    async fn until_state(&self, order: &Order, state: &str) -> View {
        let reached = async {
            loop {
                match self.view(order).await {
                    Some(view) if view.state == state => return view,
                    _ => sleep(LOOK).await,
                }
            }
        };
        let reached = timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("{} never became {state}", order.id))
    }

    async fn until_idle(&self) {
        let open = "SELECT count(*) FROM sagas WHERE finished_at IS NULL";
        let idle = async {
            while number(&self.manager, open).await > 0 {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, idle).await.expect("a pipeline never ends");
    }

    /// Nothing is left of any order.
    async fn check_untouched(&self) {
        check_stock(&self.inventory).await;
        let owed = "SELECT coalesce(sum(amount), 0)::bigint FROM ledger";
        assert_eq!(number(&self.payments, owed).await, 0);
        let sent = "SELECT count(*) FROM shipments WHERE state = 'ACTIVE'";
        assert_eq!(number(&self.shipping, sent).await, 0);
    }

    async fn charges(&self) -> i64 {
        number(&self.payments, "SELECT count(*) FROM ledger WHERE amount > 0").await
    }
}

fn plain(id: &str) -> Order {
    order(id, Kind::Standard, "SKU-3", "tok_ok", "Main St 1").0
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn every_order_ends_as_it_has_to_in_every_mode() {
    for mode in ["naive", "notes", "hardened"] {
        let shop = Shop::open(Safeguards::parse(mode, "").unwrap()).await;
        let process = shop.start(super::DEADLINE);
        let orders = every_order("p");
        for (order, fate) in &orders {
            let view = process.manager.place(order).await.unwrap();
            let end = (view.state.as_str(), view.reason.as_deref());
            assert_eq!(end, (fate.state, fate.reason), "{mode}: {}", order.id);
        }
        process.stop.cancel();
        shop.until_idle().await;
        check_fates(&orders, &shop.manager, &shop.payments).await;
        check_stock(&shop.inventory).await;
    }
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn a_repeated_order_is_led_once_and_a_different_one_refused() {
    let shop = Shop::open(all_but("")).await;
    let process = shop.start(super::DEADLINE);
    let order = plain("twice");
    let first = process.manager.place(&order).await.unwrap();
    assert_eq!(first, process.manager.place(&order).await.unwrap());
    assert_eq!(shop.charges().await, 1);
    let other = Order { customer: "bob".into(), ..order };
    assert!(matches!(process.manager.place(&other).await, Err(PlaceError::Conflict)));
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn another_manager_goes_on_where_one_was_paused_and_the_first_does_nothing_more() {
    let shop = Shop::open(all_but("")).await;
    let first = shop.start(super::DEADLINE);
    shop.set(Network::Holds, "/steps/charge");
    let (manager, order) = (first.manager.clone(), plain("handed-over"));
    let customer = {
        let order = order.clone();
        tokio::spawn(async move { manager.place(&order).await })
    };
    shop.until_state(&order, "RESERVED").await;
    let second = shop.start(super::DEADLINE);
    sleep(Duration::from_secs(1)).await;
    shop.set(Network::Well, "/");
    shop.until_state(&order, "COMPLETED").await;
    shop.until_idle().await;
    assert_eq!(shop.charges().await, 1);
    assert!(first.stands_by.load(Ordering::Relaxed) && !second.stands_by.load(Ordering::Relaxed));
    let refused = first.manager.place(&plain("late")).await;
    assert!(matches!(refused, Err(PlaceError::Refused(_))), "{refused:?}");
    assert!(customer.await.unwrap().is_ok());
    // Once the second has fallen silent, the first leads again.
    second.stop.cancel();
    let again = plain("again");
    let taken = async {
        while first.manager.place(&again).await.is_err() {
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, taken).await.expect("nobody leads");
    shop.until_state(&again, "COMPLETED").await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn a_step_of_unknown_fate_is_undone_after_the_deadline_and_its_late_original_refused() {
    let shop = Shop::open(all_but("")).await;
    let process = shop.start(SHORT);
    shop.set(Network::Holds, "/steps/charge");
    let order = plain("late");
    let placing = {
        let (manager, order) = (process.manager.clone(), order.clone());
        tokio::spawn(async move { manager.place(&order).await })
    };
    shop.until_state(&order, "COMPENSATING").await;
    shop.set(Network::Well, "/");
    let view = shop.until_state(&order, "CANCELLED").await;
    assert_eq!(view.reason, None);
    placing.await.unwrap().unwrap();
    shop.until_idle().await;
    shop.check_untouched().await;
    let tombstone = format!(
        "SELECT count(*) FROM steps WHERE step = '{}' AND compensated",
        Step::Charge.name()
    );
    assert_eq!(number(&shop.payments, &tombstone).await, 1);
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn what_was_certainly_not_done_is_not_asked_to_be_undone() {
    let shop = Shop::open(all_but("")).await;
    let process = shop.start(SHORT);
    shop.set(Network::Away, "/steps/charge");
    let order = plain("away");
    process.manager.place(&order).await.unwrap();
    shop.until_state(&order, "CANCELLED").await;
    shop.until_idle().await;
    shop.check_untouched().await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn what_cannot_be_undone_is_set_aside_and_tried_again_on_request_three_times() {
    let shop = Shop::open(all_but("RETRY_QUEUES")).await;
    let process = shop.start(super::DEADLINE);
    shop.set(Network::Away, "/steps/reserve/compensate");
    let (order, _) = order("stuck", Kind::Standard, "SKU-3", "tok_decline", "Main St 1");
    process.manager.place(&order).await.unwrap();
    shop.until_state(&order, "NEEDS_ATTENTION").await;
    let dead = process.manager.dead().await.unwrap();
    assert_eq!((dead.len(), dead[0].queue.as_str()), (1, "pipeline.reserve.compensate"));
    assert_eq!(process.manager.pending().await.unwrap()["dead"], 1);
    for attempt in 1..=2 {
        assert_eq!(process.manager.redrive().await.unwrap().redriven, 1, "{attempt}");
        let set_aside = async {
            while process.manager.dead().await.unwrap().is_empty() {
                sleep(LOOK).await;
            }
        };
        timeout(PATIENCE, set_aside).await.expect("it is not set aside again");
    }
    shop.set(Network::Well, "/");
    assert_eq!(process.manager.redrive().await.unwrap().redriven, 1);
    let again = process.manager.redrive().await.unwrap();
    assert_eq!(again.redriven, 0, "a second redrive finds nothing");
    let view = shop.until_state(&order, "REJECTED").await;
    assert_eq!(view.reason.as_deref(), Some("declined"));
    shop.until_idle().await;
    shop.check_untouched().await;
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn a_dead_letter_is_redriven_three_times_and_no_more() {
    let shop = Shop::open(all_but("RETRY_QUEUES")).await;
    let process = shop.start(super::DEADLINE);
    shop.set(Network::Away, "/steps/consume");
    process.manager.place(&plain("never")).await.unwrap();
    let set_aside = async {
        while process.manager.dead().await.unwrap().is_empty() {
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, set_aside).await.expect("it is not set aside");
    let mut redriven = 0;
    let refused = async {
        loop {
            let result = process.manager.redrive().await.unwrap();
            redriven += result.redriven;
            if result.refused > 0 {
                return;
            }
            sleep(LOOK).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("it is tried for ever");
    assert_eq!(redriven, 3);
}

#[tokio::test]
#[ignore = "needs CHAOS_TEST_DATABASE_URL"]
async fn lost_answers_change_nothing_and_without_a_log_nobody_goes_on() {
    let shop = Shop::open(all_but("")).await;
    let process = shop.start(SHORT);
    shop.set(Network::LosesAnswers, "/steps/ship");
    let order = plain("lost");
    process.manager.place(&order).await.unwrap();
    shop.set(Network::LosesAnswers, "/steps/ship/compensate");
    sleep(SHORT).await;
    shop.set(Network::Well, "/");
    shop.until_idle().await;
    assert_eq!(shop.charges().await, 1);
    let naive = Shop::open(Safeguards::parse("naive", "").unwrap()).await;
    naive.set(Network::Away, "/steps/charge");
    let process = naive.start(super::DEADLINE);
    let failed = process.manager.place(&order).await;
    assert!(matches!(failed, Err(PlaceError::Unfinished(_))), "{failed:?}");
    naive.set(Network::Well, "/");
    let _another = naive.start(super::DEADLINE);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(naive.view(&order).await.unwrap().state, "RESERVED");
}
