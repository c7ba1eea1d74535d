"""What all answers have in common: how they say what went wrong, and whether anything can have
happened.
"""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from inventory.http.measure import Measured
from inventory.metrics import Metrics


def problem(status: int, message: str) -> Response:
    """An answer that says what went wrong."""
    return JSONResponse({"error": message}, status)


def nothing_done(message: str) -> Response:
    """503 for a request that has certainly changed nothing."""
    return JSONResponse({"error": message}, 503, headers={"X-Effect": "none"})


async def _refuse(_request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 404:
        return problem(404, "there is nothing at this path")
    status = error.status_code if isinstance(error, HTTPException) else 500
    return Response(status_code=status, headers=getattr(error, "headers", None))


def door(metrics: Metrics) -> FastAPI:
    """A door without any route but `/metrics`."""
    app = FastAPI(openapi_url=None, redirect_slashes=False)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_middleware(Measured, metrics=metrics)

    @app.get("/metrics")
    async def scrape() -> Response:
        return Response(metrics.render(), headers={"Content-Type": "text/plain; version=0.0.4"})

    return app
