"""Keeps a connection to the broker: connect, work, and after any error drop the connection and
start again. A client library that repairs a connection in place leaves it unclear which
confirmations and acknowledgements still hold; a new connection has none.
"""

import asyncio
import contextlib
import random
from typing import Protocol

import aio_pika
import aiormq.connection
from aio_pika.abc import AbstractConnection

from inventory import log

# Shortest and longest pause between two attempts, in seconds: spread evenly, so that services that
# lost the broker together do not come back together.
_PAUSE = (0.1, 1.0)
# Longest time for a connection to be opened and logged in, in seconds: a paused broker accepts
# connections and never says a word.
_CONNECT_DEADLINE = 2.0
# Longest time to end a connection politely, in seconds.
_CLOSE_DEADLINE = 0.5
# Seconds after which a silent peer is asked for a sign of life.
_HEARTBEAT = 5

# A peer counts as gone after two heartbeats; the library's own three are 18 s.
aiormq.connection.Connection.HEARTBEAT_GRACE_MULTIPLIER = 2


class SessionError(Exception):
    """Work on a connection ended, and a fresh one is needed."""


class Session(Protocol):
    """Work on one connection."""

    purpose: str
    """What the connection is for, in logs."""

    async def run(self, connection: AbstractConnection, stop: asyncio.Event) -> None:
        """Works until the connection fails (an exception) or `stop` (none)."""


async def supervise(session: Session, url: str, stop: asyncio.Event) -> None:
    """Runs sessions one after the other until `stop`."""
    failures = 0
    while not stop.is_set():
        try:
            connection = await _connect(url)
            log.event("broker connected", purpose=session.purpose, failures=failures)
            failures = 0
            try:
                await session.run(connection, stop)
            except BaseException:
                await close(connection)
                raise
        # Whatever it was: the next connection starts from nothing.
        except Exception as error:  # noqa: BLE001
            # An outage is two lines: when it began and when it ended.
            if failures == 0:
                told = str(error) or type(error).__name__
                log.event("broker connection lost", purpose=session.purpose, error=told)
            failures += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), random.uniform(*_PAUSE))


async def close(connection: AbstractConnection) -> None:
    """Ends a connection, politely where the other side plays along."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(connection.close(), _CLOSE_DEADLINE)


async def _connect(url: str) -> AbstractConnection:
    separator = "&" if "?" in url else "?"
    url = f"{url}{separator}heartbeat={_HEARTBEAT}"
    try:
        async with asyncio.timeout(_CONNECT_DEADLINE):
            return await aio_pika.connect(url)
    except TimeoutError:
        told = f"the broker did not answer within {_CONNECT_DEADLINE:g} s"
        raise SessionError(told) from None
