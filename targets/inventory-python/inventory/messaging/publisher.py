"""Publishing: a window of messages at a time, all confirmations awaited together and never longer
than a deadline.
"""

import asyncio
from collections.abc import Sequence

from aiormq.exceptions import DeliveryError
from aiormq.exceptions import PublishError as Returned

from inventory.messaging.link import Link, NotConnected, Open
from inventory.messaging.message import Outgoing
from inventory.metrics import Metrics

CONFIRM_DEADLINE = 5.0
"""Longest wait for confirmations, in seconds: a paused broker never sends any."""


class PublishError(Exception):
    """It is not sure that a message arrived."""

    def __init__(self, text: str, label: str) -> None:
        super().__init__(text)
        self.label = label


class Publisher:
    """Publishes on the link of this service."""

    def __init__(self, link: Link, metrics: Metrics, *, persistent: bool) -> None:
        self._link = link
        self._published = metrics.published
        self._persistent = persistent

    async def ready(self, longest: float) -> bool:
        """Waits so many seconds for a connection to publish on; says whether there is one."""
        return await self._link.wait(longest)

    async def publish(self, messages: Sequence[Outgoing]) -> list[PublishError | None]:
        """Publishes messages and says of each what keeps it from having certainly arrived."""
        try:
            link = self._link.open()
        except NotConnected as error:
            return [PublishError(str(error), "not_connected") for _ in messages]
        deadline = asyncio.get_running_loop().time() + CONFIRM_DEADLINE
        sending = (self._send(link, message, deadline) for message in messages)
        results = await asyncio.gather(*sending)
        for error in results:
            self._published.labels(error.label if error else "sent").inc()
        if any(error is not None and error.label == "unconfirmed" for error in results):
            link.broken.set()
        return results

    async def publish_one(self, message: Outgoing) -> None:
        """Publishes one message."""
        (error,) = await self.publish([message])
        if error is not None:
            raise error

    async def _send(self, link: Open, message: Outgoing, deadline: float) -> PublishError | None:
        exchange = link.events if message.history is None else link.direct
        told = message.message(persistent=self._persistent)
        try:
            async with asyncio.timeout_at(deadline):
                await exchange.publish(told, message.routing_key, mandatory=True)
        except Returned:
            return PublishError(f"no queue takes {message.routing_key}", "unroutable")
        except DeliveryError:
            return PublishError("the broker refused the message", "refused")
        except TimeoutError:
            return _unconfirmed("no answer within 5 s")
        # Whatever failed, the message may have arrived or not.
        except Exception as error:  # noqa: BLE001
            return _unconfirmed(str(error) or type(error).__name__)
        return None


def _unconfirmed(reason: str) -> PublishError:
    return PublishError(f"the message was not confirmed: {reason}", "unconfirmed")
