"""When the process ends: first it only says so, then it does, and it never takes too long."""

import asyncio
import signal

# How long `/healthz` says that the process is stopping before its ports close, in seconds: longer
# than two of the proxy's checks.
_NOTICE = 1.2
# How long requests and messages in progress may take to finish after a signal, in seconds.
_DRAIN_DEADLINE = 4.0


class Ending:
    """The stages of the end of a process."""

    def __init__(self) -> None:
        self.announced = asyncio.Event()
        """The process has been told to stop and says so to the proxy."""
        self.stop = asyncio.Event()
        """Requests and messages in progress are finished, and no new ones are taken."""
        self.overdue = asyncio.Event()
        """What is still in progress is left."""

    def begin_on_signal(self) -> None:
        """Handles the signals of this process. Its first process gets no default action for
        them, so both are handled."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._begin)

    def _begin(self) -> None:
        if not self.announced.is_set():
            self.announced.set()
            loop = asyncio.get_running_loop()
            loop.call_later(_NOTICE, self.stop.set)
            loop.call_later(_DRAIN_DEADLINE, self.overdue.set)
