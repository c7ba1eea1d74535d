"""Which steps of an order were asked for here, and what became of them: one row per order and
step, locked for as long as either direction works on it.

The row makes a repeated request harmless, gives a lost answer again, and is a tombstone: a step
that arrives after it was undone is refused, however late the network delivers it.
"""

from enum import StrEnum

import asyncpg

from inventory.domain.event import Reason
from inventory.log import now_micros
from inventory.store.database import Unit
from inventory.store.errors import Undone

# The update that changes nothing takes the lock and returns the row, whoever wrote it.
_LOCK = """
INSERT INTO steps (order_id, step, at) VALUES ($1, $2, $3)
ON CONFLICT (order_id, step) DO UPDATE SET at = steps.at
RETURNING outcome, reason, compensated"""
_FINISH = "UPDATE steps SET outcome = $3, reason = $4 WHERE order_id = $1 AND step = $2"
_UNDO = "UPDATE steps SET compensated = true WHERE order_id = $1 AND step = $2"


class Step(StrEnum):
    """The steps that belong to the inventory."""

    RESERVE = "reserve"
    CONSUME = "consume"


class Found(StrEnum):
    """What a request to do a step finds."""

    NEW = "new"
    DONE = "done"
    REFUSED = "refused"
    UNDONE = "undone"


async def begin(unit: Unit, order_id: str, step: Step) -> tuple[Found, Reason | None]:
    """Locks the row of a step, and says what a request to do it finds, and why it was refused."""
    row = await _lock(unit, order_id, step)
    if row["compensated"]:
        return Found.UNDONE, None
    match row["outcome"]:
        case None:
            return Found.NEW, None
        case "done":
            return Found.DONE, None
        case _:
            return Found.REFUSED, _reason(row["reason"] or "")


async def finish(unit: Unit, order_id: str, step: Step, refused: Reason | None) -> None:
    """Notes down what a step came to."""
    outcome = "done" if refused is None else "refused"
    await unit.execute(_FINISH, order_id, step.value, outcome, refused)


async def undo(unit: Unit, order_id: str, step: Step) -> bool:
    """Locks the row of a step and makes it a tombstone; says whether it was none before."""
    if (await _lock(unit, order_id, step))["compensated"]:
        return False
    await unit.execute(_UNDO, order_id, step.value)
    return True


async def is_current(unit: Unit, epoch: int) -> bool:
    """Notes down the epoch of whoever asks, and says whether it is the newest so far. The row
    stays locked, so that no older request slips in behind a newer one."""
    await unit.execute("UPDATE epoch SET epoch = $1 WHERE epoch < $1", epoch)
    rows = await unit.rows("SELECT epoch FROM epoch FOR SHARE")
    return bool(rows) and rows[0]["epoch"] == epoch


async def _lock(unit: Unit, order_id: str, step: Step) -> asyncpg.Record:
    rows = await unit.rows(_LOCK, order_id, step.value, now_micros())
    if not rows:
        raise Undone("a step has no row")
    return rows[0]


def _reason(name: str) -> Reason:
    try:
        return Reason(name)
    except ValueError:
        raise Undone(f"a step was refused for `{name}`") from None
