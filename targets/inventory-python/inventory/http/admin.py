"""What operators and auditors see: the final state, the work that is still waiting, and the dead
letters. Never reached through the proxy.
"""

import asyncio
from collections.abc import Sequence

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from inventory.http.answers import nothing_done, problem
from inventory.messaging.broker import Broker, BrokerError
from inventory.messaging.dead_letter import DeadLetter
from inventory.store import audit
from inventory.store.audit import Table
from inventory.store.database import Database
from inventory.store.errors import StoreError

# Longest duration of one audit, reader included, in seconds.
_STREAM_DEADLINE = 60.0
# The kinds of work that every service tells of, so that a missing one is told from none.
_PENDING = (
    "outbox", "inbox", "retry", "dead", "ready", "unacked", "pipelines", "todos", "open",
)  # fmt: skip


class _Lines(StreamingResponse):
    media_type = "application/x-ndjson"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(_STREAM_DEADLINE):
            await super().__call__(scope, receive, send)


def routes(database: Database, broker: Broker | None, tables: Sequence[Table]) -> APIRouter:
    """The routes of the admin port."""
    router, by_title = APIRouter(), {table.title: table for table in tables}

    async def stream(chosen: Sequence[Table], *, with_dead: bool) -> Response:
        try:
            dead = await broker.dead() if broker is not None and with_dead else []
        except BrokerError as error:
            return nothing_done(f"the dead letters cannot be read: {error}")
        snapshot = database.snapshot()
        try:
            await snapshot.open()
        except StoreError as error:
            return nothing_done(str(error))
        return _Lines(audit.lines(snapshot, chosen, b"".join(map(DeadLetter.line, dead))))

    @router.get("/audit")
    async def audit_all() -> Response:
        return await stream(tables, with_dead=True)

    @router.get("/audit/pending")
    async def pending() -> Response:
        counts: dict[str, int | bool] = dict.fromkeys(_PENDING, 0)
        try:
            counts |= await broker.pending() if broker is not None else {}
        except StoreError as error:
            return nothing_done(str(error))
        return JSONResponse(counts)

    @router.get("/audit/{table}")
    async def audit_one(table: str) -> Response:
        if table == "dead":
            return await stream((), with_dead=True)
        if table not in by_title:
            return problem(404, "this service owns no such table")
        return await stream((by_title[table],), with_dead=False)

    @router.post("/dead/redrive")
    async def redrive() -> Response:
        if broker is None:
            return JSONResponse({"redriven": 0, "refused": 0})
        try:
            return JSONResponse(await broker.redrive())
        except BrokerError as error:
            return problem(503, str(error))

    return router
