"""What becomes of a message that could not be handled.

It is never sent straight back to its queue: it would come again at once, before anything can have
healed, and hold up everything behind it. It waits in a retry queue instead, longer each time, and
is set aside after the last attempt.
"""

from dataclasses import dataclass

from inventory.messaging import topology
from inventory.safeguards import Safeguard, Safeguards


@dataclass(frozen=True, slots=True)
class Retry:
    """To the retry queue with this number, from 1."""

    attempt: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """To the dead letters."""


@dataclass(frozen=True, slots=True)
class Requeue:
    """Straight back to its queue."""


def decide(
    attempt: int, safeguards: Safeguards, *, transient: bool
) -> Retry | GiveUp | Requeue:
    """Decides by the kind of failure, the retries so far, and the safeguards."""
    may_wait = transient and attempt < len(topology.RETRY_DELAYS)
    if may_wait and Safeguard.RETRY_QUEUES in safeguards:
        return Retry(attempt + 1)
    if may_wait or Safeguard.DEAD_LETTERS not in safeguards:
        return Requeue()
    return GiveUp()
