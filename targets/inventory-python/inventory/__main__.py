"""The entry point: `python3 -m inventory [refapp inventory]`, everything else by the environment.

The exit code is 0 after a signal, 2 for a wrong command or setting, 1 when a port cannot be had.
"""

import signal
import sys

# A signal that comes while libraries are still being imported ends the process properly, too.
for _signal in (signal.SIGTERM, signal.SIGINT):
    signal.signal(_signal, lambda *_: sys.exit(0))

from inventory import log  # noqa: E402
from inventory.process import run_until_signal  # noqa: E402
from inventory.settings import Settings, SettingsError  # noqa: E402

# The command of the container whose place this one takes.
COMMANDS = ([], ["refapp", "inventory"])


def main() -> int:
    """Runs the service until SIGTERM or SIGINT; returns the exit code."""
    try:
        if sys.argv[1:] not in COMMANDS:
            raise SettingsError(f"the command is `{' '.join(sys.argv[1:])}`: use refapp inventory")
        settings = Settings.from_environment()
    except SettingsError as error:
        log.event("wrong setting", error=error)
        return 2
    return run_until_signal(settings)


if __name__ == "__main__":
    sys.exit(main())
