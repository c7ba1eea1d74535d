"""Serves one door on one port until the process stops, then lets requests in progress finish."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

# Idle connections are left to the other side: whoever closes one that is about to be used again
# makes a request fail. In seconds.
_KEEP_ALIVE = 3600
# Connections that may wait to be accepted.
_BACKLOG = 1024


class PortError(Exception):
    """A port could not be had."""


class _Server(uvicorn.Server):
    """The process handles signals itself, once for both doors."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(port: int) -> socket.socket:
    """Takes a port, before anything else is begun."""
    try:
        return socket.create_server(("0.0.0.0", port), backlog=_BACKLOG)
    except OSError as error:
        raise PortError(f"port {port} cannot be used: {error}") from error


async def serve(listener: socket.socket, app: ASGIApp, stop: asyncio.Event) -> None:
    """Serves until `stop`."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await serving
