//! Services that never call each other: each hears of events and tells of its own.
//!
//! `reaction` is the whole architecture: which service does what about which event, and what
//! follows. The bindings of the queues are derived from it.

use std::sync::Arc;

use axum::Router;
use futures::future::BoxFuture;
use tokio_util::task::TaskTracker;

use super::{Ending, RunError, Surface};
use crate::domain::event::{Event, EventName};
use crate::domain::order::{Kind, Order};
use crate::domain::state::State;
use crate::http::audit::{self, Table};
use crate::http::public::{Checkout, PlaceError, catalog_routes, order_routes};
use crate::messaging::{Broker, Outbox, Reactor, StepError};
use crate::metrics::Metrics;
use crate::role::Role;
use crate::safeguard::Safeguards;
use crate::settings::Settings;
use crate::step::{Outcome, inventory, notify, payments, shipping};
use crate::store::orders::{self, Opening, View};
use crate::store::schema::Part;
use crate::store::{Database, StoreError, Unit};

/// Connections per replica of `orders`, which serves customers while it takes messages.
const CONNECTIONS_OF_ORDERS: usize = 12;
/// Connections per replica of the other services.
const CONNECTIONS: usize = 6;

/// Runs one service to its end.
pub(super) async fn run(settings: Settings, ending: Ending) -> Result<(), RunError> {
    let (role, safeguards) = (settings.role, settings.safeguards);
    let connections = if role == Role::Orders { CONNECTIONS_OF_ORDERS } else { CONNECTIONS };
    let database = Database::new(&settings.database_url, connections)?;
    let metrics = Metrics::new();
    let reactor = Arc::new(Service { role, metrics: metrics.clone() });
    let tasks = TaskTracker::new();
    let (broker, outbox) = Broker::start(
        (role, safeguards),
        (database.clone(), metrics.clone()),
        &settings.amqp_url,
        reactor,
        (&ending.stop, &tasks),
    );
    let routes = match role {
        Role::Orders => {
            let checkout = Arc::new(Acceptance { database: database.clone(), outbox, safeguards });
            order_routes(database.clone(), checkout)
        }
        Role::Inventory => catalog_routes(database.clone()),
        _ => Router::new(),
    };
    let broker = Some(broker);
    Surface { database, metrics, broker, parts: parts(role), tables: tables(role), routes }
        .serve(&settings, ending)
        .await?;
    tasks.close();
    tasks.wait().await;
    Ok(())
}

fn parts(role: Role) -> &'static [Part] {
    match role {
        Role::Orders => &[Part::Messages, Part::Orders],
        Role::Inventory => &[Part::Messages, Part::Stock],
        Role::Payments => &[Part::Messages, Part::Ledger],
        Role::Shipping => &[Part::Messages, Part::Fulfilment],
        Role::Notify | Role::App => &[Part::Messages, Part::Notifications],
    }
}

fn tables(role: Role) -> &'static [Table] {
    match role {
        Role::Orders => &[audit::ORDERS],
        Role::Inventory => &[audit::STOCK, audit::RESERVATIONS],
        Role::Payments => &[audit::LEDGER],
        Role::Shipping => &[audit::SHIPMENTS, audit::GRANTS],
        Role::Notify | Role::App => &[],
    }
}

/// Takes orders: stores each with its first event and answers at once.
struct Acceptance {
    database: Database,
    outbox: Outbox,
    safeguards: Safeguards,
}

impl Checkout for Acceptance {
    fn place<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<View, PlaceError>> {
        Box::pin(self.accept(order))
    }
}

impl Acceptance {
    async fn accept(&self, order: &Order) -> Result<View, PlaceError> {
        let unit = self.database.begin().await?;
        let view = match orders::open(&unit, order, self.safeguards).await? {
            Opening::New(view) => view,
            Opening::Known(view) => {
                unit.commit().await?;
                return Ok(view);
            }
            Opening::Conflict => {
                unit.commit().await?;
                return Err(PlaceError::Conflict);
            }
        };
        let created = vec![Event::new(EventName::OrderCreated, order)];
        let pending = self.outbox.record(&unit, created).await?;
        unit.commit().await?;
        let published = self.outbox.dispatch(pending).await;
        published.map_err(|error| PlaceError::Unpublished(error.to_string()))?;
        Ok(view)
    }
}

/// What a service does about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Reserve,
    Release,
    Consume,
    Charge,
    Refund,
    Ship,
    Grant,
    Advance(State),
    Tell(State),
}

