"""Configuration, taken from environment variables as container images expect it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from inventory import safeguards
from inventory.safeguards import SafeguardError, Safeguards


class SettingsError(Exception):
    """The command or the environment is wrong; the text names the variable."""


class Wiring(Enum):
    """How the services work together, where there is an inventory service."""

    DIRECT = "direct"
    BROKER = "broker"
    PIPELINE = "pipeline"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the process needs to know."""

    wiring: Wiring
    database_url: str
    amqp_url: str
    """Empty but in the architecture that has a broker."""
    public_port: int
    """For customers, reached through the proxy."""
    admin_port: int
    """For operators and auditors, never behind the proxy."""
    safeguards: Safeguards

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Reads the environment. An empty value means "not set": Compose files cannot leave a
        variable out."""
        given = {name: value for name, value in environment.items() if value}
        wiring = _wiring(_needed(given, "ARCHITECTURE"))
        amqp_url = given.get("AMQP_URL", "")
        if wiring is Wiring.BROKER:
            _needed(given, "AMQP_URL")
        try:
            on = safeguards.parse(given.get("MODE", "hardened"), given.get("SAFEGUARDS_OFF", ""))
        except SafeguardError as error:
            raise SettingsError(str(error)) from error
        return cls(
            wiring=wiring,
            database_url=_needed(given, "DATABASE_URL"),
            amqp_url=amqp_url,
            public_port=_port("PUBLIC_PORT", given.get("PUBLIC_PORT", "8080")),
            admin_port=_port("ADMIN_PORT", given.get("ADMIN_PORT", "9090")),
            safeguards=on,
        )


def _needed(given: Mapping[str, str], name: str) -> str:
    if name not in given:
        raise SettingsError(f"{name} is not set: the role needs it")
    return given[name]


def _wiring(name: str) -> Wiring:
    if name == "monolith":
        raise SettingsError("ARCHITECTURE `monolith` has no role `inventory`")
    try:
        return Wiring(name)
    except ValueError:
        known = "monolith, direct, broker or pipeline"
        raise SettingsError(f"ARCHITECTURE is `{name}`: use {known}") from None


def _port(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal() and 1 <= int(value) <= 65_535):
        raise SettingsError(f"{name} is `{value}`: use a port from 1 to 65535")
    return int(value)
