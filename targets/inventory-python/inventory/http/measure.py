"""Counts and times every request by its route."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inventory.metrics import Metrics


class Measured:
    """Stands around the whole door."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun = time.perf_counter()
        try:
            await self._app(scope, receive, note)
        finally:
            # Known once the router has seen the request.
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - begun)
            self._metrics.requests.labels(route, str(status)).inc()
