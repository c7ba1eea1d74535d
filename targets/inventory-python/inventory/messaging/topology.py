"""Exchange, queues and bindings: what exists in the broker and under which names. The broker itself
refuses a declaration that differs from what the other implementation has declared.

`q.<service>` takes the events of a service, `retry.<service>.<n>` hold a failed message for a while
and give it back by themselves, `dlq.<service>` keeps what was given up.
"""

from collections.abc import Iterable, Mapping

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractExchange

from inventory.safeguards import Safeguard, Safeguards

EXCHANGE = "shop"
"""The exchange of all events."""
WORK_QUEUE = "q.inventory"
"""The queue of the inventory's own events."""
DEAD_QUEUE = "dlq.inventory"
"""What of them was given up."""
RETRY_DELAYS = (200, 1_000, 5_000, 15_000)
"""How long a message waits before each of its retries, in milliseconds."""

# The exchange that reaches every queue by its name.
_DIRECT = ""
# Deliveries without an acknowledgement after which the broker itself gives a message up: the
# backstop against a message that kills its consumer every time.
_DELIVERY_LIMIT = 20

type Arguments = dict[str, str | int]


def retry_queue(attempt: int) -> str:
    """The queue in which messages wait for their retry number `attempt`, from 1."""
    return f"retry.inventory.{attempt}"


def retry_queues() -> list[str]:
    """All retry queues."""
    return [retry_queue(attempt) for attempt in range(1, len(RETRY_DELAYS) + 1)]


async def declare_audience(
    channel: AbstractChannel, safeguards: Safeguards, audience: Mapping[str, Iterable[str]]
) -> AbstractExchange:
    """Declares what has to be there before anything is published: the exchange, and the queues of
    those services that have to hear of it, with their routing keys. An exchange drops a message
    for whoever has no queue yet, and the broker confirms it as long as anybody else took it."""
    exchange = await _declare_exchange(channel)
    for service, keys in audience.items():
        await _declare_work_queue(channel, exchange, service, safeguards, keys)
    return exchange


async def declare(channel: AbstractChannel, safeguards: Safeguards, keys: Iterable[str]) -> None:
    """Declares everything of the service; what exists already is left as it is."""
    exchange = await _declare_exchange(channel)
    await _declare_work_queue(channel, exchange, "inventory", safeguards, keys)
    for queue, delay in zip(retry_queues(), RETRY_DELAYS):
        arguments = _retry(safeguards, delay)
        await channel.declare_queue(queue, durable=True, arguments=arguments)


async def _declare_exchange(channel: AbstractChannel) -> AbstractExchange:
    return await channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True)


async def _declare_work_queue(
    channel: AbstractChannel,
    exchange: AbstractExchange,
    service: str,
    safeguards: Safeguards,
    keys: Iterable[str],
) -> None:
    # Where a message is passed on to has to exist before it.
    dead = f"dlq.{service}"
    await channel.declare_queue(dead, durable=True, arguments=_dead(safeguards))
    arguments = _work(safeguards, dead)
    work = await channel.declare_queue(f"q.{service}", durable=True, arguments=arguments)
    for key in keys:
        await work.bind(exchange, key)


def _work(safeguards: Safeguards, dead: str) -> Arguments:
    arguments = _base(safeguards)
    if {Safeguard.DEAD_LETTERS, Safeguard.DURABLE_QUEUES} <= safeguards:
        arguments |= {"x-delivery-limit": _DELIVERY_LIMIT} | _pass_on_to(dead)
    return arguments


def _retry(safeguards: Safeguards, delay: int) -> Arguments:
    arguments = _base(safeguards) | {"x-message-ttl": delay} | _pass_on_to(WORK_QUEUE)
    if Safeguard.DURABLE_QUEUES not in safeguards:
        # Classic queues know neither of them.
        del arguments["x-dead-letter-strategy"], arguments["x-overflow"]
    return arguments


def _dead(safeguards: Safeguards) -> Arguments:
    arguments = _base(safeguards)
    if Safeguard.DURABLE_QUEUES in safeguards:
        # Looking at dead letters returns them, which counts as a delivery: never give one up.
        arguments["x-delivery-limit"] = -1
    return arguments


def _base(safeguards: Safeguards) -> Arguments:
    durable = Safeguard.DURABLE_QUEUES in safeguards
    return {"x-queue-type": "quorum" if durable else "classic"}


def _pass_on_to(queue: str) -> Arguments:
    """A message leaves a queue only when it has arrived in the next one."""
    return {
        "x-dead-letter-exchange": _DIRECT,
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
