"""Setting goods aside: reserve, and later either release or consume. Each works inside a
transaction that its caller began; going back is safe to do twice and when nothing was done.

Stock rows are always locked in the order of their sku, so that two transactions never wait for
each other.
"""

from collections.abc import Iterable

from inventory.domain import product
from inventory.domain.event import Reason
from inventory.domain.order import Order
from inventory.domain.product import Product
from inventory.store.database import Database, Unit

_AVAILABLE = "SELECT sku, available FROM stock WHERE sku = ANY ($1) ORDER BY sku FOR UPDATE"

_RESERVE = """
WITH wanted AS (SELECT * FROM unnest($2::text[], $3::bigint[]) AS wanted (sku, quantity)),
     taken AS (UPDATE stock SET available = available - quantity, reserved = reserved + quantity
               FROM wanted WHERE stock.sku = wanted.sku)
INSERT INTO reservations SELECT $1, sku, quantity, 'RESERVED' FROM wanted"""

_RELEASE = """
WITH freed AS (UPDATE reservations SET state = 'RELEASED'
               WHERE order_id = $1 AND state = 'RESERVED' RETURNING sku, quantity),
     pieces AS (SELECT sku, sum(quantity)::bigint AS quantity FROM freed GROUP BY sku)
UPDATE stock SET available = available + quantity, reserved = reserved - quantity
FROM pieces WHERE stock.sku = pieces.sku"""

_CONSUME = """
WITH used AS (UPDATE reservations SET state = 'CONSUMED'
              WHERE order_id = $1 AND state = 'RESERVED' RETURNING sku, quantity),
     pieces AS (SELECT sku, sum(quantity)::bigint AS quantity FROM used GROUP BY sku)
UPDATE stock SET reserved = reserved - quantity, consumed = consumed + quantity
FROM pieces WHERE stock.sku = pieces.sku"""


async def lock(unit: Unit, orders: Iterable[Order]) -> None:
    """Locks the stock rows of several orders at once, before any of them is worked on."""
    await _available(unit, sorted({sku for order in orders for sku in order.skus}))


async def reserve(unit: Unit, order: Order) -> Reason | None:
    """Sets all pieces of an order aside, or none and says why."""
    free = await _available(unit, order.skus)
    if any(free.get(item.sku, -1) < item.quantity for item in order.items):
        return Reason.OUT_OF_STOCK
    await unit.execute(_RESERVE, order.id, order.skus, order.quantities)
    return None


async def release(unit: Unit, order: Order) -> None:
    """Gives back what is still set aside for an order."""
    await unit.execute(_RELEASE, order.id)


async def consume(unit: Unit, order: Order) -> None:
    """Takes what is set aside for an order out of the stock for good."""
    await unit.execute(_CONSUME, order.id)


async def offer(database: Database, sku: str) -> tuple[Product, int] | None:
    """A product with the number of pieces that are free."""
    found = product.find(sku)
    if found is None:
        return None
    rows = await database.rows("SELECT available FROM stock WHERE sku = $1", sku)
    return found, rows[0]["available"] if rows else 0


async def _available(unit: Unit, skus: list[str]) -> dict[str, int]:
    rows = await unit.rows(_AVAILABLE, skus)
    return {row["sku"]: row["available"] for row in rows}
