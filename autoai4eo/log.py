"""What a search says where nobody watches a terminal: a log, line by line, at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import datetime

from rich.console import Console

from autoai4eo.text import line

#: After so long without a line a log says what is being done.
EVERY_S = 60.0


def is_watched() -> bool:
    """Whether all that is printed goes to a terminal that can show a live view."""
    # not Rich's own judgement: FORCE_COLOR makes a terminal of every file
    if sys.stdout is None or sys.stderr is None:
        return False  # closed (>&-)
    terminals = sys.stdout.isatty() and sys.stderr.isatty()
    return terminals and not Console().is_dumb_terminal


def open_streams() -> None:
    """Opens what the shell closed (``>&-``), so that no file of ours gets its number.

    Libraries write to these numbers, whatever lies there.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
            os.set_inheritable(number, True)  # workers would begin without it


def say(text: str) -> None:
    """Prints a line with date and time on standard output, at once.

    Where nobody reads it any more (``| head``) or it is closed, the search goes on.
    """
    if sys.stdout is None or sys.stdout.closed:
        return
    told = f"{datetime.now():%Y-%m-%d %H:%M:%S}   {line(text)}"
    encoding = sys.stdout.encoding or "utf-8"
    # in a script of the user's, whose streams we leave as they are
    told = told.encode(encoding, "backslashreplace").decode(encoding)
    try:
        print(told, flush=True)
    except BrokenPipeError:
        # what Python flushes at its end must go somewhere
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, sys.stdout.fileno())
        os.close(silent)


def log(verbose: bool) -> Callable[[str], None]:
    """`say` where there is neither terminal nor notebook; else what prints nothing."""
    wanted = verbose and not is_watched() and not Console().is_jupyter
    return say if wanted else _keep_quiet


def _keep_quiet(text: str) -> None:
    pass
