"""A message as it travels: an event, its fixed id, and headers that count what happened to it.

The counters are headers of our own: those that begin with `x-` belong to the broker, which resets
or ignores them when a client sends them.
"""

from dataclasses import dataclass
from typing import Self

from aio_pika import DeliveryMode, Message
from aio_pika.abc import AbstractIncomingMessage
from pamqp.common import FieldTable

from inventory.domain.event import Event
from inventory.log import now_micros

_ATTEMPT = "attempt"
_FIRST_SEEN = "first-seen"
_LAST_ERROR = "last-error"
_REDRIVES = "redrives"

# Longest text of an error that is carried along, in bytes.
_LONGEST_ERROR = 200


@dataclass(slots=True)
class History:
    """What happened to a message so far."""

    attempt: int
    """Retries so far."""
    first_seen: int
    """Time of its first failure in unix microseconds."""
    last_error: str
    """The latest failure."""
    redrives: int
    """How often it was sent again after it had been given up."""

    @classmethod
    def of(cls, delivery: AbstractIncomingMessage) -> Self:
        """Reads the headers of a delivery; a fresh message has none."""

        def number(name: str, default: int) -> int:
            value = delivery.headers.get(name)
            return value if isinstance(value, int) else default

        last_error = delivery.headers.get(_LAST_ERROR)
        return cls(
            attempt=max(number(_ATTEMPT, 0), 0),
            first_seen=number(_FIRST_SEEN, now_micros()),
            last_error=last_error if isinstance(last_error, str) else "",
            redrives=max(number(_REDRIVES, 0), 0),
        )

    def headers(self) -> FieldTable:
        """The headers that carry it; an error is cut between characters."""
        error = self.last_error.encode()[:_LONGEST_ERROR].decode(errors="ignore")
        return {
            _ATTEMPT: self.attempt,
            _FIRST_SEEN: self.first_seen,
            _LAST_ERROR: error,
            _REDRIVES: self.redrives,
        }


@dataclass(slots=True)
class Outgoing:
    """A message on its way out. It is always a failure when no queue takes it."""

    routing_key: str
    """Of an event, or the name of a queue where there is a history."""
    id: str
    body: bytes
    history: History | None = None

    @classmethod
    def event(cls, event: Event, message_id: str) -> Self:
        """An event for whoever listens."""
        return cls(event.routing_key, message_id, event.model_dump_json().encode())

    @classmethod
    def pass_on(cls, delivery: AbstractIncomingMessage, queue: str, history: History) -> Self:
        """A delivery that goes on to another queue, with the same id and body."""
        return cls(queue, delivery.message_id or "", delivery.body, history)

    def message(self, *, persistent: bool) -> Message:
        """What the library sends."""
        return Message(
            self.body,
            headers=self.history.headers() if self.history else None,
            content_type="application/json",
            delivery_mode=DeliveryMode.PERSISTENT if persistent else DeliveryMode.NOT_PERSISTENT,
            message_id=self.id,
        )
