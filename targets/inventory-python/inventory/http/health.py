"""Alive is not able to work: `/healthz` answers whenever the process runs, `/readyz` tries every
dependency for real.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from inventory.ending import Ending
from inventory.messaging.broker import Broker
from inventory.store.database import Database
from inventory.store.errors import StoreError

# A dependency that takes longer than this many seconds to answer does not work.
_CHECK_DEADLINE = 1.0


@dataclass(slots=True)
class Readiness:
    """What the process depends on."""

    database: Database
    broker: Broker | None
    ending: Ending
    laid_out: bool = False
    """Set once the tables are laid out."""

    async def check(self) -> dict[str, str]:
        """Tries every dependency and tells what each said: `ok` or what is wrong."""
        said = {"database": await _bounded(self._check_database())}
        if self.broker is not None:
            said["broker"] = await _bounded(self.broker.probe())
        return said

    async def _check_database(self) -> str:
        if not self.laid_out:
            return "the tables are not laid out yet"
        try:
            await self.database.rows("SELECT 1")
        except StoreError as error:
            return str(error)
        return "ok"


async def _bounded(check: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(_CHECK_DEADLINE):
            return await check
    except TimeoutError:
        return "no answer within 1 s"


def routes(readiness: Readiness) -> APIRouter:
    """`/healthz` and `/readyz`."""
    router = APIRouter()

    @router.api_route("/healthz", methods=["GET", "HEAD"])
    async def alive() -> Response:
        # A process that is about to leave says so while it still serves, so that the proxy sends
        # new requests elsewhere.
        stopping = readiness.ending.announced.is_set()
        return JSONResponse({"alive": True, "stopping": stopping}, 503 if stopping else 200)

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    async def ready() -> Response:
        said = await readiness.check()
        able = all(it == "ok" for it in said.values())
        return JSONResponse({"ready": able, "dependencies": said}, 200 if able else 503)

    return router
