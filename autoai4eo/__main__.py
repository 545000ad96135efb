"""``python -m autoai4eo`` is the command ``autoai4eo``.

Python puts the current folder first among the places of modules: here it comes last,
but what Python itself imports before is found there. The command, or ``python -P -m
autoai4eo``, is safe in a folder of others.
"""

import atexit
import os
import sys


def main() -> None:
    """Runs a command; ``device serve`` without the packages that the others need."""
    status: list[int] = []
    atexit.register(_end, status)  # first, so called last
    if sys.argv[1:3] == ["device", "serve"]:
        from autoai4eo.devices.serving import run

        run()
    from autoai4eo.cli import main

    try:
        main()
    except SystemExit as ended:
        if ended.code:
            status.append(ended.code if isinstance(ended.code, int) else 1)
        raise


def _end(status: list[int]) -> None:
    """Ends a command that did not succeed at once, with its exit status.

    Python would free what the traceback holds, such as data that are being read.
    TensorFlow's threads that read them wait for Python, which has ended for them, and
    Python waits for these: neither would end.
    """
    if status:
        os._exit(status[0])


if __name__ == "__main__":
    if not sys.flags.safe_path:
        sys.path.append(sys.path.pop(0))
    main()
