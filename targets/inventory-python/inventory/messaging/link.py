"""The connection for publishing, as the rest of the process sees it: there or not there, and
dropped by anyone who finds it not working.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field

from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange

from inventory import reaction
from inventory.messaging import topology
from inventory.messaging.supervisor import SessionError, close
from inventory.metrics import Metrics
from inventory.safeguards import Safeguard, Safeguards


class NotConnected(Exception):
    """There is no connection to the broker at the moment."""

    def __init__(self) -> None:
        super().__init__("not connected to the broker")


@dataclass(slots=True)
class Open:
    """An open connection with the channel that everything is published on."""

    connection: AbstractConnection
    direct: AbstractExchange
    """Reaches every queue by its name."""
    events: AbstractExchange
    """The exchange of all events."""
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by whoever finds that it does not work: it is dropped and made anew."""


class Link:
    """The connection for publishing, whichever it is at the moment; also the session that holds
    it."""

    purpose = "publish"

    def __init__(self, metrics: Metrics, safeguards: Safeguards) -> None:
        self._connected = metrics.connected.labels(self.purpose)
        self._safeguards = safeguards
        self._open: Open | None = None
        self._there = asyncio.Event()

    def open(self) -> Open:
        """The connection of the moment."""
        if self._open is None:
            raise NotConnected
        return self._open

    async def wait(self, longest: float) -> bool:
        """Waits so many seconds for a connection; says whether there is one."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._there.wait(), longest)
        return self._there.is_set()

    async def fresh_channel(self) -> AbstractChannel:
        """A fresh channel of the same connection, for questions whose failure closes it."""
        return await self.open().connection.channel(on_return_raises=True)

    async def run(self, connection: AbstractConnection, stop: asyncio.Event) -> None:
        """Holds a connection until it fails, or until `stop`. Then what is in progress may still
        use it."""
        confirms = Safeguard.CONFIRMS in self._safeguards
        channel = await connection.channel(publisher_confirms=confirms, on_return_raises=confirms)
        audience = reaction.audience()
        events = await topology.declare_audience(channel, self._safeguards, audience)
        self._open = Open(connection, channel.default_exchange, events)
        self._there.set()
        self._connected.set(1)
        try:
            await _until_broken(channel, self._open.broken, stop)
        except SessionError:
            self._open = None
            self._there.clear()
            raise
        finally:
            self._connected.set(0)

    async def close(self) -> None:
        """Ends the connection, once nothing is in progress any more."""
        if self._open is not None:
            await close(self._open.connection)


async def _until_broken(
    channel: AbstractChannel, broken: asyncio.Event, stop: asyncio.Event
) -> None:
    """A channel ends with its connection."""
    ends = {
        asyncio.ensure_future(channel.closed()): "the connection ended",
        asyncio.ensure_future(broken.wait()): "publishing failed",
        asyncio.ensure_future(stop.wait()): None,
    }
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for end in ends:
            end.cancel()
    reasons = [ends[end] for end in done]
    if None not in reasons:
        raise SessionError(reasons[0])
