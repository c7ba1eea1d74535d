"""Messages that were given up: looked at without taking them, and sent again on request."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from inventory.messaging.link import Link
from inventory.messaging.message import History, Outgoing
from inventory.messaging.publisher import Publisher
from inventory.messaging.topology import DEAD_QUEUE, WORK_QUEUE

# Sending a message again more often than this is taken for a loop.
_MOST_REDRIVES = 3
# Longest wait for messages that were only looked at to be back in their queue, in seconds.
_RETURN_DEADLINE = 1.0
# Pause between two looks, in seconds.
_RETURN_POLL = 0.01


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row of the audit; the fields stand in the sequence in which they are written."""

    table: str
    id: str
    order: str
    """Empty where it cannot be read."""
    queue: str
    reason: str
    attempts: int

    def line(self) -> bytes:
        """The row as it is sent."""
        text = json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))
        return text.encode() + b"\n"

    @classmethod
    def of(cls, delivery: AbstractIncomingMessage) -> "DeadLetter":
        """The row of a delivery."""
        history = History.of(delivery)
        return cls(
            table="dead",
            id=delivery.message_id or "",
            order=_order_of(delivery.body),
            queue=DEAD_QUEUE,
            # The broker itself leaves no reason when it gives a message up.
            reason=history.last_error or "delivery limit",
            attempts=history.attempt,
        )


def _order_of(body: bytes) -> str:
    try:
        order = json.loads(body)["order"]["id"]
    except (ValueError, TypeError, LookupError):
        return ""
    return order if isinstance(order, str) else ""


async def look(link: Link) -> list[DeadLetter]:
    """Looks at all dead letters. They are taken without an acknowledgement and go back when the
    channel closes."""
    channel = await link.fresh_channel()
    try:
        letters = await _take_all(channel)
    finally:
        await channel.close()
    await _await_return(link, len(letters))
    return [DeadLetter.of(letter) for letter in letters]


async def redrive(link: Link, publisher: Publisher) -> dict[str, int]:
    """Sends all dead letters through the service once more, with their original ids."""
    channel = await link.fresh_channel()
    try:
        letters = await _take_all(channel)
        redriven = await _send_again(publisher, letters)
    finally:
        # Closing returns what was not acknowledged.
        await channel.close()
    refused = len(letters) - redriven
    await _await_return(link, refused)
    return {"redriven": redriven, "refused": refused}


async def _send_again(publisher: Publisher, letters: Sequence[AbstractIncomingMessage]) -> int:
    sent = 0
    for letter in letters:
        history = History.of(letter)
        if history.redrives >= _MOST_REDRIVES:
            continue
        history.redrives += 1
        history.attempt = 0
        await publisher.publish_one(Outgoing.pass_on(letter, WORK_QUEUE, history))
        await letter.ack()
        sent += 1
    return sent


async def _take_all(channel: AbstractChannel) -> list[AbstractIncomingMessage]:
    """Takes as many messages as were there at the start: those that come meanwhile are left."""
    queue = await channel.get_queue(DEAD_QUEUE, ensure=False)
    letters: list[AbstractIncomingMessage] = []
    for _ in range(await count(channel, DEAD_QUEUE)):
        letter = await queue.get(fail=False)
        if letter is None:
            break
        letters.append(letter)
    return letters


async def count(channel: AbstractChannel, queue: str) -> int:
    """The messages that are ready in a queue."""
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def _await_return(link: Link, taken: int) -> None:
    """The broker puts messages back after it has closed their channel, not before: waits until
    they are there again, so that whoever looks next sees them."""
    channel = await link.fresh_channel()
    deadline = asyncio.get_running_loop().time() + _RETURN_DEADLINE
    try:
        while await count(channel, DEAD_QUEUE) < taken:
            if asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(_RETURN_POLL)
    finally:
        await channel.close()
