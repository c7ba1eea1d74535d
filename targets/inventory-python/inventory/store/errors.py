"""What can go wrong with the database, told apart by what it means for the data."""

import asyncpg


class StoreError(Exception):
    """The database did not do what was asked."""

    is_outage = False
    """Whether the next attempt has no better chance at the moment."""


class Unreachable(StoreError):
    """No connection could be had: nothing was sent."""

    is_outage = True

    def __init__(self, cause: BaseException) -> None:
        super().__init__(f"the database cannot be reached: {describe(cause)}")


class Silent(StoreError):
    """A statement got no answer in time, before the commit was sent: nothing is left."""

    is_outage = True

    def __init__(self) -> None:
        super().__init__(
            "the database did not answer in time, and the transaction was undone"
        )


class Undone(StoreError):
    """A statement failed before the commit was sent: nothing is left of the transaction."""

    def __init__(self, cause: BaseException | str) -> None:
        text = cause if isinstance(cause, str) else describe(cause)
        super().__init__(f"the transaction failed and was undone: {text}")


class CommitUnknown(StoreError):
    """The commit was sent and its answer never came: nobody knows."""

    is_outage = True

    def __init__(self, cause: StoreError) -> None:
        super().__init__(f"the commit got no clear answer: {cause}")


def describe(cause: BaseException) -> str:
    """The text of an error, with the code of PostgreSQL where it has one."""
    if isinstance(cause, asyncpg.PostgresError) and cause.sqlstate:
        return f"{cause} ({cause.sqlstate})"
    return str(cause) or type(cause).__name__
