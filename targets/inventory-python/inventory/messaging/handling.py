"""What handling a message means: its id, its effects and the events that follow in one
transaction, so that a message that comes again finds that it was handled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from inventory import reaction
from inventory.domain.event import Event
from inventory.messaging import inbox
from inventory.messaging.outbox import Outbox
from inventory.metrics import Metrics
from inventory.safeguards import Safeguard, Safeguards
from inventory.store import stock
from inventory.store.database import Database


@dataclass(frozen=True, slots=True)
class Handled:
    """A message that could be read."""

    id: UUID
    """Under which it is known to have been handled."""
    event: Event


class Handling:
    """Handles messages for the service."""

    def __init__(
        self, database: Database, outbox: Outbox, metrics: Metrics, safeguards: Safeguards
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._messages = metrics.messages
        self._safeguards = safeguards

    async def handle(self, batch: Sequence[Handled]) -> None:
        """Handles a batch of messages in one transaction; those handled before are left out."""
        async with self._database.begin() as unit:
            new = [True] * len(batch)
            if Safeguard.INBOX in self._safeguards:
                new = await inbox.admit(unit, [message.id for message in batch])
            events = [message.event for message, is_new in zip(batch, new) if is_new]
            await stock.lock(unit, (event.order for event in events))
            follow: list[Event] = []
            for event in events:
                follow += await reaction.react(unit, event)
            unstored = await self._outbox.record(unit, follow)
            await unit.commit()
        self._messages.labels("handled").inc(len(events))
        self._messages.labels("duplicate").inc(len(batch) - len(events))
        await self._outbox.dispatch(unstored)
