//! A whole shop for tests: real services, real databases, and doors that make trouble.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use super::super::flow::{Flow, WHOLE_LIMIT};
use super::super::sweeper::{Owed, Sweeper};
use super::super::{CALLED, Orders, PARTS, PlaceError};
use crate::client::{CallError, Client, Direction};
use crate::domain::order::Order;
use crate::domain::step::Step;
use crate::http::public::Checkout as _;
use crate::http::steps::{self, StepAnswer, StepRequest};
use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::Safeguards;
use crate::store::Database;
use crate::store::orders::View;
use crate::trial::{all_but, balances, check_stock, database, number};
use crate::wiring::service;

/// How much later than it was sent a delayed request arrives.
pub(super) const DELAY: Duration = Duration::from_millis(1_500);
/// Rounds after which something that is still owed will stay so.
const ROUNDS: usize = 40;

/// What a door does to requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Turns them away, without a word about what was done.
    Closed,
    /// Lets them pass and loses the answer.
    LosesAnswer,
    /// Lets them pass late, when nobody waits for the answer any more.
    Delays,
}

#[derive(Clone, Default)]
struct Door {
    /// For which paths there is which trouble.
    trouble: Arc<Mutex<Option<(Trouble, &'static str)>>>,
    delayed: Arc<Mutex<usize>>,
}

async fn pass(State(door): State<Door>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let trouble = *door.trouble.lock().unwrap();
    // A path ends with its step or names it whole; the way back is another path.
    let met = trouble.filter(|(_, at)| path == *at || (*at == "/steps" && path.starts_with(at)));
    let failure = || StatusCode::INTERNAL_SERVER_ERROR.into_response();
    match met.map(|(trouble, _)| trouble) {
        Some(Trouble::Closed) => return failure(),
        Some(Trouble::LosesAnswer) => {
            next.run(request).await;
            return failure();
        }
        // In a task of its own: the network delivers it although the sender has left.
        Some(Trouble::Delays) => {
            let late = tokio::spawn(async move {
                sleep(DELAY).await;
                let response = next.run(request).await;
                *door.delayed.lock().unwrap() += 1;
                response
            });
            return late.await.unwrap();
        }
        None => {}
    }
    next.run(request).await
}

/// The orders service and all that it calls.
pub(super) struct Shop {
    pub(super) flow: Arc<Flow>,
    pub(super) tasks: TaskTracker,
    pub(super) backlog: Owed,
    pub(super) orders: Database,
    pub(super) inventory: Database,
    pub(super) payments: Database,
    pub(super) shipping: Database,
    pub(super) notify: Database,
    doors: HashMap<Role, Door>,
}

impl Shop {
    /// A shop with everything on but what is named, and what a busy machine would set off where a
    /// test does not ask for it.
    pub(super) async fn open(off: &str) -> Self {
        Self::with(all_but(&format!("TIMEOUTS,BREAKER,{off}")), None).await
    }

    /// A shop that gives calls up after a short time.
    pub(super) async fn impatient() -> Self {
        Self::with(all_but("BREAKER"), None).await
    }

    /// A shop one of whose services is not there.
    pub(super) async fn without(dead: Role) -> Self {
        Self::with(all_but("TIMEOUTS"), Some(dead)).await
    }

    pub(super) async fn of_mode(mode: &str) -> Self {
        Self::with(Safeguards::parse(mode, "").unwrap(), None).await
    }

    async fn with(safeguards: Safeguards, dead: Option<Role>) -> Self {
        let (mut doors, mut addresses, mut databases) = (HashMap::new(), Vec::new(), Vec::new());
        for role in CALLED {
            let (store, _) = database(service::parts(role)).await;
            let door = Door::default();
            let routes = steps::routes(store.clone(), role, safeguards)
                .layer(from_fn_with_state(door.clone(), pass));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.push((role, listener.local_addr().unwrap()));
            if Some(role) != dead {
                tokio::spawn(async { axum::serve(listener, routes).await });
            }
            doors.insert(role, door);
            databases.push(store);
        }
        let [inventory, payments, shipping, notify] = databases.try_into().ok().unwrap();
        let (orders, _) = database(PARTS).await;
        let client = Client::at(&addresses, safeguards);
        let flow = Arc::new(Flow::new(orders.clone(), client, safeguards, Metrics::new()));
        let (backlog, tasks) = (Owed::new(&flow), TaskTracker::new());
        Self { flow, tasks, backlog, orders, inventory, payments, shipping, notify, doors }
    }

    pub(super) fn trouble(&self, role: Role, trouble: Trouble, path: &'static str) {
        *self.doors[&role].trouble.lock().unwrap() = Some((trouble, path));
    }

    pub(super) fn heal(&self, role: Role) {
        *self.doors[&role].trouble.lock().unwrap() = None;
    }

    /// How many requests have passed the door of a service late.
    pub(super) fn delayed(&self, role: Role) -> usize {
        *self.doors[&role].delayed.lock().unwrap()
    }

    pub(super) async fn place(&self, order: &Order) -> Result<View, PlaceError> {
        let orders = Orders { flow: self.flow.clone(), tasks: self.tasks.clone() };
        orders.place(order).await
    }

    pub(super) async fn call(
        &self,
        step: Step,
        direction: Direction,
        request: &StepRequest,
    ) -> Result<StepAnswer, CallError> {
        self.flow.client.call(step, direction, request, Instant::now() + WHOLE_LIMIT).await
    }

    /// The sweeper of a process that has just started.
    pub(super) fn sweeper(&self) -> Sweeper {
        Sweeper::new(&self.flow, Arc::default())
    }

    /// Works everything off as if all pauses were over; what is not due for other reasons stays.
    pub(super) async fn settle(&self) {
        let owed = "SELECT count(*) FROM todos WHERE NOT given_up AND what <> 'roll-back'";
        let sweeper = self.sweeper();
        for _ in 0..ROUNDS {
            while sweeper.sweep().await.unwrap() {}
            if number(&self.orders, owed).await == 0 {
                return;
            }
            let now = "UPDATE todos SET due_at = 0 WHERE what <> 'roll-back'";
            self.orders.rows(now, &[]).await.unwrap();
        }
        panic!("still owed: {:?}", self.owed().await);
    }

    /// The states of all orders, by id.
    pub(super) async fn states(&self) -> Vec<String> {
        let rows = self.orders.rows("SELECT state FROM orders ORDER BY id", &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// What is owed, by order.
    pub(super) async fn owed(&self) -> Vec<(String, String)> {
        let sql = "SELECT order_id, what FROM todos ORDER BY order_id, what";
        let rows = self.orders.rows(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }

    /// What must hold where every order was cancelled or rejected.
    pub(super) async fn assert_nothing_owed_and_nothing_left(&self) {
        assert!(self.owed().await.is_empty(), "{:?}", self.owed().await);
        check_stock(&self.inventory).await;
        let balances = balances(&self.payments).await;
        assert!(balances.values().all(|sum| *sum == 0), "{balances:?}");
        for table in ["shipments", "grants"] {
            let active = format!("SELECT count(*) FROM {table} WHERE state = 'ACTIVE'");
            assert_eq!(number(&self.shipping, &active).await, 0, "{table}");
        }
    }
}