/// The architecture in one table: who does what about which event.
fn reaction(role: Role, event: EventName, kind: Kind) -> Option<Reaction> {
    use EventName as E;
    Some(match (role, event) {
        (Role::Orders, _) => Reaction::Advance(State::after(event, kind)?),
        (Role::Inventory, E::OrderCreated) if kind.needs_stock() => Reaction::Reserve,
        (Role::Inventory, E::OrderCompleted) if kind.needs_stock() => Reaction::Consume,
        (Role::Inventory, E::PaymentDeclined | E::PaymentRefunded) if kind.needs_stock() => {
            Reaction::Release
        }
        (Role::Payments, E::OrderCreated) if !kind.needs_stock() => Reaction::Charge,
        (Role::Payments, E::StockReserved) => Reaction::Charge,
        (Role::Payments, E::ShipmentRefused) => Reaction::Refund,
        (Role::Shipping, E::PaymentCaptured) => match kind {
            Kind::Standard => Reaction::Ship,
            Kind::Digital => Reaction::Grant,
            Kind::Pickup => return None,
        },
        (Role::Notify, E::OrderCompleted) => Reaction::Tell(State::Completed),
        (Role::Notify, E::OrderRejected) => Reaction::Tell(State::Rejected),
        _ => return None,
    })
}

/// A service that hears of events.
struct Service {
    role: Role,
    metrics: Metrics,
}

impl Reactor for Service {
    fn routing_keys(&self) -> Vec<String> {
        let all = EventName::ALL.into_iter().flat_map(|name| Kind::ALL.map(|kind| (name, kind)));
        all.filter(|(name, kind)| reaction(self.role, *name, *kind).is_some())
            .map(|(name, kind)| name.routing_key(kind))
            .collect()
    }

    fn prepare<'a>(
        &'a self,
        unit: &'a Unit,
        events: &'a [&'a Event],
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            match self.role {
                Role::Inventory => {
                    inventory::lock(unit, events.iter().map(|event| &event.order)).await
                }
                _ => Ok(()),
            }
        })
    }

    fn react<'a>(
        &'a self,
        unit: &'a Unit,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Vec<Event>, StepError>> {
        Box::pin(async move {
            let reaction = reaction(self.role, event.name, event.order.kind).ok_or_else(|| {
                StepError::Impossible(format!("{} has nothing to do here", event.routing_key()))
            })?;
            self.perform(unit, event, reaction).await
        })
    }
}

impl Service {
    async fn perform(
        &self,
        unit: &Unit,
        event: &Event,
        reaction: Reaction,
    ) -> Result<Vec<Event>, StepError> {
        let order = &event.order;
        let follow = |name| vec![Event::refusal(name, order, event.reason)];
        Ok(match reaction {
            Reaction::Reserve => match inventory::reserve(unit, order).await? {
                Outcome::Done => follow(EventName::StockReserved),
                Outcome::Refused(reason) => refused(EventName::StockRefused, order, reason),
            },
            Reaction::Release => {
                inventory::release(unit, order).await?;
                follow(EventName::StockReleased)
            }
            Reaction::Consume => {
                inventory::consume(unit, order).await?;
                Vec::new()
            }
            Reaction::Charge => match payments::charge(unit, order).await? {
                Outcome::Done => follow(EventName::PaymentCaptured),
                Outcome::Refused(reason) => refused(EventName::PaymentDeclined, order, reason),
            },
            Reaction::Refund => {
                payments::refund(unit, order).await?;
                follow(EventName::PaymentRefunded)
            }
            Reaction::Ship => match shipping::ship(unit, order).await? {
                Outcome::Done => follow(EventName::ShipmentCreated),
                Outcome::Refused(reason) => refused(EventName::ShipmentRefused, order, reason),
            },
            Reaction::Grant => {
                shipping::grant(unit, order).await?;
                follow(EventName::GrantCreated)
            }
            Reaction::Advance(state) => self.advance(unit, event, state).await?,
            Reaction::Tell(state) => {
                notify::tell(unit, order, state).await?;
                Vec::new()
            }
        })
    }

    /// Moves the order forward and, when it has become final, tells of it.
    async fn advance(
        &self,
        unit: &Unit,
        event: &Event,
        state: State,
    ) -> Result<Vec<Event>, StepError> {
        let order = &event.order;
        if orders::advance(unit, &order.id, state, event.reason).await?.is_none() {
            if orders::exists(unit, &order.id).await? {
                return Ok(Vec::new());
            }
            return Err(StepError::Impossible(format!("there is no order {}", order.id)));
        }
        if !state.is_final() {
            return Ok(Vec::new());
        }
        self.metrics.orders.with_label_values(&[state.name()]).inc();
        Ok(match state {
            State::Completed => vec![Event::new(EventName::OrderCompleted, order)],
            _ => vec![Event::refusal(EventName::OrderRejected, order, event.reason)],
        })
    }
}

fn refused(name: EventName, order: &Order, reason: crate::domain::state::Reason) -> Vec<Event> {
    vec![Event::refusal(name, order, Some(reason))]
}

#[cfg(test)]
mod tests;
