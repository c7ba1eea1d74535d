"""An order as other services send it, and the rules that it must keep before anything is stored."""

import json
import re
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from inventory.domain import product

# Bounds of a request: generous for people, small enough that no sum can overflow.
_LONGEST_TEXT = 128
_LONGEST_ID = 64
_MOST_ITEMS = 20
_MOST_PIECES = 1_000

_ID = re.compile(rf"[A-Za-z0-9._-]{{1,{_LONGEST_ID}}}")

Integer = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
"""What a column of the database can hold."""


class Wire(BaseModel):
    """Something that travels as JSON. Nothing is converted: `"1"` and `1.0` are no integers."""

    model_config = ConfigDict(strict=True, frozen=True)


class Kind(StrEnum):
    """Which steps an order goes through."""

    STANDARD = "standard"
    PICKUP = "pickup"
    DIGITAL = "digital"

    @property
    def needs_stock(self) -> bool:
        """Whether goods have to be set aside."""
        return self is not Kind.DIGITAL


class Item(Wire):
    """Some pieces of one product."""

    sku: str
    quantity: Integer


class Order(Wire):
    """An order. The fields stand in the sequence in which they travel."""

    id: str
    kind: Kind
    customer: str
    items: tuple[Item, ...]
    """Sorted by product: also the order in which stock rows are locked."""
    card: str
    address: str
    amount: Integer
    """What it costs, in cents."""

    @property
    def skus(self) -> list[str]:
        """The products."""
        return [item.sku for item in self.items]

    @property
    def quantities(self) -> list[int]:
        """The pieces of each product."""
        return [item.quantity for item in self.items]


class OrderError(Exception):
    """A field of an order breaks a rule. Nothing has been changed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")


def check(order: Order) -> None:
    """Checks every rule of an order that another service has sent."""
    if not _ID.fullmatch(order.id):
        problem = f"must be 1 to {_LONGEST_ID} letters, digits, `-`, `_` or `.`"
        raise OrderError("order_id", problem)
    _check_text("customer", order.customer, may_be_empty=False)
    _check_text("card", order.card, may_be_empty=False)
    _check_text("address", order.address, may_be_empty=order.kind is not Kind.STANDARD)
    pieces = _merge(order.items)
    amount = sum(_price(sku) * quantity for sku, quantity in pieces)
    if pieces != list(zip(order.skus, order.quantities)) or amount != order.amount:
        raise OrderError("items", "must be sorted by sku, and amount what they cost")


def _check_text(field: str, text: str, *, may_be_empty: bool) -> None:
    # A NUL is legal in JSON, but no text column can hold it.
    fits = len(text.encode()) <= _LONGEST_TEXT and "\0" not in text
    if not fits or (not text and not may_be_empty):
        raise OrderError(field, f"must be 1 to {_LONGEST_TEXT} bytes of text")


def _merge(items: tuple[Item, ...]) -> list[tuple[str, int]]:
    """Adds up items of the same product and sorts by product, by bytes as the database does."""
    if not 1 <= len(items) <= _MOST_ITEMS:
        raise OrderError("items", f"must be 1 to {_MOST_ITEMS} items")
    pieces: dict[str, int] = {}
    for position, item in enumerate(items):
        pieces[item.sku] = pieces.get(item.sku, 0) + item.quantity
        if item.quantity < 1 or pieces[item.sku] > _MOST_PIECES:
            problem = f"must be 1 to {_MOST_PIECES} pieces"
            raise OrderError(f"items[{position}].quantity", problem)
    return sorted(pieces.items(), key=lambda piece: piece[0].encode())


def _price(sku: str) -> int:
    known = product.find(sku)
    if known is None:
        name = json.dumps(sku[:_LONGEST_ID], ensure_ascii=False)[1:-1]
        raise OrderError("items", f"name the unknown sku `{name}`")
    return known.price
