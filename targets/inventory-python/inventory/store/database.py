"""Connections, and units of work on one connection with one deadline each.

A unit that ends without its commit throws its connection away, and the server rolls back when the
connection closes. So whatever happens on the way (an error, a deadline, a cancelled task), nothing
of an unfinished unit can stay, and no connection of unknown state is used again.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable
from types import TracebackType
from typing import Any, Self

import asyncpg

from inventory.store.errors import CommitUnknown, Silent, StoreError, Undone, Unreachable

# Longest wait for a connection, in seconds: for a free one of the pool, and to open one, name
# lookup and login included.
_CONNECTION_DEADLINE = 1.0
# Longest duration of an ordinary transaction or read: well within a client's patience.
_WORK_DEADLINE = 3.0
# Longest duration of reading a whole snapshot for an audit.
_SNAPSHOT_DEADLINE = 60.0
# Rows of a stream that are fetched at once.
_ROWS_AHEAD = 500


async def _as_it_is(_connection: asyncpg.Connection) -> None:
    """Units leave nothing behind on a connection, so nothing has to be reset, which would cost
    a question to the server each time."""


class Database:
    """A handle on the service's own database."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @classmethod
    async def prepare(cls, url: str, size: int) -> Self:
        """Prepares a pool of at most `size` connections; none is opened yet."""
        pool = await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=size,
            max_queries=sys.maxsize,
            max_inactive_connection_lifetime=0,
            reset=_as_it_is,
            timeout=_CONNECTION_DEADLINE,
            ssl=False,
        )
        return cls(pool)

    def begin(self, longest: float = _WORK_DEADLINE) -> "Unit":
        """A transaction of at most so many seconds."""
        return Unit(self._pool, "BEGIN", longest)

    def snapshot(self) -> "Unit":
        """A read of one consistent picture of all tables."""
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        return Unit(self._pool, begin, _SNAPSHOT_DEADLINE)

    async def rows(self, sql: str, *parameters: Any) -> list[asyncpg.Record]:
        """Reads rows with one statement, outside of any transaction."""
        async with Unit(self._pool, None, _WORK_DEADLINE) as unit:
            rows = await unit.rows(sql, *parameters)
            await unit.give_back()
        return rows

    def drop(self) -> None:
        """Closes all connections at once."""
        self._pool.terminate()


class Unit:
    """A transaction in progress."""

    def __init__(self, pool: asyncpg.Pool, begin: str | None, longest: float) -> None:
        self._pool = pool
        self._begin = begin
        self._longest = longest
        self._connection: Any = None
        self._deadline = 0.0

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.throw_away()

    async def open(self) -> None:
        """Takes a connection and begins."""
        try:
            self._connection = await self._pool.acquire(timeout=_CONNECTION_DEADLINE)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Unreachable(error) from error
        self._deadline = asyncio.get_running_loop().time() + self._longest
        if self._begin is None:
            return
        try:
            await self.batch(self._begin)
        except BaseException:
            self.throw_away()
            raise

    async def rows(self, sql: str, *parameters: Any) -> list[asyncpg.Record]:
        """Runs a statement and returns its rows."""
        return await self._within(self._connection.fetch(sql, *parameters))

    async def execute(self, sql: str, *parameters: Any) -> None:
        """Runs a statement whose rows do not matter."""
        await self._within(self._connection.execute(sql, *parameters))

    async def batch(self, sql: str) -> None:
        """Runs several statements without parameters."""
        await self._within(self._connection.execute(sql))

    async def stream(self, sql: str) -> AsyncIterator[asyncpg.Record]:
        """Runs a statement whose rows are read bit by bit."""
        await self.batch(f"DECLARE stream NO SCROLL CURSOR FOR {sql}")
        while rows := await self.rows(f"FETCH {_ROWS_AHEAD} FROM stream"):
            for row in rows:
                yield row
        await self.batch("CLOSE stream")

    async def commit(self) -> None:
        """Commits. An error means that nobody knows whether the transaction took place."""
        try:
            await self.batch("COMMIT")
        except StoreError as error:
            raise CommitUnknown(error) from error
        await self.give_back()

    async def give_back(self) -> None:
        """Returns the connection to the pool for the next one."""
        connection, self._connection = self._connection, None
        await self._pool.release(connection)

    def throw_away(self) -> None:
        """Closes the connection, unless it was given back; the server rolls back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def __del__(self) -> None:
        # An answer whose reader leaves before its first byte never ends its unit.
        self.throw_away()

    async def _within[T](self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout_at(self._deadline):
                return await work
        except TimeoutError as error:
            raise Silent from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise Undone(error) from error
