"""The protections against faults, each with one switch and asked at exactly one place. Modes are
named sets of switches, the same as in every other part of the application.
"""

from enum import Enum


class SafeguardError(Exception):
    """The choice of safeguards makes no sense."""


class Safeguard(Enum):
    """One protection that can be switched off. Those that protect other services than this one
    are known by name, because all services get the same environment."""

    IDEMPOTENCY = "IDEMPOTENCY"
    OUTBOX = "OUTBOX"
    CONFIRMS = "CONFIRMS"
    INBOX = "INBOX"
    RETRY_QUEUES = "RETRY_QUEUES"
    DEAD_LETTERS = "DEAD_LETTERS"
    DURABLE_QUEUES = "DURABLE_QUEUES"
    DURABLE_LOG = "DURABLE_LOG"
    TIMEOUTS = "TIMEOUTS"
    RETRIES = "RETRIES"
    BREAKER = "BREAKER"
    LEASE = "LEASE"


type Safeguards = frozenset[Safeguard]

_NOTES = (
    Safeguard.RETRY_QUEUES,
    Safeguard.DEAD_LETTERS,
    Safeguard.DURABLE_QUEUES,
    Safeguard.DURABLE_LOG,
)
_MODES: dict[str, Safeguards] = {
    "naive": frozenset(),
    "notes": frozenset(_NOTES),
    "hardened": frozenset(Safeguard),
}


def parse(mode: str, off: str) -> Safeguards:
    """Reads a mode and a comma list of safeguards to switch off."""
    if mode not in _MODES:
        raise SafeguardError(f"MODE is `{mode}`: use naive, notes or hardened")
    on = set(_MODES[mode])
    for name in filter(None, map(str.strip, off.split(","))):
        if name not in Safeguard.__members__:
            known = ", ".join(Safeguard.__members__)
            raise SafeguardError(
                f"SAFEGUARDS_OFF names the unknown safeguard `{name}`: use any of {known}"
            )
        on.discard(Safeguard[name])
    return frozenset(on)


def names(safeguards: Safeguards) -> str:
    """Those that are on, for logs."""
    return ",".join(it.value for it in Safeguard if it in safeguards) or "none"
