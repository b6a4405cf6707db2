"""The installed command: ``cli.main`` in a process of its own, set up before anything large is imported."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress

# Nothing large: until signals are heeded, Ctrl-C ends in a traceback.
from listrak_source.cli.process.memory import keep_flat
from listrak_source.cli.process.signals import Terminated, Watch, end_when_told, no_more_signals
from listrak_source.cli.process.streams import Streams


def main() -> None:
    """Run the command, and end the process at once when all is written.

    Thousands of modules would be taken apart piece by piece only to end: a third of a second, after every file and
    connection has been closed.
    """
    end_when_told()
    streams = Streams()
    code = 0
    try:
        keep_flat()
        from listrak_source.cli.process.scratch import keep_private

        keep_private()
        from listrak_source.cli import main as command

        gc.freeze()  # what is imported by now stays: no need to look through it again and again
        with Watch():
            command.main()
    except KeyboardInterrupt as error:
        no_more_signals()
        code = _interrupted(error)
    except SystemExit as end:
        no_more_signals()
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
    with suppress(Exception):  # what is told of the run has no say in how it ends
        from listrak_source.api.tracing import hand_over

        hand_over()
    streams.flush()
    if (why := streams.lost()) and code == 0:
        from listrak_source.cli.output.logs import fail_with

        fail_with(f"What was to be done is done, but standard output does not hold all that it tells: {why}.")
        code = 1
    streams.flush()
    os._exit(code)


def _interrupted(error: KeyboardInterrupt) -> int:
    """Say so, where nobody has: it came before there was anybody to say it, or after."""
    if isinstance(end := error.__context__, SystemExit):
        return int(end.code or 0)
    with suppress(Exception):
        from listrak_source.cli.main import failed

        return failed(sys.argv[1:], error)
    # What says so could not be imported.
    was_told = isinstance(error, Terminated)
    print(f"listrak: {'Told to end' if was_told else 'Interrupted'}.", file=sys.stderr)
    return 143 if was_told else 4


if __name__ == "__main__":
    main()
