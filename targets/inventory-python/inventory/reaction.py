"""What the inventory does about events of other services, and what it tells then. The bindings of
its queue are derived from it.
"""

from collections.abc import Iterable

from inventory.domain.event import Event, EventName, Reason
from inventory.domain.order import Kind, Order
from inventory.store import stock
from inventory.store.database import Unit

_HEARD = (
    EventName.ORDER_CREATED,
    EventName.ORDER_COMPLETED,
    EventName.PAYMENT_DECLINED,
    EventName.PAYMENT_REFUNDED,
)

_TOLD = (EventName.STOCK_RESERVED, EventName.STOCK_REFUSED, EventName.STOCK_RELEASED)


class Impossible(Exception):
    """An event makes no sense here; it never will."""


def routing_keys() -> list[str]:
    """The events that the service wants."""
    return _routing_keys(_HEARD)


def audience() -> dict[str, list[str]]:
    """The services that have to hear of the events that are told here, with their routing keys."""
    return {"orders": _routing_keys(_TOLD), "payments": _routing_keys([EventName.STOCK_RESERVED])}


async def react(unit: Unit, event: Event) -> list[Event]:
    """Does what an event asks for and returns the events that follow."""
    order = event.order
    if not order.kind.needs_stock:
        raise _nothing_to_do(event)
    match event.name:
        case EventName.ORDER_CREATED:
            refused = await stock.reserve(unit, order)
            if refused is None:
                return [_told(EventName.STOCK_RESERVED, order, event.reason)]
            return [_told(EventName.STOCK_REFUSED, order, refused)]
        case EventName.ORDER_COMPLETED:
            await stock.consume(unit, order)
            return []
        case EventName.PAYMENT_DECLINED | EventName.PAYMENT_REFUNDED:
            await stock.release(unit, order)
            return [_told(EventName.STOCK_RELEASED, order, event.reason)]
        case _:
            raise _nothing_to_do(event)


def _routing_keys(names: Iterable[EventName]) -> list[str]:
    return [name.routing_key(kind) for name in names for kind in Kind if kind.needs_stock]


def _told(name: EventName, order: Order, reason: Reason | None) -> Event:
    return Event(name=name, order=order, reason=reason)


def _nothing_to_do(event: Event) -> Impossible:
    return Impossible(f"{event.routing_key} has nothing to do here")
