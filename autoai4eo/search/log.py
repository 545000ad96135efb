"""What a search says where nobody watches a terminal: a log, line by line, at once."""

from __future__ import annotations

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
    terminals = sys.stdout.isatty() and sys.stderr.isatty()
    return terminals and not Console().is_dumb_terminal


def say(text: str) -> None:
    """Prints a line with date and time on standard output, at once."""
    told = f"{datetime.now():%Y-%m-%d %H:%M:%S}   {line(text)}"
    encoding = sys.stdout.encoding or "utf-8"
    # in a script of the user's, whose streams we leave as they are
    print(told.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def log(verbose: bool) -> Callable[[str], None]:
    """`say` where there is neither terminal nor notebook; else what prints nothing."""
    wanted = verbose and not is_watched() and not Console().is_jupyter
    return say if wanted else _keep_quiet


def _keep_quiet(text: str) -> None:
    pass
