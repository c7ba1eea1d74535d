"""The final state, row by row, for an auditor. The database itself writes the rows, so that they
are the same to the byte in every implementation.
"""

from collections.abc import AsyncIterator, Sequence
from enum import Enum

from inventory.store.database import Unit

# Text that is gathered before it is sent on, in bytes.
_CHUNK = 32 * 1024


class Table(Enum):
    """One table that can be audited; the value reads it."""

    STOCK = """
SELECT json_build_object('table', 'stock', 'sku', sku, 'initial', initial,
    'available', available, 'reserved', reserved, 'consumed', consumed)::text
FROM stock ORDER BY sku"""
    RESERVATIONS = """
SELECT json_build_object('table', 'reservations', 'order', order_id, 'sku', sku,
    'quantity', quantity, 'state', state)::text
FROM reservations ORDER BY order_id, sku"""
    STEPS = """
SELECT json_build_object('table', 'steps', 'order', order_id, 'step', step,
    'outcome', outcome, 'compensated', compensated)::text
FROM steps ORDER BY order_id, step"""
    MESSAGES = """
SELECT json_build_object('table', 'messages', 'id', message_id,
    'order', event::json->'order'->>'id', 'event', event::json->>'name',
    'sent_at', sent_at)::text
FROM outbox ORDER BY id"""

    @property
    def title(self) -> str:
        """Its name in the path and in every row."""
        return self.name.lower()


async def lines(snapshot: Unit, tables: Sequence[Table], first: bytes) -> AsyncIterator[bytes]:
    """Streams tables from one snapshot, after `first`, lines that are already known. When the
    database fails on the way, the stream breaks off, so that no reader takes it for a whole one."""
    text = bytearray(first)
    try:
        for table in tables:
            async for row in snapshot.stream(table.value):
                text += row[0].encode() + b"\n"
                if len(text) >= _CHUNK:
                    yield bytes(text)
                    text.clear()
        yield bytes(text)
        await snapshot.commit()
    finally:
        snapshot.throw_away()
