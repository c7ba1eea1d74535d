"""Taking messages: everything that has arrived is handled in one transaction, together with the
ids of the messages and the events that follow, and acknowledged after the commit.

When a batch fails its messages are handled one by one, so that only the bad one is retried.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from pydantic import ValidationError

from inventory import log, reaction
from inventory.domain.event import Event
from inventory.messaging import retry, topology
from inventory.messaging.handling import Handled, Handling
from inventory.messaging.message import History, Outgoing
from inventory.messaging.publisher import Publisher, PublishError
from inventory.messaging.retry import Requeue, Retry
from inventory.messaging.supervisor import SessionError, close
from inventory.metrics import Metrics
from inventory.reaction import Impossible
from inventory.safeguards import Safeguards
from inventory.store.errors import StoreError

# Messages that the broker may send ahead of their acknowledgement.
_PREFETCH = 64
# Messages handled in one transaction.
_BATCH = 32
# How often the channel is looked at while no message comes, in seconds.
_LOOK = 0.5


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A delivery that could be read."""

    delivery: AbstractIncomingMessage
    message: Handled

    @classmethod
    def read(cls, delivery: AbstractIncomingMessage) -> "_Incoming":
        event = Event.model_validate_json(delivery.body)
        try:
            message_id = UUID(delivery.message_id or "")
        except ValueError:
            # A message without an id of its own has the one that follows from its event.
            message_id = event.message_id
        return cls(delivery, Handled(message_id, event))


class Consumer:
    """The session that holds the connection for consuming."""

    purpose = "consume"

    def __init__(
        self, handling: Handling, publisher: Publisher, metrics: Metrics, safeguards: Safeguards
    ) -> None:
        self._handling = handling
        self._publisher = publisher
        self._metrics = metrics
        self._safeguards = safeguards
        self._unacked = 0
        self.running = False
        """Whether messages are taken at the moment."""

    async def run(self, connection: AbstractConnection, stop: asyncio.Event) -> None:
        """Takes messages until the connection fails or `stop`."""
        channel = await connection.channel()
        await topology.declare(channel, self._safeguards, reaction.routing_keys())
        await channel.set_qos(prefetch_count=_PREFETCH)
        arrivals: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()

        # Each is counted the moment it arrives, not when its turn comes; the prefetch bounds how
        # many can wait.
        async def arrive(delivery: AbstractIncomingMessage) -> None:
            self._count_unacked(1)
            arrivals.put_nowait(delivery)

        queue = await channel.get_queue(topology.WORK_QUEUE, ensure=False)
        tag = await queue.consume(arrive)
        self._set_running(True)
        try:
            while not stop.is_set():
                await _check_open(channel, tag)
                if batch := await _next_batch(arrivals):
                    await self._take(batch)
        finally:
            self._set_running(False)
        await close(connection)

    @property
    def unacked(self) -> int:
        """Messages received and not acknowledged yet."""
        return self._unacked

    def _set_running(self, running: bool) -> None:
        self.running = running
        self._metrics.connected.labels(self.purpose).set(int(running))
        # The broker takes back whatever was not acknowledged.
        self._count_unacked(-self._unacked)

    def _count_unacked(self, change: int) -> None:
        self._unacked += change
        self._metrics.unacked.set(self._unacked)

    async def _take(self, deliveries: Sequence[AbstractIncomingMessage]) -> None:
        batch: list[_Incoming] = []
        for delivery in deliveries:
            try:
                batch.append(_Incoming.read(delivery))
            except ValidationError as error:
                told = error.errors(include_url=False, include_input=False)[0]["msg"]
                reason = f"the message cannot be read: {told}"
                await self._put_off(delivery, reason, transient=False)
        if not batch:
            return
        # Two replicas that work on the same orders take their rows in the same sequence.
        batch.sort(key=lambda incoming: incoming.message.event.order.id)
        try:
            await self._handle(batch)
        except (StoreError, PublishError, Impossible) as error:
            if len(batch) == 1 or _is_outage(error):
                await self._fail(batch, error)
            else:
                await self._take_singly(batch)

    async def _take_singly(self, batch: Sequence[_Incoming]) -> None:
        for position, incoming in enumerate(batch):
            try:
                await self._handle([incoming])
            except (StoreError, PublishError, Impossible) as error:
                if _is_outage(error):
                    await self._fail(batch[position:], error)
                    return
                await self._fail([incoming], error)

    async def _handle(self, batch: Sequence[_Incoming]) -> None:
        await self._handling.handle([incoming.message for incoming in batch])
        for incoming in batch:
            await incoming.delivery.ack()
            self._count_unacked(-1)

    async def _fail(self, batch: Sequence[_Incoming], error: Exception) -> None:
        transient = not isinstance(error, Impossible)
        for incoming in batch:
            await self._put_off(incoming.delivery, str(error), transient=transient)

    async def _put_off(
        self, delivery: AbstractIncomingMessage, error: str, *, transient: bool
    ) -> None:
        """Passes a failed message on, and only then acknowledges it. If it cannot be passed on
        the session ends, and the broker takes the message back."""
        history = History.of(delivery)
        history.last_error = error
        match retry.decide(history.attempt, self._safeguards, transient=transient):
            case Requeue():
                self._metrics.messages.labels("requeued").inc()
                await delivery.nack(requeue=True)
                self._count_unacked(-1)
                return
            case Retry(attempt):
                history.attempt = attempt
                queue, label = topology.retry_queue(attempt), "retried"
            case _:
                log.event("message given up", id=delivery.message_id or "", error=error)
                queue, label = topology.DEAD_QUEUE, "dead"
        try:
            await self._publisher.publish_one(Outgoing.pass_on(delivery, queue, history))
        except PublishError as cause:
            raise SessionError(f"a failed message cannot wait: {cause}") from cause
        self._metrics.messages.labels(label).inc()
        await delivery.ack()
        self._count_unacked(-1)


def _is_outage(error: Exception) -> bool:
    """Whether what follows in the same batch cannot go better: then it need not be tried."""
    return isinstance(error, StoreError) and error.is_outage


async def _check_open(channel: AbstractChannel, tag: str) -> None:
    if channel.is_closed:
        raise SessionError("the connection ended")
    # The library forgets a consumer that the broker cancels, and tells nobody.
    if tag not in (await channel.get_underlay_channel()).consumers:
        raise SessionError("the consumer was cancelled")


async def _next_batch(
    arrivals: asyncio.Queue[AbstractIncomingMessage],
) -> list[AbstractIncomingMessage]:
    """What has arrived, after a wait for the first of it; nothing after a while."""
    batch: list[AbstractIncomingMessage] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LOOK):
            batch.append(await arrivals.get())
    while not arrivals.empty() and len(batch) < _BATCH:
        batch.append(arrivals.get_nowait())
    return batch
