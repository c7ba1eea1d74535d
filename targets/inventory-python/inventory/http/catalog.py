"""What customers see of the inventory: products, with what is free of them."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from inventory.http.answers import nothing_done, problem
from inventory.store import stock
from inventory.store.database import Database
from inventory.store.errors import StoreError


def routes(database: Database) -> APIRouter:
    """`/catalog/{sku}`."""
    router = APIRouter()

    @router.api_route("/catalog/{sku}", methods=["GET", "HEAD"])
    async def catalog(sku: str) -> Response:
        try:
            offer = await stock.offer(database, sku)
        except StoreError as error:
            return nothing_done(str(error))
        if offer is None:
            return problem(404, "there is no product with this sku")
        product, available = offer
        return JSONResponse({"available": available, "price": product.price, "sku": product.sku})

    return router
