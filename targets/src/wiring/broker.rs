//! Services that never call each other: each hears of events and tells of its own.
//!
//! `reaction` is the whole architecture: which service does what about which event, and what
//! follows. The bindings of the queues are derived from it.

use std::sync::Arc;

use axum::Router;
use futures::future::BoxFuture;
use tokio_util::task::TaskTracker;

use super::{Ending, RunError, Surface};
use crate::backlog::Backlog;
use crate::chaos_switch::{self, Point};
use crate::domain::event::{Event, EventName};
use crate::domain::order::{Kind, Order};
use crate::domain::state::State;
use crate::domain::step::Step;
use crate::http::audit::{self, Table};
use crate::http::public::{Checkout, PlaceError, catalog_routes, order_routes};
use crate::messaging::{Broker, Outbox, Reactor, StepError, Work};
use crate::metrics::Metrics;
use crate::mutant::{self, Mutant};
use crate::role::Role;
use crate::safeguard::Safeguards;
use crate::settings::Settings;
use crate::step::{self, Outcome, inventory};
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
    let backlog: Option<Arc<dyn Backlog>> = Some(Arc::new(broker.clone()));
    let (broker, parts, tables) = (Some(broker), parts(role), tables(role));
    Surface { database, metrics, broker, backlog, parts, tables, routes }
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
        Role::Notify | Role::App | Role::PipelineManager => &[Part::Messages, Part::Notifications],
    }
}

fn tables(role: Role) -> &'static [Table] {
    match role {
        Role::Orders => &[audit::ORDERS, audit::MESSAGES],
        Role::Inventory => &[audit::STOCK, audit::RESERVATIONS, audit::MESSAGES],
        Role::Payments => &[audit::LEDGER, audit::MESSAGES],
        Role::Shipping => &[audit::SHIPMENTS, audit::GRANTS, audit::MESSAGES],
        Role::Notify | Role::App | Role::PipelineManager => &[],
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
        chaos_switch::reach("order", Point::BeforeTx).await?;
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
        if mutant::strikes(Mutant::LoseAccepted) {
            return Ok(view);
        }
        unit.commit().await?;
        chaos_switch::reach("order", Point::AfterCommit).await?;
        let published = self.outbox.dispatch(pending).await;
        published.map_err(|error| PlaceError::Unpublished(error.to_string()))?;
        Ok(view)
    }
}

/// What a service does about an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    /// Does a step, and tells what it came to.
    Do(Step),
    /// Undoes a step.
    Undo(Step),
    /// Moves the order on.
    Advance(State),
}

/// The architecture in one table: who does what about which event.
fn reaction(role: Role, event: EventName, kind: Kind) -> Option<Reaction> {
    use EventName as E;
    use Reaction::{Advance, Do, Undo};
    Some(match (role, event) {
        (Role::Orders, _) => Advance(State::after(event, kind)?),
        (Role::Inventory, E::OrderCreated) if kind.needs_stock() => Do(Step::Reserve),
        (Role::Inventory, E::OrderCompleted) if kind.needs_stock() => Do(Step::Consume),
        (Role::Inventory, E::PaymentDeclined | E::PaymentRefunded) if kind.needs_stock() => {
            Undo(Step::Reserve)
        }
        (Role::Payments, E::OrderCreated) if !kind.needs_stock() => Do(Step::Charge),
        (Role::Payments, E::StockReserved) => Do(Step::Charge),
        (Role::Payments, E::ShipmentRefused) => Undo(Step::Charge),
        (Role::Shipping, E::PaymentCaptured) => match kind {
            Kind::Standard => Do(Step::Ship),
            Kind::Digital => Do(Step::Grant),
            Kind::Pickup => return None,
        },
        (Role::Notify, E::OrderCompleted) => Do(Step::Notify),
        (Role::Notify, E::OrderRejected) => Undo(Step::Notify),
        _ => return None,
    })
}

/// All services.
const SERVICES: [Role; 5] =
    [Role::Orders, Role::Inventory, Role::Payments, Role::Shipping, Role::Notify];

/// Who tells of an event.
fn teller(event: EventName) -> Role {
    use EventName as E;
    match event {
        E::OrderCreated | E::OrderCompleted | E::OrderRejected => Role::Orders,
        E::StockReserved | E::StockRefused | E::StockReleased => Role::Inventory,
        E::PaymentCaptured | E::PaymentDeclined | E::PaymentRefunded => Role::Payments,
        E::ShipmentCreated | E::ShipmentRefused | E::GrantCreated => Role::Shipping,
    }
}

/// The events that tell that a step was done, and that it was refused.
fn told_by(step: Step) -> Option<(EventName, EventName)> {
    use EventName as E;
    match step {
        Step::Reserve => Some((E::StockReserved, E::StockRefused)),
        Step::Charge => Some((E::PaymentCaptured, E::PaymentDeclined)),
        Step::Ship => Some((E::ShipmentCreated, E::ShipmentRefused)),
        Step::Grant => Some((E::GrantCreated, E::ShipmentRefused)),
        Step::Consume | Step::Notify => None,
    }
}

/// The event that tells that a step was undone.
fn undone_by(step: Step) -> Option<EventName> {
    match step {
        Step::Reserve => Some(EventName::StockReleased),
        Step::Charge => Some(EventName::PaymentRefunded),
        Step::Ship | Step::Grant | Step::Consume | Step::Notify => None,
    }
}

fn every_event() -> impl Iterator<Item = (EventName, Kind)> {
    EventName::ALL.into_iter().flat_map(|name| Kind::ALL.map(|kind| (name, kind)))
}

/// A service that hears of events.
struct Service {
    role: Role,
    metrics: Metrics,
}

impl Reactor for Service {
    fn routing_keys(&self) -> Vec<String> {
        every_event()
            .filter(|(name, kind)| reaction(self.role, *name, *kind).is_some())
            .map(|(name, kind)| name.routing_key(kind))
            .collect()
    }

    fn audience(&self) -> Vec<(Role, String)> {
        let told = every_event().filter(|(name, _)| teller(*name) == self.role);
        told.flat_map(|(name, kind)| {
            let hears = move |role: &Role| reaction(*role, name, kind).is_some();
            SERVICES.into_iter().filter(hears).map(move |role| (role, name.routing_key(kind)))
        })
        .collect()
    }

    fn work(&self, event: &Event) -> Option<Work> {
        Some(match reaction(self.role, event.name, event.order.kind)? {
            Reaction::Do(step) => Work::Forward(step.name()),
            Reaction::Undo(step) => Work::Back(step.name()),
            Reaction::Advance(_) => Work::Forward("advance"),
        })
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
        let told = |name: EventName, reason| Event::refusal(name, order, reason);
        Ok(match reaction {
            Reaction::Do(step) => {
                let outcome = step::forward(unit, step, order).await?;
                let told = told_by(step).map(|(done, refused)| match outcome {
                    Outcome::Done => told(done, event.reason),
                    Outcome::Refused(reason) => told(refused, Some(reason)),
                });
                told.into_iter().collect()
            }
            Reaction::Undo(step) => {
                step::compensate(unit, step, order).await?;
                chaos_switch::reach(step.name(), Point::MidCompensation).await?;
                undone_by(step).map(|name| told(name, event.reason)).into_iter().collect()
            }
            Reaction::Advance(state) => self.advance(unit, event, state).await?,
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

#[cfg(test)]
mod tests;
