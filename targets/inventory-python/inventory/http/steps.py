"""The door for those who ask for steps: each step forward and back, keyed by its order, so that
whoever asks may ask again.
"""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from inventory.domain import order as orders
from inventory.domain.event import Reason
from inventory.domain.order import Integer, Order, OrderError, Wire
from inventory.http.answers import nothing_done, problem
from inventory.safeguards import Safeguard, Safeguards
from inventory.store import steps, stock
from inventory.store.database import Database, Unit
from inventory.store.errors import CommitUnknown, StoreError
from inventory.store.steps import Found, Step

# Largest request body in bytes.
_LARGEST_BODY = 64 * 1024


class StepRequest(Wire):
    """What the service is asked for."""

    order: Order
    """The whole order, so that the service has to ask nobody."""
    epoch: Integer | None = None
    """Which start of the pipeline manager asks; what an earlier one still sends is refused."""


class _Refusal(Exception):
    """A request that is not answered with 200, and changed nothing."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def routes(database: Database, safeguards: Safeguards) -> APIRouter:
    """`/steps/{step}` and `/steps/{step}/compensate`."""
    router, service = APIRouter(), _Steps(database, safeguards)

    @router.post("/steps/{step}")
    async def forward(step: str, request: Request) -> Response:
        return await _answer(service, step, request, back=False)

    @router.post("/steps/{step}/compensate")
    async def compensate(step: str, request: Request) -> Response:
        return await _answer(service, step, request, back=True)

    return router


async def _answer(service: "_Steps", name: str, request: Request, *, back: bool) -> Response:
    try:
        step, asked = await _read(name, request)
        work = service.compensate if back else service.forward
        return JSONResponse(await work(step, asked))
    except _Refusal as refusal:
        return problem(refusal.status, str(refusal))
    except OrderError as error:
        return problem(422, str(error))
    except CommitUnknown as error:
        return problem(500, str(error))
    except StoreError as error:
        return nothing_done(str(error))


async def _read(name: str, request: Request) -> tuple[Step, StepRequest]:
    if name not in set(Step):
        raise _Refusal(404, "this service has no such step")
    try:
        asked = StepRequest.model_validate_json(await _body(request))
    except ValidationError as error:
        is_json = all(it["type"] != "json_invalid" for it in error.errors())
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        message = f"the body is not a request for a step: {where} {first['msg']}"
        raise _Refusal(422 if is_json else 400, message) from error
    orders.check(asked.order)
    return Step(name), asked


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise _Refusal(413, f"the body has more than {_LARGEST_BODY} bytes")
    return bytes(body)


class _Steps:
    def __init__(self, database: Database, safeguards: Safeguards) -> None:
        self._database = database
        self._keyed = Safeguard.IDEMPOTENCY in safeguards

    async def forward(self, step: Step, request: StepRequest) -> dict[str, str]:
        async with self._database.begin() as unit:
            await _admit(unit, request)
            refused = await self._do(unit, step, request.order)
            await unit.commit()
        if refused is None:
            return {"outcome": "done"}
        return {"outcome": "refused", "reason": refused.value}

    async def _do(self, unit: Unit, step: Step, order: Order) -> Reason | None:
        if self._keyed:
            found, refused = await steps.begin(unit, order.id, step)
            if found is Found.UNDONE:
                raise _Refusal(409, "the step was undone before it arrived")
            if found is not Found.NEW:
                return refused
        refused = await _forward(unit, step, order)
        if self._keyed:
            await steps.finish(unit, order.id, step, refused)
        return refused

    async def compensate(self, step: Step, request: StepRequest) -> dict[str, str]:
        order = request.order
        async with self._database.begin() as unit:
            await _admit(unit, request)
            is_new = await steps.undo(unit, order.id, step) if self._keyed else True
            # There is no way back through `consume`.
            if is_new and step is Step.RESERVE:
                await stock.release(unit, order)
            await unit.commit()
        return {"outcome": "undone"}


async def _forward(unit: Unit, step: Step, order: Order) -> Reason | None:
    if step is Step.RESERVE:
        return await stock.reserve(unit, order)
    await stock.consume(unit, order)
    return None


async def _admit(unit: Unit, request: StepRequest) -> None:
    """Takes requests of the newest pipeline manager only; others carry no epoch."""
    if request.epoch is not None and not await steps.is_current(unit, request.epoch):
        raise _Refusal(409, "a newer pipeline manager has taken over")
