"""The messaging of the service as the rest of the process sees it: kept going until the end, asked
whether it works, and counted.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aio_pika import Message

from inventory.messaging import dead_letter, integers, topology
from inventory.messaging.consumer import Consumer
from inventory.messaging.dead_letter import DeadLetter
from inventory.messaging.handling import Handling
from inventory.messaging.link import Link
from inventory.messaging.outbox import Outbox
from inventory.messaging.publisher import Publisher
from inventory.messaging.supervisor import supervise
from inventory.metrics import Metrics
from inventory.safeguards import Safeguard
from inventory.settings import Settings
from inventory.store.database import Database

# A broker that takes longer than this many seconds to tell its depths counts as unreachable.
_DEPTH_DEADLINE = 1.0


class BrokerError(Exception):
    """Something that needs the broker failed."""


@dataclass(slots=True)
class _Depths:
    """Messages by where they are, as the broker said last."""

    ready: int = 0
    retry: int = 0
    dead: int = 0


class Broker:
    """The connections, the relay of the outbox and the consumer."""

    def __init__(self, settings: Settings, database: Database, metrics: Metrics) -> None:
        integers.write_wide()
        on = settings.safeguards
        self._url = settings.amqp_url
        self._link = Link(metrics, on)
        persistent = Safeguard.DURABLE_QUEUES in on
        self._publisher = Publisher(self._link, metrics, persistent=persistent)
        self._outbox = Outbox(database, self._publisher, on)
        handling = Handling(database, self._outbox, metrics, on)
        self._consumer = Consumer(handling, self._publisher, metrics, on)
        self._depths = _Depths()

    async def run(self, stop: asyncio.Event) -> None:
        """Keeps everything going until `stop`, and lets it finish then."""
        await asyncio.gather(
            supervise(self._link, self._url, stop),
            supervise(self._consumer, self._url, stop),
            self._outbox.relay(stop),
        )
        await self._link.close()

    async def probe(self) -> str:
        """Whether messages really pass: the consumer runs, and a message published to a private
        queue is confirmed and comes back. A broker that has just started accepts connections
        well before it can do that. Returns `ok` or what is wrong."""
        if not self._consumer.running:
            return "the consumer is not running"
        try:
            return await self._asked(self._round_trip)
        except BrokerError as error:
            return str(error)

    async def pending(self) -> dict[str, int | bool]:
        """How much waits, by kind. While the broker is away what lies in its queues has not
        changed, so its last answer is given."""
        reachable = True
        try:
            async with asyncio.timeout(_DEPTH_DEADLINE):
                self._depths = await self._asked(self._ask_depths)
        except (BrokerError, TimeoutError):
            reachable = False
        return {
            "outbox": await self._outbox.count_unsent(),
            "retry": self._depths.retry,
            "dead": self._depths.dead,
            "ready": self._depths.ready,
            "unacked": self._consumer.unacked,
            "broker_reachable": reachable,
        }

    async def dead(self) -> list[DeadLetter]:
        """What was set aside, left where it is."""
        return await self._asked(lambda: dead_letter.look(self._link))

    async def redrive(self) -> dict[str, int]:
        """Tries what was set aside once more."""
        return await self._asked(lambda: dead_letter.redrive(self._link, self._publisher))

    async def _asked[T](self, question: Callable[[], Awaitable[T]]) -> T:
        try:
            return await question()
        except TimeoutError:
            raise
        # The library has no common parent for what can go wrong on a connection.
        except Exception as error:  # noqa: BLE001
            raise BrokerError(str(error) or type(error).__name__) from error

    async def _ask_depths(self) -> _Depths:
        channel = await self._link.fresh_channel()
        try:
            ready = await dead_letter.count(channel, topology.WORK_QUEUE)
            queues = topology.retry_queues()
            retry = sum([await dead_letter.count(channel, queue) for queue in queues])
            dead = await dead_letter.count(channel, topology.DEAD_QUEUE)
        finally:
            await channel.close()
        return _Depths(ready, retry, dead)

    async def _round_trip(self) -> str:
        channel = await self._link.fresh_channel()
        try:
            queue = await channel.declare_queue(exclusive=True, auto_delete=True)
            await channel.default_exchange.publish(Message(b"probe"), queue.name)
            back = await queue.get(no_ack=True, fail=False)
            await queue.delete()
        finally:
            await channel.close()
        return "ok" if back else "a confirmed message did not come back from its private queue"
