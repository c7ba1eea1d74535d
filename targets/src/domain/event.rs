//! What services tell each other. An event carries the whole order, so that no service has to ask
//! another one for it.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::order::{Kind, Order};
use super::state::Reason;

/// The namespace of message ids: any fixed value will do, as long as it never changes.
const MESSAGE_IDS: Uuid = Uuid::from_u128(0x5b0c_2a56_7b1e_4c0e_9d55_31a7_c0de_0b01);

/// Something that has happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EventName {
    /// An order has been stored.
    #[serde(rename = "order.created")]
    OrderCreated,
    /// All steps of an order are done.
    #[serde(rename = "order.completed")]
    OrderCompleted,
    /// An order was refused and nothing of it is left.
    #[serde(rename = "order.rejected")]
    OrderRejected,
    /// The goods are set aside.
    #[serde(rename = "stock.reserved")]
    StockReserved,
    /// There are too few goods.
    #[serde(rename = "stock.refused")]
    StockRefused,
    /// The goods are free again.
    #[serde(rename = "stock.released")]
    StockReleased,
    /// The amount has been taken.
    #[serde(rename = "payment.captured")]
    PaymentCaptured,
    /// The card was declined.
    #[serde(rename = "payment.declined")]
    PaymentDeclined,
    /// The amount has been given back.
    #[serde(rename = "payment.refunded")]
    PaymentRefunded,
    /// A parcel is on its way.
    #[serde(rename = "shipment.created")]
    ShipmentCreated,
    /// The address cannot be delivered to.
    #[serde(rename = "shipment.refused")]
    ShipmentRefused,
    /// Access to digital goods has been granted.
    #[serde(rename = "grant.created")]
    GrantCreated,
}

impl EventName {
    /// Every event there is.
    pub(crate) const ALL: [Self; 12] = [
        Self::OrderCreated,
        Self::OrderCompleted,
        Self::OrderRejected,
        Self::StockReserved,
        Self::StockRefused,
        Self::StockReleased,
        Self::PaymentCaptured,
        Self::PaymentDeclined,
        Self::PaymentRefunded,
        Self::ShipmentCreated,
        Self::ShipmentRefused,
        Self::GrantCreated,
    ];

    /// The name without the kind, for example `stock.reserved`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OrderCreated => "order.created",
            Self::OrderCompleted => "order.completed",
            Self::OrderRejected => "order.rejected",
            Self::StockReserved => "stock.reserved",
            Self::StockRefused => "stock.refused",
            Self::StockReleased => "stock.released",
            Self::PaymentCaptured => "payment.captured",
            Self::PaymentDeclined => "payment.declined",
            Self::PaymentRefunded => "payment.refunded",
            Self::ShipmentCreated => "shipment.created",
            Self::ShipmentRefused => "shipment.refused",
            Self::GrantCreated => "grant.created",
        }
    }

    /// The key it is published under, for example `order.created.digital`.
    pub(crate) fn routing_key(self, kind: Kind) -> String {
        format!("{}.{}", self.name(), kind.name())
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// One event as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// What has happened.
    pub(crate) name: EventName,
    /// To which order.
    pub(crate) order: Order,
    /// Why the order was refused, where it was.
    pub(crate) reason: Option<Reason>,
}

impl Event {
    /// An event of an order that is going well.
    pub(crate) fn new(name: EventName, order: &Order) -> Self {
        Self { name, order: order.clone(), reason: None }
    }

    /// An event of an order that is being refused.
    pub(crate) fn refusal(name: EventName, order: &Order, reason: Option<Reason>) -> Self {
        Self { name, order: order.clone(), reason }
    }

    /// The id of its message: the same however often it is sent, because it follows from the order
    /// and the step alone.
    pub(crate) fn message_id(&self) -> Uuid {
        Uuid::new_v5(&MESSAGE_IDS, format!("{}/{}", self.order.id, self.name.name()).as_bytes())
    }

    /// Whether it is a mistake when nobody listens. The end of an order without goods concerns the
    /// notifications alone, and those may be taken away.
    pub(crate) fn needs_listener(&self) -> bool {
        match self.name {
            EventName::OrderCompleted => self.order.kind.needs_stock(),
            EventName::OrderRejected => false,
            _ => true,
        }
    }

    /// The key it is published under.
    pub(crate) fn routing_key(&self) -> String {
        self.name.routing_key(self.order.kind)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Event, EventName};
    use crate::domain::order::{Kind, sample};

    #[test]
    fn the_name_on_the_wire_is_the_name_in_the_routing_key() {
        for name in EventName::ALL {
            assert_eq!(serde_json::to_value(name).unwrap(), name.name());
        }
        assert_eq!(EventName::OrderCreated.routing_key(Kind::Digital), "order.created.digital");
    }

    #[test]
    fn message_ids_repeat_for_the_same_step_and_differ_between_steps_and_orders() {
        let ids: HashSet<_> = ["a", "b"]
            .into_iter()
            .flat_map(|id| EventName::ALL.map(|name| Event::new(name, &sample(id, Kind::Standard))))
            .map(|event| {
                assert_eq!(event.message_id(), event.clone().message_id());
                event.message_id()
            })
            .collect();
        assert_eq!(ids.len(), 2 * EventName::ALL.len());
    }
}
