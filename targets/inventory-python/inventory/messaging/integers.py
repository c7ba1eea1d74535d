"""Integers in headers and arguments, as every other service writes them: 64 bits wide.

The library chooses the narrowest type that fits, fails at small negative numbers, which it takes
for unsigned, and so could not even declare a queue without a delivery limit.
"""

import pamqp.encode


def _wide(value: int) -> bytes:
    return b"l" + pamqp.encode.long_long_int(value)


def write_wide() -> None:
    """Makes the library write all integers so."""
    pamqp.encode.table_integer = _wide
