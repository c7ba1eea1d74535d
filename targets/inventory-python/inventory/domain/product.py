"""The products on sale. Prices are known to every service, stock to the inventory alone."""

from collections.abc import Iterator
from dataclasses import dataclass

# Ordinary products: so much stock that no run can use it up.
_ORDINARY = 20
_AMPLE_STOCK = 1_000_000_000
# The one product whose stock can run out, so that selling too much would show.
_HOT_STOCK = 100
_OUT_OF_STOCK = 999


@dataclass(frozen=True, slots=True)
class Product:
    """A product as it is offered."""

    sku: str
    price: int
    """Of one piece, in cents."""
    initial: int
    """Pieces in stock when the shop opens."""


def _catalogue() -> Iterator[Product]:
    for number in range(1, _ORDINARY + 1):
        yield Product(f"SKU-{number}", 500 + 25 * number, _AMPLE_STOCK)
    yield Product("HOT-1", 1_500, _HOT_STOCK)
    for number in range(1, _OUT_OF_STOCK + 1):
        yield Product(f"OOS-{number}", 900, 0)


_BY_SKU = {product.sku: product for product in _catalogue()}


def find(sku: str) -> Product | None:
    """Finds a product by its stock keeping unit; only the plain spelling names one."""
    return _BY_SKU.get(sku)


def stocked() -> list[Product]:
    """The products that have a row in the stock table from the start."""
    others = ("HOT-1", "OOS-1")
    return [it for it in _BY_SKU.values() if it.sku.startswith("SKU-") or it.sku in others]
