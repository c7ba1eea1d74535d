"""Events are stored in the transaction of the change that they tell of, and a relay publishes them
from there: neither can exist without the other, whatever dies in between.
"""

import asyncio
import contextlib
from collections.abc import Sequence

from inventory import log
from inventory.domain.event import Event
from inventory.log import now_micros
from inventory.messaging.message import Outgoing
from inventory.messaging.publisher import CONFIRM_DEADLINE, Publisher, PublishError
from inventory.safeguards import Safeguard, Safeguards
from inventory.store.database import Database, Unit
from inventory.store.errors import StoreError

# Events that are published and confirmed together.
_WINDOW = 100
# The relay is woken by commits of this process; it looks by itself, every so many seconds, for
# what others left behind.
_POLL = 0.5
# Longest duration of publishing one window, in seconds.
_WINDOW_DEADLINE = 2 * CONFIRM_DEADLINE

_RECORD = "INSERT INTO outbox (message_id, event) SELECT * FROM unnest($1::uuid[], $2::text[])"
_TAKE = """
SELECT id, message_id, event FROM outbox WHERE sent_at IS NULL
ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"""
_MARK = "UPDATE outbox SET sent_at = $2 WHERE id = ANY ($1)"
_COUNT = "SELECT count(*) FROM outbox WHERE sent_at IS NULL"


class Outbox:
    """Where handlers put their events, and the relay that publishes them."""

    def __init__(self, database: Database, publisher: Publisher, safeguards: Safeguards) -> None:
        self._database = database
        self._publisher = publisher
        self._stored = Safeguard.OUTBOX in safeguards
        self._wake = asyncio.Event()

    async def record(self, unit: Unit, events: Sequence[Event]) -> Sequence[Event]:
        """Stores events in the transaction; returns those that are not stored, to be handed to
        `dispatch` after the commit."""
        if not self._stored or not events:
            return events
        ids = [event.message_id for event in events]
        await unit.execute(_RECORD, ids, [event.model_dump_json() for event in events])
        return ()

    async def dispatch(self, unstored: Sequence[Event]) -> None:
        """After the commit: wakes the relay, and publishes what is not stored."""
        if not unstored:
            self._wake.set()
            return
        messages = [Outgoing.event(event, str(event.message_id)) for event in unstored]
        for error in filter(None, await self._publisher.publish(messages)):
            raise error

    async def count_unsent(self) -> int:
        """The number of events that are stored and not published yet."""
        return (await self._database.rows(_COUNT))[0][0]

    async def relay(self, stop: asyncio.Event) -> None:
        """Publishes window after window until `stop`, and once more then: what is left after
        that is published by the next process."""
        failing = False
        while not stop.is_set():
            if not await self._publisher.ready(_POLL):
                continue
            self._wake.clear()
            try:
                more = await self._window()
            except (StoreError, PublishError) as error:
                if not failing:
                    log.event("outbox not published", error=error)
                failing = True
                await asyncio.sleep(_POLL)
                continue
            failing = False
            if not more:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), _POLL)
        try:
            await self._window()
        except (StoreError, PublishError) as error:
            log.event("outbox not published at the end", error=error)

    async def _window(self) -> bool:
        """Publishes one window; says whether more may be waiting."""
        async with self._database.begin(_WINDOW_DEADLINE) as unit:
            rows = await unit.rows(_TAKE, _WINDOW)
            events = (Event.model_validate_json(row["event"]) for row in rows)
            pairs = zip(events, rows)
            messages = [Outgoing.event(event, str(row["message_id"])) for event, row in pairs]
            results = await self._publisher.publish(messages)
            sent = [row["id"] for row, error in zip(rows, results) if error is None]
            if sent:
                await unit.execute(_MARK, sent, now_micros())
            await unit.commit()
        for error in filter(None, results):
            raise error
        return len(rows) == _WINDOW
