"""The tables, laid out at start: the same, to the letter, as those of the service whose database
this one may take over.

No table but `inbox` and `steps` forbids a second row of the same order: a duplicate must be
possible in the data, or an audit could never find one. What keeps duplicates out are the
safeguards.
"""

from collections.abc import Sequence
from enum import Enum

from inventory.domain import product
from inventory.store.database import Database

# Shared by all implementations: it keeps two that start together from laying out tables at once.
_LAYOUT_LOCK = 7_311_551


class Part(Enum):
    """A group of tables that belong together; the value creates them."""

    # Updates of hot rows stay on their page when it has room.
    STOCK = """
CREATE TABLE IF NOT EXISTS stock (
    sku text PRIMARY KEY, initial bigint NOT NULL, available bigint NOT NULL,
    reserved bigint NOT NULL, consumed bigint NOT NULL) WITH (fillfactor = 10);
CREATE TABLE IF NOT EXISTS reservations (
    order_id text NOT NULL, sku text NOT NULL, quantity bigint NOT NULL, state text NOT NULL);
CREATE INDEX IF NOT EXISTS reservations_order ON reservations (order_id);"""

    MESSAGES = """
CREATE TABLE IF NOT EXISTS outbox (
    id bigserial PRIMARY KEY, message_id uuid NOT NULL, event text NOT NULL, sent_at bigint);
CREATE INDEX IF NOT EXISTS outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE TABLE IF NOT EXISTS inbox (message_id uuid PRIMARY KEY, handled_at bigint NOT NULL);"""

    STEPS = """
CREATE TABLE IF NOT EXISTS steps (
    order_id text NOT NULL, step text NOT NULL, outcome text, reason text,
    compensated boolean NOT NULL DEFAULT false, at bigint NOT NULL, PRIMARY KEY (order_id, step));
CREATE TABLE IF NOT EXISTS epoch (one boolean PRIMARY KEY CHECK (one), epoch bigint NOT NULL);
INSERT INTO epoch VALUES (true, 0) ON CONFLICT DO NOTHING;"""


_FILL = "INSERT INTO stock VALUES ($1, $2, $2, 0, 0) ON CONFLICT DO NOTHING"


async def lay_out(database: Database, parts: Sequence[Part]) -> None:
    """Creates what is missing. Doing it again, or from two replicas at once, changes nothing."""
    async with database.begin() as unit:
        await unit.execute("SELECT pg_advisory_xact_lock($1)", _LAYOUT_LOCK)
        for part in parts:
            await unit.batch(part.value)
        for it in product.stocked():
            await unit.execute(_FILL, it.sku, it.initial)
        await unit.commit()
