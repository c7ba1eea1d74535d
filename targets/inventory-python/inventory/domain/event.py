"""What services tell each other. An event carries the whole order, so that no service has to ask
another one for it.
"""

from enum import StrEnum
from uuid import UUID, uuid5

from inventory.domain.order import Kind, Order, Wire

# The namespace of message ids, shared by all services: it never changes.
_MESSAGE_IDS = UUID("5b0c2a56-7b1e-4c0e-9d55-31a7c0de0b01")


class Reason(StrEnum):
    """Why the business refused an order."""

    OUT_OF_STOCK = "out_of_stock"
    DECLINED = "declined"
    UNDELIVERABLE = "undeliverable"


class EventName(StrEnum):
    """Something that has happened to an order."""

    ORDER_CREATED = "order.created"
    ORDER_COMPLETED = "order.completed"
    ORDER_REJECTED = "order.rejected"
    STOCK_RESERVED = "stock.reserved"
    STOCK_REFUSED = "stock.refused"
    STOCK_RELEASED = "stock.released"
    PAYMENT_CAPTURED = "payment.captured"
    PAYMENT_DECLINED = "payment.declined"
    PAYMENT_REFUNDED = "payment.refunded"
    SHIPMENT_CREATED = "shipment.created"
    SHIPMENT_REFUSED = "shipment.refused"
    GRANT_CREATED = "grant.created"

    def routing_key(self, kind: Kind) -> str:
        """The key it is published under, for example `order.created.digital`."""
        return f"{self.value}.{kind.value}"


class Event(Wire):
    """One event as it travels."""

    name: EventName
    order: Order
    reason: Reason | None = None
    """Why the order was refused, where it was."""

    @property
    def message_id(self) -> UUID:
        """The id of its message: the same however often it is sent, because it follows from the
        order and the step alone."""
        return uuid5(_MESSAGE_IDS, f"{self.order.id}/{self.name.value}")

    @property
    def routing_key(self) -> str:
        """The key it is published under."""
        return self.name.routing_key(self.order.kind)
