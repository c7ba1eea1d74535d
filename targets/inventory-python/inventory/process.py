"""How the parts are put together, and how the process begins and ends. What differs between the
architectures is in `_parts`: whether steps are asked for by HTTP or follow from messages.
"""

import asyncio
import os
import random
from collections.abc import Sequence

import uvloop

from inventory import log, safeguards
from inventory.ending import Ending
from inventory.http import admin, answers, catalog, health, server, steps
from inventory.http.health import Readiness
from inventory.http.server import PortError
from inventory.messaging.broker import Broker
from inventory.metrics import Metrics
from inventory.settings import Settings, Wiring
from inventory.store.audit import Table
from inventory.store.database import Database
from inventory.store.errors import StoreError
from inventory.store.schema import Part, lay_out

# Connections to the database, where messages do the work and where requests do.
_CONNECTIONS_OF_BROKER = 6
_CONNECTIONS = 8
# Pause between two attempts to lay out the tables, in seconds.
_LAYOUT_PAUSE = (0.1, 0.5)


def run_until_signal(settings: Settings) -> int:
    """Runs the service; returns the exit code."""
    log.catch_libraries()
    try:
        uvloop.run(_run(settings))
    except PortError as error:
        log.event("failed", role="inventory", error=error)
        return 1
    return 0


async def _run(settings: Settings) -> None:
    ending = Ending()
    ending.begin_on_signal()
    log.event("started", role="inventory", safeguards=safeguards.names(settings.safeguards))
    work = asyncio.create_task(_serve(settings, ending))
    overdue = asyncio.create_task(ending.overdue.wait())
    await asyncio.wait({work, overdue}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        log.event("stopped with work in progress", role="inventory")
        # Whatever hangs must not hang the end as well.
        os._exit(0)
    overdue.cancel()
    await work
    log.event("stopped", role="inventory")


def _parts(wiring: Wiring) -> tuple[Sequence[Part], Sequence[Table]]:
    if wiring is Wiring.BROKER:
        return (Part.MESSAGES, Part.STOCK), (Table.STOCK, Table.RESERVATIONS, Table.MESSAGES)
    return (Part.STEPS, Part.STOCK), (Table.STOCK, Table.RESERVATIONS, Table.STEPS)


async def _serve(settings: Settings, ending: Ending) -> None:
    """Opens both ports at once and lays out the tables as soon as the database is there: a
    process is alive before it is ready."""
    listeners = server.listen(settings.public_port), server.listen(settings.admin_port)
    metrics, by_message = Metrics(), settings.wiring is Wiring.BROKER
    connections = _CONNECTIONS_OF_BROKER if by_message else _CONNECTIONS
    database = await Database.prepare(settings.database_url, connections)
    broker = Broker(settings, database, metrics) if by_message else None
    parts, tables = _parts(settings.wiring)
    readiness = Readiness(database, broker, ending)
    public, operators = answers.door(metrics), answers.door(metrics)
    public.include_router(catalog.routes(database))
    if not by_message:
        public.include_router(steps.routes(database, settings.safeguards))
    operators.include_router(admin.routes(database, broker, tables))
    for door in (public, operators):
        door.include_router(health.routes(readiness))
    laying_out = asyncio.create_task(_keep_laying_out(database, parts, readiness))
    messaging = asyncio.create_task(broker.run(ending.stop)) if broker else None
    await asyncio.gather(
        server.serve(listeners[0], public, ending.stop),
        server.serve(listeners[1], operators, ending.stop),
    )
    laying_out.cancel()
    if messaging is not None:
        await messaging
    database.drop()


async def _keep_laying_out(
    database: Database, parts: Sequence[Part], readiness: Readiness
) -> None:
    failing = False
    while not readiness.laid_out:
        try:
            await lay_out(database, parts)
        except StoreError as error:
            if not failing:
                log.event("tables not laid out yet", error=error)
            failing = True
            await asyncio.sleep(random.uniform(*_LAYOUT_PAUSE))
        else:
            readiness.laid_out = True
    log.event("tables laid out")
