"""Run `python -m distgen` as the command."""

import os
import sys
from contextlib import suppress

INTERRUPTED = 130


def run() -> int:
    """Run the command; an interrupted one ends at once, whatever its threads still wait for.

    An ordinary exit would take libraries apart below threads that are in the middle of them.
    """
    try:
        # Imported here: ^C comes while modules are imported as well.
        from distgen.cli.main import main

        code = main()
    except KeyboardInterrupt:
        sys.stderr.write("distgen: interrupted\n")
        code = INTERRUPTED
    if code == INTERRUPTED:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    return code


if __name__ == "__main__":
    sys.exit(run())
