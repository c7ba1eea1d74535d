"""One JSON object per line on standard error: few lines, each about something an operator would
want to know, never one per request.
"""

import json
import logging
import sys
import time


def now_micros() -> int:
    """The time now in unix microseconds: the unit of every time that this service shows."""
    return time.time_ns() // 1000


def event(what: str, **details: object) -> None:
    """Writes one line: the time, what happened, and its details."""
    line = {"at": now_micros(), "event": what} | {name: str(it) for name, it in details.items()}
    print(json.dumps(line, ensure_ascii=False), file=sys.stderr, flush=True)


class _AsEvents(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {record.exc_info[1]!r}"
        event("library failed", library=record.name, error=text.strip().replace("\n", " | "))


def catch_libraries() -> None:
    """Writes failures inside of libraries in the same form. What they merely warn of is a lost
    connection, which is told where it is dealt with."""
    logging.basicConfig(level=logging.ERROR, handlers=[_AsEvents()])
    # It tells of every lost connection as an error, and so does the supervisor.
    for talkative in ("aio_pika", "aiormq", "asyncio"):
        logging.getLogger(talkative).setLevel(logging.CRITICAL)
